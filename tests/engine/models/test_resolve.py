"""From a name to a folder: what is found, what is mended in a copy, what is refused."""

import json
import os
import shutil
from pathlib import Path

import pytest

from engine.errors import Refused
from engine.models.resolve import resolve

FAMILIES = ("bert", "distilbert", "roberta")


def edit(path: Path, **changes: object) -> None:
    """Change keys of a JSON file; None takes a key away."""
    values = json.loads(path.read_text(encoding="utf-8")) | changes
    kept = {key: value for key, value in values.items() if value is not None}
    path.write_text(json.dumps(kept), encoding="utf-8")


def refusal(name: object, tmp_path: Path, **settings: str) -> str:
    """The sentence with which a model is refused."""
    with pytest.raises(Refused) as caught:
        resolve(str(name), cache=tmp_path / "cache", **settings)
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    return text


@pytest.mark.parametrize("family", FAMILIES)
def test_a_sound_folder_is_used_where_it_lies(tiny_model, tmp_path: Path, family: str):
    folder = tiny_model(family)
    found = resolve(str(folder), cache=tmp_path / "cache")
    assert found.folder == folder
    assert found.profile.labels == ("animal", "food", "place")
    assert (found.notes, found.trust) == ((), False)
    assert not (tmp_path / "cache").exists()


@pytest.mark.starter
def test_the_starter_resolves():
    found = resolve("starter:kinds-minilm")
    assert len(found.profile.labels) == 13


def test_an_unknown_starter_names_those_there_are(tmp_path: Path):
    assert "kinds-minilm" in refusal("starter:nonsense", tmp_path)


def test_a_model_without_a_head_is_no_error(tiny_model):
    assert not resolve(str(tiny_model("bert", head=False))).profile.has_head


def test_labels_without_names_are_fine(tiny_model):
    folder = tiny_model("bert", labels=2)
    edit(folder / "config.json", id2label=None, label2id=None)
    assert resolve(str(folder)).profile.labels == ("LABEL_0", "LABEL_1")


def test_a_folder_that_is_no_model(tmp_path: Path):
    assert "not a model folder" in refusal(tmp_path, tmp_path)


@pytest.mark.parametrize("name", ["/no/such/folder", "./nothing", "a/b/c", "x" * 5000, "a\0b", ""])
def test_a_path_to_nothing(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert refusal(f"{name}/x/y/z" if name == "" else name, tmp_path)


def test_a_file_in_the_folder(tiny_model, tmp_path: Path):
    assert "is a file" in refusal(tiny_model("bert") / "config.json", tmp_path)


def test_an_adapter(tmp_path: Path):
    (tmp_path / "adapter_config.json").write_text("{}", encoding="utf-8")
    assert "an adapter" in refusal(tmp_path, tmp_path)


def test_a_config_without_weights(tiny_model, tmp_path: Path):
    folder = tiny_model("bert")
    (folder / "model.safetensors").rename(folder / "model.onnx")
    assert "no weights (only model.onnx, made for other programs)" in refusal(folder, tmp_path)


def test_an_unknown_family(tiny_model, tmp_path: Path):
    folder = tiny_model("bert")
    edit(folder / "config.json", model_type="mamba")
    assert "'mamba'" in refusal(folder, tmp_path)


@pytest.mark.parametrize("family", FAMILIES)
def test_truncated_weights(tiny_model, tmp_path: Path, family: str):
    path = tiny_model(family) / "model.safetensors"
    os.truncate(path, path.stat().st_size - 1)
    assert "was not copied to its end" in refusal(path.parent, tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"vocab_size": 999}, "config.json asks for 999 × 32"),
        ({"num_hidden_layers": 5}, "asks for 5 layers, the weights hold 3"),
        ({"num_hidden_layers": 10**9}, "asks for 1000000000 layers"),
        ({"hidden_size": 48}, "do not belong together"),
        ({"intermediate_size": 65}, "do not belong together"),
        ({"num_attention_heads": 5}, "5 attention heads"),
        ({"id2label": {"0": "a", "1": "b"}}, "3 outputs but config.json names 2 labels"),
        ({"problem_type": "regression"}, "a number, no label"),
        ({"problem_type": "multi_label_classification"}, "several labels at once"),
        ({"architectures": ["BertForTokenClassification"]}, "another task"),
        ({"quantization_config": {"quant_method": "gptq"}}, "quantized already"),
    ],
)
def test_a_config_that_does_not_fit(tiny_model, tmp_path: Path, changes: dict, words: str):
    folder = tiny_model("bert")
    edit(folder / "config.json", **changes)
    assert words in refusal(folder, tmp_path)


def test_one_output_is_refused(tiny_model, tmp_path: Path):
    assert "a number, no label" in refusal(tiny_model("bert", labels=1), tmp_path)


def test_whole_numbers_for_weights_are_refused(tiny_model, tmp_path: Path):
    import torch
    from safetensors.torch import load_file, save_file

    path = tiny_model("bert") / "model.safetensors"
    weights = load_file(path)
    name = "bert.encoder.layer.0.intermediate.dense.weight"
    save_file(weights | {name: weights[name].to(torch.int8)}, path)
    assert "quantized already" in refusal(path.parent, tmp_path)


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_own_code_runs_only_where_its_model_is_named(tiny_model, tmp_path: Path, file: str):
    folder = tiny_model("bert")
    edit(folder / file, auto_map={"AutoModel": "evil.Model"})
    said = refusal(folder, tmp_path)
    assert "run its own code" in said
    assert f"trust_remote_code: {folder}" in said
    assert refusal(folder, tmp_path, trust_remote_code=str(folder.parent)) == said
    assert resolve(str(folder), trust_remote_code=str(folder)).trust


def test_no_tokenizer(tiny_model, tmp_path: Path):
    folder = tiny_model("bert")
    (folder / "tokenizer.json").unlink()
    assert "has no tokenizer" in refusal(folder, tmp_path)


def test_a_damaged_tokenizer(tiny_model, tmp_path: Path):
    path = tiny_model("bert") / "tokenizer.json"
    os.truncate(path, path.stat().st_size // 2)
    assert "cannot be read as a tokenizer" in refusal(path.parent, tmp_path)


def test_a_tokenizer_of_another_model(tiny_model, tmp_path: Path):
    folder = tiny_model("bert")
    shutil.copy(tiny_model("roberta") / "tokenizer.json", folder)
    assert "500 tokens but the model only" in refusal(folder, tmp_path)


def test_an_old_tokenizer_is_converted_in_a_copy(tiny_model, tmp_path: Path):
    from tokenizers import Tokenizer

    folder = tiny_model("bert")
    fast = Tokenizer.from_file(str(folder / "tokenizer.json"))
    by_number = sorted(fast.get_vocab().items(), key=lambda pair: pair[1])
    text = "\n".join(token for token, _ in by_number)
    (folder / "vocab.txt").write_text(text, encoding="utf-8")
    (folder / "tokenizer.json").unlink()
    before = sorted(folder.iterdir())

    found = resolve(str(folder), cache=tmp_path / "cache")

    made = Tokenizer.from_file(str(found.folder / "tokenizer.json"))
    for sentence in ("the old dog", "unseen: Żółw 42!"):
        assert made.encode(sentence).ids == fast.encode(sentence).ids
    assert "older form" in found.notes[0]
    assert sorted(folder.iterdir()) == before
    assert resolve(str(folder), cache=tmp_path / "cache").folder == found.folder
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [found.folder.name]


def test_links_out_of_the_folder_are_refused(tiny_model, tmp_path: Path):
    folder = tiny_model("bert")
    secret = tmp_path / "secret.json"
    (folder / "tokenizer_config.json").rename(secret)
    (folder / "tokenizer_config.json").symlink_to(secret)
    assert "link to a file outside" in refusal(folder, tmp_path)


def test_a_folder_may_itself_be_a_link_and_have_any_name(tiny_model, tmp_path: Path):
    link = tmp_path / "a model's “name” ünder\n; rm -rf"
    link.symlink_to(tiny_model("bert"), target_is_directory=True)
    assert resolve(str(link)).profile.layers == 3
