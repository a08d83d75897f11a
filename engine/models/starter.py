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
PATHS = {"adapter", "folder", "train", "validation", "test", "corpus"}
WEIGHTS = "model.safetensors"
# What makes a folder of encoder weights a sentence-transformers folder, where a package has it.
SENTENCE_FILES = (
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "1_Pooling/config.json",
)


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
    """A model; `data` names the data set that it is tested on.

    `labels` are a classifier's, in the order of its outputs; other models have none.
    """

    family: str
    data: str
    labels: tuple[str, ...] = ()


class ShippedModel(StarterModel):
    """A model that lies whole in `folder`; `weights_sha256` is that of its model.safetensors."""

    folder: Path
    weights_sha256: str


class PackagedModel(StarterModel):
    """A model that lies whole inside a Python package.

    `base` is its name on the Hub, for the record; `base_sha256` is that of
    `package_folder`/model.safetensors.
    """

    base: str
    package: str
    package_folder: str
    base_sha256: str


class AdaptedModel(PackagedModel):
    """A fine-tuned classifier: base weights inside a Python package, plus a LoRA adapter of ours."""

    adapter: Path


class StarterData(_Entry):
    """A data set: three Parquet files with a column of text.

    Beside the text stands a label in `label_column` (classification), nothing (language modelling),
    or in `answers_column` the list of the ids of the texts to be found in `corpus`, a Parquet file
    with a column of ids and a column of text (sentence similarity).
    """

    train: Path
    validation: Path
    test: Path
    text_column: str
    label_column: str | None = None
    answers_column: str | None = None
    corpus: Path | None = None
    corpus_id_column: str | None = None
    corpus_text_column: str | None = None


class Catalogue(BaseModel):
    """Everything in the starter pack, by name. Paths are absolute."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: dict[str, ShippedModel | PackagedModel | AdaptedModel]
    data: dict[str, StarterData]


@cache
def catalogue() -> Catalogue:
    """Read `resources/catalogue.yaml`; pydantic.ValidationError if it is malformed."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the window waits for this: ten times as fast
    listed = yaml.load((RESOURCES / "catalogue.yaml").read_text(encoding="utf-8"), Loader=loader)
    for entries in listed.values():
        for name, entry in entries.items():
            entry["name"] = name
            for field in PATHS & entry.keys():
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


def base_folder(model: PackagedModel) -> Path:
    """The folder of the base weights and tokenizer, after checking the weights' SHA-256.

    The package is located, not imported: none of its code runs. StarterError if it is missing or
    its weights are not the ones that the catalogue names.
    """
    try:
        folder = Path(str(distribution(model.package).locate_file(model.package_folder)))
    except PackageNotFoundError:
        raise StarterError(
            f"The starter model “{model.name}” needs the Python package {model.package}, which is "
            f"not installed: run `pip install {model.package}`."
        ) from None
    _check_weights(
        folder / WEIGHTS,
        model.base_sha256,
        f"run `pip install --force-reinstall {model.package}`.",
        f"the file that “{model.name}” is made from",
    )
    return folder


def _check_weights(weights: Path, expected: str, remedy: str, what: str) -> None:
    if not weights.is_file():
        raise StarterError(f"{weights} should be {what}, but the file is missing: {remedy}")
    with weights.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise StarterError(
            f"{weights} is not {what} (its SHA-256 is {found[:12]}…, expected {expected[:12]}…): {remedy}"
        )


def base_model(model: AdaptedModel, folder: Path) -> "BertForSequenceClassification":
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
    weights = load_file(folder / WEIGHTS)
    # Old checkpoints store this buffer, which the model now makes by itself.
    weights.pop("embeddings.position_ids", None)
    classifier.bert.load_state_dict(weights)
    return classifier


def content_key(model: StarterModel) -> str:
    """12 hex digits that change when the weights, the adapter or transformers' version does."""
    digest = hashlib.sha256()
    if isinstance(model, PackagedModel):
        digest.update(f"{model.base_sha256} {version('transformers')}".encode())
    if isinstance(model, AdaptedModel):
        for name in ("adapter_config.json", "adapter_model.safetensors"):
            digest.update((model.adapter / name).read_bytes())
    if isinstance(model, ShippedModel):
        for path in sorted(model.folder.iterdir()):
            digest.update(path.name.encode() + path.read_bytes())
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


def _save_merged(model: AdaptedModel, folder: Path) -> None:
    base = base_folder(model)
    classifier = base_model(model, base)
    _add_adapter(classifier, model.adapter)
    classifier.save_pretrained(folder)
    _save_tokenizer(base, folder)


def _copy_packaged(model: PackagedModel, folder: Path) -> None:
    base = base_folder(model)
    for name in ("config.json", WEIGHTS, *SENTENCE_FILES):
        if (base / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(base / name, folder / name)
    _save_tokenizer(base, folder)


def _copy_shipped(model: ShippedModel, folder: Path) -> None:
    remedy = "install the program again."
    _check_weights(model.folder / WEIGHTS, model.weights_sha256, remedy, f"the weights of “{model.name}”")
    shutil.copytree(model.folder, folder, copy_function=shutil.copyfile)
    _widen(folder)


def _widen(folder: Path) -> None:
    """To 32 bits, in which it was trained: 16 are only how it is shipped, and what is compared is a model as made."""
    from safetensors.torch import load_file, save_file

    weights = {name: value.float() for name, value in load_file(folder / WEIGHTS).items()}
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"dtype": "float32"}, indent=2), encoding="utf-8")


def _make(model: StarterModel, folder: Path) -> None:
    if isinstance(model, AdaptedModel):
        _save_merged(model, folder)
    elif isinstance(model, PackagedModel):
        _copy_packaged(model, folder)
    elif isinstance(model, ShippedModel):
        _copy_shipped(model, folder)


def materialize(name: str, cache: Path) -> Path:
    """An ordinary Hugging Face folder of the starter model `name`, made once under `cache`.

    Holds config.json, model.safetensors (fp32, an adapter merged),
    tokenizer.json, tokenizer_config.json and, for an embedder, what makes it a
    sentence-transformers folder. Made in a temporary folder that is then renamed, so that what is
    there is complete; of two processes that make it at once, the second takes the first's. About
    6 s and 91 MB with an adapter. StarterError if the name is unknown or the weights are missing or
    changed.
    """
    model = starter_model(name)
    folder = cache / f"{name}-{content_key(model)}"
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=f".{name}-") as temporary:
        made = Path(temporary) / folder.name
        _make(model, made)
        try:
            os.replace(made, folder)
        except OSError:
            if not folder.is_dir():  # else another process was first
                raise
    return folder
