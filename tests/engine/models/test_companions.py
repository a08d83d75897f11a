"""What belongs to a model besides config and weights goes wherever the model goes."""

import json
import os
from pathlib import Path

import pytest

from engine.artifact import copy_tokenizer
from engine.errors import Refused
from engine.models.companions import carried_files, companion_files
from engine.models.profile import read_profile
from engine.models.resolve import resolve

MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"},
    {"idx": 3, "name": "3", "path": "3_Normalize", "type": "sentence_transformers.models.Normalize"},
]
OF_AN_EMBEDDER = {"modules.json", "1_Pooling/config.json", "2_Dense/config.json", "2_Dense/model.safetensors"}


def as_embedder(folder: Path, modules: object = MODULES) -> Path:
    """Make a sentence-transformers folder of it."""
    import numpy as np
    from safetensors.numpy import save_file

    (folder / "modules.json").write_text(json.dumps(modules, indent=2), encoding="utf-8")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{\n "pooling_mode_cls_token": true\n}', encoding="utf-8")
    (folder / "2_Dense").mkdir()
    settings = {"in_features": 32, "out_features": 8, "activation_function": "torch.nn.modules.activation.Tanh"}
    (folder / "2_Dense" / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    weight = np.random.default_rng(0).standard_normal((8, 32)).astype(np.float32)
    save_file({"linear.weight": weight}, folder / "2_Dense" / "model.safetensors")
    return folder


@pytest.fixture
def embedder(tiny_model) -> Path:
    return as_embedder(tiny_model("bert", head=False))


def test_they_are_found(embedder: Path):
    assert set(companion_files(embedder)) >= OF_AN_EMBEDDER
    (embedder / "notes.txt").write_text("mine", encoding="utf-8")
    assert "notes.txt" not in companion_files(embedder)


def test_vectors_are_made_in_the_same_way_from_a_copy(embedder: Path, tmp_path: Path):
    import numpy as np

    from engine.tasks.pooling import read_pooling

    (tmp_path / "new").mkdir()
    copy_tokenizer(embedder, tmp_path / "new")
    states = np.random.default_rng(1).standard_normal((3, 5, 32)).astype(np.float32)
    mask = np.ones((3, 5), np.float32)
    wanted = read_pooling(embedder)(states, mask)
    assert wanted.shape == (3, 8)
    assert (read_pooling(tmp_path / "new")(states, mask) == wanted).all()


def test_their_bytes_are_counted(embedder: Path, tmp_path: Path):
    (tmp_path / "new").mkdir()
    copy_tokenizer(embedder, tmp_path / "new")
    written = sum(path.stat().st_size for path in (tmp_path / "new").rglob("*") if path.is_file())
    assert written == sum(map(len, carried_files(embedder).values()))
    assert read_profile(embedder).tokenizer_bytes == written + (embedder / "config.json").stat().st_size


def test_a_mended_copy_has_them(embedder: Path, tmp_path: Path):
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    (embedder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters]), encoding="utf-8")
    (embedder / "tokenizer.json").unlink()
    found = resolve(str(embedder), cache=tmp_path / "cache")
    assert found.folder != embedder
    assert set(companion_files(found.folder)) >= OF_AN_EMBEDDER


@pytest.mark.parametrize("place", ["../secret", "..", ".", "/etc", "a/b", ""])
def test_a_module_cannot_lead_out_of_the_folder(tiny_model, tmp_path: Path, place: str):
    folder = tiny_model("bert", head=False)
    (folder.parent / "secret").mkdir()
    (folder.parent / "secret" / "config.json").write_text("{}", encoding="utf-8")
    (folder / "modules.json").write_text(json.dumps([{"path": place}]), encoding="utf-8")
    assert all("secret" not in name and name.count("/") == 0 for name in companion_files(folder))
    assert "config.json" not in companion_files(folder)


@pytest.mark.parametrize("text", ["", "3", "[3]", "{}", '[{"type": "a"}]', "[" * 100_000])
def test_a_broken_list_of_modules_names_none(tiny_model, text: str):
    folder = tiny_model("bert", head=False)
    (folder / "modules.json").write_text(text, encoding="utf-8")
    assert companion_files(folder)


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
@pytest.mark.parametrize("name", ["1_Pooling/config.json", "generation_config.json"])
def test_a_link_out_of_the_folder_is_refused(embedder: Path, tmp_path: Path, name: str):
    (tmp_path / "secret.json").write_text('{"secret": 1}', encoding="utf-8")
    (embedder / name).unlink(missing_ok=True)
    (embedder / name).symlink_to(tmp_path / "secret.json")
    with pytest.raises(Refused, match="link to a file outside"):
        resolve(str(embedder), cache=tmp_path / "cache")


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_linked_module_folder_is_refused(embedder: Path, tmp_path: Path):
    (embedder / "1_Pooling").rename(tmp_path / "elsewhere")
    (embedder / "1_Pooling").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused, match="link to a file outside"):
        resolve(str(embedder), cache=tmp_path / "cache")


def test_how_a_model_writes_is_kept_unless_the_saved_one_says_otherwise(tiny_models, tmp_path: Path):
    folder = tiny_models.build_decoder(tmp_path / "tiny", "gpt2")
    settings = json.loads((folder / "generation_config.json").read_text(encoding="utf-8")) | {"temperature": 0.5}
    (folder / "generation_config.json").write_text(json.dumps(settings), encoding="utf-8")
    for name in ("new", "own"):
        (tmp_path / name).mkdir()
    (tmp_path / "own" / "generation_config.json").write_text('{"eos_token_id": 7}', encoding="utf-8")
    for name in ("new", "own"):
        copy_tokenizer(folder, tmp_path / name)
    assert json.loads((tmp_path / "new" / "generation_config.json").read_text())["temperature"] == 0.5
    assert json.loads((tmp_path / "own" / "generation_config.json").read_text()) == {"eos_token_id": 7}


@pytest.mark.parametrize("family", ["gpt2", "llama", "qwen2", "qwen3", "mistral"])
def test_a_decoder_needs_no_unknown_and_no_padding_token(tiny_models, tmp_path: Path, family: str):
    folder = tiny_models.build_decoder(tmp_path / "tiny", family)
    assert "[UNK]" not in (folder / "tokenizer.json").read_text(encoding="utf-8")
    found = resolve(str(folder), cache=tmp_path / "cache")
    assert (found.folder, found.notes) == (folder, ())


def test_a_sentencepiece_file_that_is_none_is_refused_in_a_sentence(tiny_models, tmp_path: Path):
    folder = tiny_models.build_decoder(tmp_path / "tiny", "llama")
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer.model").write_bytes(b"no protobuf")
    with pytest.raises(Refused, match=r"could not be converted to tokenizer\.json"):
        resolve(str(folder), cache=tmp_path / "cache")
