"""Pickled weights: plain tensors are converted, whatever else might be in a pickle never runs."""

import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from engine.errors import Refused
from engine.models.resolve import resolve


class Hostile:
    """Makes a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.trace),)


def pickled(folder: Path, name: str = "pytorch_model.bin") -> dict[str, torch.Tensor]:
    """Turn a folder's safetensors into a pickle; the weights."""
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / name)
    return weights


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "best.pth"])
def test_plain_tensors_are_converted_in_a_copy(tiny_model, tmp_path: Path, name: str):
    folder = tiny_model("bert")
    weights = pickled(folder, name)
    torch.save({"lr": 1}, folder / "training_args.bin")

    found = resolve(str(folder), cache=tmp_path / "cache")

    assert found.folder.parent == tmp_path / "cache"
    made = load_file(found.folder / "model.safetensors")
    assert made.keys() == weights.keys()
    assert all(torch.equal(made[key], weights[key]) for key in weights)
    assert "pickle" in found.notes[0]
    assert not (folder / "model.safetensors").exists()
    assert not (found.folder / name).exists()


def test_tied_and_transposed_tensors_are_converted(tiny_model, tmp_path: Path):
    folder = tiny_model("bert", head=False)
    weights = pickled(folder)
    rows = weights["embeddings.word_embeddings.weight"]
    weights["cls.predictions.decoder.weight"] = rows
    weights["pooler.dense.weight"] = weights["pooler.dense.weight"].T
    torch.save(weights, folder / "pytorch_model.bin")
    made = load_file(resolve(str(folder), cache=tmp_path).folder / "model.safetensors")
    assert torch.equal(made["cls.predictions.decoder.weight"], rows)


def test_safetensors_go_first_and_the_pickle_is_not_touched(tiny_model, tmp_path: Path):
    folder = tiny_model("bert")
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Hostile(tmp_path / "trace")))
    assert resolve(str(folder)).folder == folder
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_hostile_pickle_does_not_run(tiny_model, tmp_path: Path, zipped: bool):
    folder = tiny_model("bert")
    weights = pickled(folder)
    torch.save(
        weights | {"extra": Hostile(tmp_path / "trace")},
        folder / "pytorch_model.bin",
        _use_new_zipfile_serialization=zipped,
    )
    with pytest.raises(Refused, match="could run code"):
        resolve(str(folder), cache=tmp_path / "cache")
    assert not (tmp_path / "trace").exists()
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_bare_hostile_pickle_does_not_run(tiny_model, tmp_path: Path):
    folder = tiny_model("bert")
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Hostile(tmp_path / "trace")))
    with pytest.raises(Refused, match="could run code"):
        resolve(str(folder), cache=tmp_path / "cache")
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("content", [{"state_dict": {"a": 1}}, {}, [1], {"epoch": 3}])
def test_a_training_state_is_refused(tiny_model, tmp_path: Path, content: object):
    folder = tiny_model("bert")
    pickled(folder)
    torch.save(content, folder / "pytorch_model.bin")
    with pytest.raises(Refused, match="more than named tensors"):
        resolve(str(folder), cache=tmp_path)


def test_a_whole_pickled_model_is_refused(tiny_model, tmp_path: Path):
    folder = tiny_model("bert")
    pickled(folder)
    torch.save(torch.nn.Linear(2, 2), folder / "pytorch_model.bin")
    with pytest.raises(Refused, match="could run code"):
        resolve(str(folder), cache=tmp_path)


@pytest.mark.parametrize("size", [0, 3, 5000])
def test_a_truncated_pickle_is_refused(tiny_model, tmp_path: Path, size: int):
    folder = tiny_model("bert")
    pickled(folder)
    os.truncate(folder / "pytorch_model.bin", size)
    with pytest.raises(Refused, match=r"damaged|could run code"):
        resolve(str(folder), cache=tmp_path)


def test_several_candidates_are_named(tiny_model, tmp_path: Path):
    folder = tiny_model("bert")
    pickled(folder, "a.pt")
    (folder / "b.pt").write_bytes(b"")
    with pytest.raises(Refused, match=r"a\.pt, b\.pt"):
        resolve(str(folder), cache=tmp_path)
