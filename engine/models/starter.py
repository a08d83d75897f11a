"""The starter pack: models and data that come with the program and need no network.

Importing this module is cheap (the window does it); torch comes in inside `base_model` and
`materialize`. What there is is listed in `resources/catalogue.yaml`.
"""

import hashlib
import json
import os
import shutil
import tempfile
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from transformers import BertForSequenceClassification

Entry = TypeVar("Entry")

RESOURCES = Path(str(files("resources")))


class StarterError(Exception):
    """One sentence for the user: what was wrong, where, what to do."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    summary: str
    task: str
    licence: str
    source: str


class StarterModel(_Entry):
    """A fine-tuned model: base weights inside a Python package, plus a LoRA adapter of ours.

    `base` is the base's name on the Hub, for the record; `base_sha256` is that of
    `package_folder`/model.safetensors; `labels` are in the order of the model's outputs; `data`
    names the data set that the model was trained and tested on.
    """

    family: str
    data: str
    labels: tuple[str, ...]
    base: str
    package: str
    package_folder: str
    base_sha256: str
    adapter: Path


class StarterData(_Entry):
    """A data set: three Parquet files with a column of text and a column of labels."""

    train: Path
    validation: Path
    test: Path
    text_column: str
    label_column: str


class Catalogue(BaseModel):
    """Everything in the starter pack, by name. Paths are absolute."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: dict[str, StarterModel]
    data: dict[str, StarterData]


@cache
def catalogue() -> Catalogue:
    """Read `resources/catalogue.yaml`; pydantic.ValidationError if it is malformed."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the window waits for this: ten times as fast
    listed = yaml.load((RESOURCES / "catalogue.yaml").read_text(encoding="utf-8"), Loader=loader)
    for entries in listed.values():
        for name, entry in entries.items():
            entry["name"] = name
            for field in {"adapter", "train", "validation", "test"} & entry.keys():
                entry[field] = RESOURCES / entry[field]
    return Catalogue.model_validate(listed)


def _find(entries: dict[str, Entry], name: str, what: str) -> Entry:
    if name not in entries:
        known = ", ".join(sorted(entries))
        raise StarterError(f"There is no starter {what} called “{name}”: choose one of {known}.")
    return entries[name]


def starter_model(name: str) -> StarterModel:
    """The model called `name`; StarterError, listing the names there are, if there is none."""
    return _find(catalogue().models, name, "model")


def data_files(name: str) -> StarterData:
    """The data set called `name`; StarterError, listing the names there are, if there is none."""
    return _find(catalogue().data, name, "data set")


def base_folder(model: StarterModel) -> Path:
    """The folder of the base weights and tokenizer, after checking the weights' SHA-256.

    The package is located, not imported: none of its code runs. StarterError if it is missing or
    its weights are not the ones that the adapter was trained on.
    """
    try:
        folder = Path(str(distribution(model.package).locate_file(model.package_folder)))
    except PackageNotFoundError:
        raise StarterError(
            f"The starter model “{model.name}” needs the Python package {model.package}, which is "
            f"not installed: run `pip install {model.package}`."
        ) from None
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise StarterError(
            f"The package {model.package} should hold {weights}, but the file is missing: "
            f"run `pip install --force-reinstall {model.package}`."
        )
    with weights.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != model.base_sha256:
        raise StarterError(
            f"{weights} is not the file that “{model.name}” was trained on (its SHA-256 is "
            f"{found[:12]}…, expected {model.base_sha256[:12]}…): "
            f"run `pip install --force-reinstall {model.package}`."
        )
    return folder


def base_model(model: StarterModel, folder: Path) -> "BertForSequenceClassification":
    """The base weights (fp32, on the CPU) of `base_folder` under an untrained head."""
    from safetensors.torch import load_file
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig.from_pretrained(
        folder,
        name_or_path=model.base,
        id2label=dict(enumerate(model.labels)),
        label2id={label: index for index, label in enumerate(model.labels)},
        problem_type="single_label_classification",
    )
    classifier = BertForSequenceClassification(config)
    weights = load_file(folder / "model.safetensors")
    # Old checkpoints store this buffer, which the model now makes by itself.
    weights.pop("embeddings.position_ids", None)
    classifier.bert.load_state_dict(weights)
    return classifier


def content_key(model: StarterModel) -> str:
    """12 hex digits that change when the base, the adapter or transformers' version does."""
    digest = hashlib.sha256(f"{model.base_sha256} {version('transformers')}".encode())
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        digest.update((model.adapter / name).read_bytes())
    return digest.hexdigest()[:12]


def _add_adapter(classifier: "BertForSequenceClassification", adapter: Path) -> None:
    """Merge a peft LoRA folder in place: each W becomes W + alpha / r * B @ A.

    peft's own merge gives the same weights, but importing it would double the time this takes.
    """
    from safetensors.torch import load_file

    settings = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    scale = settings["lora_alpha"] / settings["r"]
    stored = load_file(adapter / "adapter_model.safetensors")
    trained = {name.removeprefix("base_model.model."): w.float() for name, w in stored.items()}
    weights = classifier.state_dict()  # shares memory with the model
    for name, weight in trained.items():
        if ".lora_A." in name:
            up = trained[name.replace(".lora_A.", ".lora_B.")]
            weights[name.replace(".lora_A.", ".")] += scale * up @ weight
        elif ".lora_B." not in name:
            weights[name].copy_(weight)


def _save_tokenizer(base: Path, folder: Path) -> None:
    tokenizer = json.loads((base / "tokenizer.json").read_text(encoding="utf-8"))
    # The package's own pads every text to 128 tokens and cuts it there.
    tokenizer |= {"padding": None, "truncation": None}
    text = json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":"))
    (folder / "tokenizer.json").write_text(text, encoding="utf-8")
    shutil.copyfile(base / "tokenizer_config.json", folder / "tokenizer_config.json")


def _save_merged(model: StarterModel, folder: Path) -> None:
    base = base_folder(model)
    classifier = base_model(model, base)
    _add_adapter(classifier, model.adapter)
    classifier.save_pretrained(folder)
    _save_tokenizer(base, folder)


def materialize(name: str, cache: Path) -> Path:
    """An ordinary Hugging Face folder of the starter model `name`, made once under `cache`.

    Holds config.json, model.safetensors (fp32, adapter merged), tokenizer.json and
    tokenizer_config.json. Made in a temporary folder that is then renamed, so that what is there is
    complete; of two processes that make it at once, the second takes the first's. About 6 s and
    91 MB. StarterError if the name is unknown or the base weights are missing or changed.
    """
    model = starter_model(name)
    folder = cache / f"{name}-{content_key(model)}"
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=f".{name}-") as temporary:
        made = Path(temporary) / folder.name
        _save_merged(model, made)
        try:
            os.replace(made, folder)
        except OSError:
            if not folder.is_dir():  # else another process was first
                raise
    return folder
