"""The starter pack as its users meet it: listed, refused with a sentence, or a plain folder."""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
import yaml

from engine.models import starter
from engine.models.starter import (
    AdaptedModel,
    ShippedModel,
    StarterError,
    catalogue,
    data_files,
    materialize,
    starter_model,
)

SAMPLE = 600


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`kinds-minilm`, made by two processes at once in one cache."""
    cache = tmp_path_factory.mktemp("cache")
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        first, second = pool.map(materialize, ["kinds-minilm"] * 2, [cache] * 2)
    assert first == second
    assert list(cache.iterdir()) == [first]
    return first


def test_listing_what_there_is_brings_in_nothing_heavy() -> None:
    heavy = {"torch", "transformers", "numpy", "pyarrow", "peft", "safetensors"}
    code = (
        "import sys; from engine.models.starter import catalogue; catalogue();"
        f"print(sorted({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_entry_points_at_files_that_exist() -> None:
    for data in catalogue().data.values():
        assert all(path.is_file() for path in (data.train, data.validation, data.test, data.corpus or data.test))
    for model in catalogue().models.values():
        assert model.data in catalogue().data
        assert model.task == catalogue().data[model.data].task
        if isinstance(model, AdaptedModel):
            assert (model.adapter / "adapter_model.safetensors").is_file()
        if isinstance(model, ShippedModel):
            assert (model.folder / "model.safetensors").is_file()


def test_the_pack_is_small() -> None:
    files = [path for path in starter.RESOURCES.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 30e6


@pytest.mark.parametrize(("ask", "known"), [(starter_model, "kinds-minilm"), (data_files, "kinds")])
def test_an_unknown_name_is_answered_with_the_known_ones(ask: Callable[[str], object], known: str) -> None:
    with pytest.raises(StarterError, match=f"called “nothing”: choose one of .*{known}"):
        ask("nothing")


def test_an_entry_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        starter_model("kinds-minilm").title = "other"


def test_a_missing_package_is_named() -> None:
    model = starter_model("kinds-minilm").model_copy(update={"package": "no-such-package"})
    with pytest.raises(StarterError, match="pip install no-such-package"):
        starter.base_folder(model)


def test_changed_base_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Tampered:
        def locate_file(self, inside: str) -> Path:
            return tmp_path / inside

    model = starter_model("kinds-minilm")
    monkeypatch.setattr(starter, "distribution", lambda _: Tampered())
    with pytest.raises(StarterError, match="the file is missing: run `pip install --force"):
        materialize(model.name, tmp_path / "cache")
    weights = tmp_path / model.package_folder / "model.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"something else")
    with pytest.raises(StarterError, match="is not the file that “kinds-minilm” is made from"):
        materialize(model.name, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_changed_adapter_gets_a_folder_of_its_own(tmp_path: Path) -> None:
    model = starter_model("kinds-minilm")
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (tmp_path / name).write_bytes((model.adapter / name).read_bytes())
    moved = model.model_copy(update={"adapter": tmp_path})
    assert starter.content_key(moved) == starter.content_key(model)
    with (tmp_path / "adapter_model.safetensors").open("ab") as file:
        file.write(b" ")
    assert starter.content_key(moved) != starter.content_key(model)


def test_a_shipped_model_is_copied_whole_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    source = tmp_path / "shipped"
    source.mkdir()
    (source / "config.json").write_text('{"dtype": "float16"}', encoding="utf-8")
    (source / "LICENSE").write_text("free", encoding="utf-8")
    save_file({"weight": torch.ones(2, 3, dtype=torch.float16)}, source / "model.safetensors")
    shipped = (source / "model.safetensors").read_bytes()
    sound = ShippedModel.model_validate(
        dict.fromkeys(("name", "title", "summary", "task", "licence", "source", "family", "data"), "mine")
        | {"folder": source, "weights_sha256": hashlib.sha256(shipped).hexdigest()}
    )
    monkeypatch.setattr(starter, "starter_model", lambda _: sound)
    made = materialize("mine", tmp_path / "cache")
    assert made.name == f"mine-{starter.content_key(sound)}"
    assert {path.name for path in made.iterdir()} == {path.name for path in source.iterdir()}
    assert (made / "LICENSE").read_bytes() == (source / "LICENSE").read_bytes()
    assert load_file(made / "model.safetensors")["weight"].dtype is torch.float32
    assert json.loads((made / "config.json").read_text()) == {"dtype": "float32"}
    assert materialize("mine", tmp_path / "cache") == made
    (source / "model.safetensors").write_text("something else", encoding="utf-8")
    with pytest.raises(StarterError, match=r"is not the weights of “mine” .*install the program again"):
        materialize("mine", tmp_path / "cache")
    (source / "model.safetensors").unlink()
    with pytest.raises(StarterError, match="the file is missing: install the program again"):
        materialize("mine", tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == [made]


@pytest.mark.starter
def test_minilm_is_an_ordinary_sentence_transformers_folder(tmp_path: Path) -> None:
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import AutoModel, AutoTokenizer

    made = materialize("minilm", tmp_path)
    assert {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()} == {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "modules.json",
        "sentence_bert_config.json",
        "config_sentence_transformers.json",
        "1_Pooling/config.json",
    }
    texts = ["a small tame animal that barks", "dog", "a long " + "long " * 200 + "text"]
    theirs = SentenceTransformer(str(made), device="cpu").encode(texts, convert_to_tensor=True)
    batch = AutoTokenizer.from_pretrained(made)(texts, padding=True, return_tensors="pt")
    with torch.inference_mode():
        hidden = AutoModel.from_pretrained(made).eval()(**batch).last_hidden_state
    mask = batch["attention_mask"][:, :, None]
    mean = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1))
    torch.testing.assert_close(theirs, mean, rtol=1e-4, atol=1e-5)
    assert float(mean[0] @ mean[1]) > float(mean[2] @ mean[1])


@pytest.mark.starter
def test_what_is_made_is_made_once(folder: Path) -> None:
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert materialize("kinds-minilm", folder.parent) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == before


@pytest.mark.starter
def test_the_folder_holds_what_is_needed_and_nothing_else(folder: Path) -> None:
    from safetensors.torch import load_file

    names = {path.name for path in folder.iterdir()}
    assert names == {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    labels = starter_model("kinds-minilm").labels
    assert config["id2label"] == {str(index): label for index, label in enumerate(labels)}
    assert config["label2id"] == {label: index for index, label in enumerate(labels)}
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    assert (tokenizer["padding"], tokenizer["truncation"]) == (None, None)
    weights = load_file(folder / "model.safetensors")
    assert not [name for name in weights if "position_ids" in name]
    assert {str(weight.dtype) for weight in weights.values()} == {"torch.float32"}


@pytest.mark.starter
def test_the_tokenizer_cuts_and_pads_only_when_asked(folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    short, long = tokenizer(["a small cat", "cat " * 600])["input_ids"]
    assert tokenizer.decode(short) == "[CLS] a small cat [SEP]"
    assert len(long) == 602
    assert len(tokenizer("cat " * 600, truncation=True)["input_ids"]) == 512


@pytest.mark.starter
def test_it_answers_as_its_card_says(folder: Path) -> None:
    import pyarrow.parquet as pq

    from resources.kinds_model_card import answers, wilson_interval

    model, data = starter_model("kinds-minilm"), data_files("kinds")
    text = (model.adapter / "README.md").read_text(encoding="utf-8")
    card = yaml.safe_load(re.split(r"^---$", text, flags=re.MULTILINE)[1])
    test = pq.read_table(data.test).to_pydict()
    assert card["test_rows"] == len(test["text"])
    # Rows lie in the order of their hash, so the first ones are a random sample.
    given = answers(folder, test["text"][:SAMPLE])
    right = sum(map(str.__eq__, given, test["label"][:SAMPLE]))
    low, high = wilson_interval(right, SAMPLE)
    assert low <= card["test_accuracy"] <= high


@pytest.mark.starter
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_peft_merges_to_the_same_weights(folder: Path) -> None:
    import torch
    from peft import PeftModel
    from safetensors.torch import load_file

    model = starter_model("kinds-minilm")
    base = starter.base_model(model, starter.base_folder(model))
    merged = PeftModel.from_pretrained(base, model.adapter).merge_and_unload()
    ours = load_file(folder / "model.safetensors")
    theirs = merged.state_dict()
    assert ours.keys() == theirs.keys()
    for name, weight in ours.items():
        torch.testing.assert_close(weight, theirs[name], rtol=1e-5, atol=1e-6)
