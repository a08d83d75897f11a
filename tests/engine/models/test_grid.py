"""Weights that lie on a coarse grid are told, ordinary ones are not, and hardly anything is read."""

import json
import struct
import time
from pathlib import Path

import numpy as np
import pytest

from engine.models.grid import grid_note, grid_of

DRAW = np.random.default_rng(0)


def weights(rows: int = 256, columns: int = 2048) -> np.ndarray:
    return DRAW.standard_normal((rows, columns)).astype(np.float32)


def on_grid(values: np.ndarray, bits: int, group: int) -> np.ndarray:
    """Each group rounded to 2**bits steps between its least and its greatest number."""
    cut = values.reshape(-1, group)
    low, high = cut.min(axis=1, keepdims=True), cut.max(axis=1, keepdims=True)
    step = np.maximum(high - low, 1e-9) / (2**bits - 1)
    return (low + np.round((cut - low) / step) * step).reshape(values.shape).astype(np.float32)


@pytest.mark.parametrize("group", [32, 64, 128])
@pytest.mark.parametrize("bits", [2, 3, 4])
def test_bits_and_group_are_found_along_either_side(bits: int, group: int):
    values = on_grid(weights(), bits, group)
    assert grid_of(values) == (bits, group)
    assert grid_of(np.ascontiguousarray(values.T)) == (bits, group)  # as Conv1D keeps them
    assert grid_of(values.astype(np.float16).astype(np.float32)) == (bits, group)


def test_rows_of_8_bits_are_found():
    assert grid_of(on_grid(weights(), 8, 2048)) == (8, 0)


def bf16(values: np.ndarray) -> np.ndarray:
    return (values.view(np.uint32) & 0xFFFF0000).view(np.float32)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(weights(), id="fp32"),
        pytest.param(weights().astype(np.float16).astype(np.float32), id="fp16"),
        pytest.param(bf16(weights()), id="bf16"),
        pytest.param(bf16(weights(256, 1024)), id="short rows in bf16"),
        pytest.param(weights() * (DRAW.random((256, 2048)) > 0.6), id="60 % pruned"),
        pytest.param(weights() * (DRAW.random((256, 2048)) > 0.95), id="95 % pruned"),
        pytest.param(weights() * np.tile([1, 1, 0, 0], 512).astype(np.float32), id="2:4"),
        pytest.param(np.zeros((256, 2048), np.float32), id="zeros"),
        pytest.param(weights(40, 40), id="small"),
    ],
)
def test_ordinary_weights_are_on_no_grid(values: np.ndarray):
    assert grid_of(values) is None


def save(folder: Path, **tensors: np.ndarray) -> Path:
    from safetensors.numpy import save_file

    folder.mkdir()
    save_file(tensors, folder / "model.safetensors")
    return folder


def test_the_sentence(tmp_path: Path):
    packed = {f"layer.{place}": on_grid(weights(), 4, 64) for place in range(3)}
    assert grid_note(save(tmp_path / "whole", **packed)) == (
        "The weights already lie on a 4-bit grid (groups of 64, at most 16 distinct values): 4 bits will look lossless "
        "because nothing is left to lose."
    )
    mixed = grid_note(save(tmp_path / "most", **packed, words=weights(500)))
    assert mixed.startswith("Most of the weights already lie on a 4-bit grid (groups of 64")
    assert grid_note(save(tmp_path / "half", **packed, words=weights(5000))) == ""
    assert grid_note(save(tmp_path / "none", a=weights(), b=weights()[0])) == ""
    assert grid_note(save(tmp_path / "vectors", b=weights()[0])) == ""


def test_bfloat16_is_read(tmp_path: Path):
    import torch
    from safetensors.torch import save_file

    values = torch.from_numpy(on_grid(weights(), 4, 32)).to(torch.bfloat16)
    save_file({"a": values}, tmp_path / "model.safetensors")
    assert "4-bit grid (groups of 32" in grid_note(tmp_path)


@pytest.mark.parametrize("family", ["bert", "distilbert", "roberta"])
def test_a_tiny_model_is_on_no_grid(tiny_model, family: str):
    assert grid_note(tiny_model(family)) == ""


def test_hardly_anything_is_read_of_a_huge_file(tmp_path: Path):
    """60 GB of zeros that take no room on the disk: a sparse file."""
    sides = (50_000, 50_000)
    size = sides[0] * sides[1] * 4
    header = {str(n): {"dtype": "F32", "shape": sides, "data_offsets": [n * size, (n + 1) * size]} for n in range(6)}
    told = json.dumps(header).encode()
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(told)) + told)
        file.truncate(8 + len(told) + 6 * size)
    start = time.process_time()
    assert grid_note(tmp_path) == ""
    assert time.process_time() - start < 5


@pytest.mark.parametrize("pickled", [False, True])
def test_a_folder_says_so_when_it_is_opened(tiny_model, tmp_path: Path, pickled: bool):
    import torch
    from safetensors.numpy import load_file, save_file

    from engine.models.resolve import resolve

    folder = tiny_model("bert")
    path = folder / "model.safetensors"
    packed = {n: on_grid(v, 4, 32) if v.ndim == 2 and v.shape[1] % 32 == 0 else v for n, v in load_file(path).items()}
    save_file(packed, path, metadata={"format": "pt"})
    if pickled:
        path.unlink()
        torch.save({name: torch.from_numpy(value) for name, value in packed.items()}, folder / "pytorch_model.bin")
    *_, note = resolve(str(folder), cache=tmp_path / "cache").notes
    assert "4-bit grid (groups of 32" in note
