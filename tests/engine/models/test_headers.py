"""Safetensors headers: what is read, and what of a hostile or damaged file is refused."""

import json
import struct
from pathlib import Path

import pytest

from engine.errors import Refused
from engine.models.headers import Tensor, read_header, read_headers, weight_files

F32 = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}


def write(path: Path, header: object, data: bytes = b"\0" * 24) -> Path:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + data)
    return path


def test_names_shapes_and_types_are_read_without_the_data(tmp_path: Path):
    path = write(tmp_path / "model.safetensors", {"a": F32, "__metadata__": {"format": "pt"}})
    assert read_header(path) == {"a": Tensor("F32", (2, 3))}
    assert read_header(path)["a"].bytes == 24


def test_a_real_file_agrees_with_the_library(tiny_model):
    from safetensors import safe_open

    path = tiny_model("bert") / "model.safetensors"
    with safe_open(path, "pt") as file:
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    assert {name: tensor.shape for name, tensor in read_header(path).items()} == shapes


@pytest.mark.parametrize(
    ("header", "data"),
    [
        pytest.param({"a": F32}, b"\0" * 23, id="cut short"),
        pytest.param({"a": F32}, b"\0" * 25, id="too long"),
        pytest.param({"a": {**F32, "shape": [2, 4]}}, b"\0" * 24, id="shape claims more"),
        pytest.param({"a": {**F32, "shape": [-2, -3]}}, b"\0" * 24, id="negative shape"),
        pytest.param({"a": {**F32, "shape": [10**400]}}, b"\0" * 24, id="enormous shape"),
        pytest.param({"a": {**F32, "dtype": "F99"}}, b"\0" * 24, id="unknown type"),
        pytest.param({"a": F32, "b": F32}, b"\0" * 24, id="overlap"),
        pytest.param({"a": {**F32, "data_offsets": [8, 32]}}, b"\0" * 32, id="gap"),
        pytest.param({"a": {**F32, "data_offsets": [0, 24, 9]}}, b"\0" * 24, id="three offsets"),
        pytest.param({"a": {"dtype": "F32"}}, b"\0" * 24, id="keys missing"),
        pytest.param(["a"], b"\0" * 24, id="no mapping"),
        pytest.param(b"{not json", b"", id="no JSON"),
        pytest.param(b"[" * 100_000, b"", id="nested without end"),
    ],
)
def test_what_is_damaged_is_refused(tmp_path: Path, header: object, data: bytes):
    path = write(tmp_path / "model.safetensors", header, data)
    with pytest.raises(Refused, match=r"damaged or was not copied to its end.*again"):
        read_header(path)


@pytest.mark.parametrize("raw", [b"", b"\1\2", struct.pack("<Q", 2**63) + b"{}"])
def test_a_file_without_a_header_is_refused(tmp_path: Path, raw: bytes):
    path = tmp_path / "model.safetensors"
    path.write_bytes(raw)
    with pytest.raises(Refused, match="damaged"):
        read_header(path)


def index(folder: Path, *names: object, tensors: str = "abcdefg") -> None:
    """An index that says that the first of `tensors` lies in the first file of `names`, and so on."""
    weight_map = dict(zip(tensors, names, strict=False))
    text = json.dumps({"weight_map": weight_map})
    (folder / "model.safetensors.index.json").write_text(text, encoding="utf-8")


def test_shards_are_read_together(tmp_path: Path):
    write(tmp_path / "one.safetensors", {"a": F32})
    write(tmp_path / "two.safetensors", {"b": F32})
    index(tmp_path, "one.safetensors", "two.safetensors")
    assert sorted(read_headers(tmp_path)) == ["a", "b"]


def test_a_shard_may_hold_many_tensors(tmp_path: Path):
    second = {**F32, "data_offsets": [24, 48]}
    write(tmp_path / "one.safetensors", {"a": F32, "b": second}, b"\0" * 48)
    index(tmp_path, "one.safetensors", "one.safetensors")
    assert weight_files(tmp_path) == [tmp_path / "one.safetensors"]
    assert sum(tensor.bytes for tensor in read_headers(tmp_path).values()) == 48


def test_one_file_wins_over_an_index_as_it_does_in_transformers(tmp_path: Path):
    write(tmp_path / "model.safetensors", {"a": F32})
    index(tmp_path, "one.safetensors", "gone.safetensors")
    assert list(read_headers(tmp_path)) == ["a"]


def test_a_tensor_in_two_shards_is_refused(tmp_path: Path):
    write(tmp_path / "one.safetensors", {"a": F32})
    write(tmp_path / "two.safetensors", {"a": F32})
    index(tmp_path, "one.safetensors", "two.safetensors")
    with pytest.raises(Refused, match=r"'a' twice, in one\.safetensors and in two\.safetensors"):
        read_headers(tmp_path)


def test_a_tensor_that_its_shard_lacks_is_refused(tmp_path: Path):
    write(tmp_path / "one.safetensors", {"a": F32})
    write(tmp_path / "two.safetensors", {"c": F32})
    index(tmp_path, "one.safetensors", "two.safetensors")
    with pytest.raises(Refused, match=r"two\.safetensors holds the tensor 'b', which it does not"):
        read_headers(tmp_path)


def test_a_damaged_shard_is_named(tmp_path: Path):
    write(tmp_path / "one.safetensors", {"a": F32})
    write(tmp_path / "two.safetensors", {"b": F32}, b"\0" * 20)
    index(tmp_path, "one.safetensors", "two.safetensors")
    with pytest.raises(Refused, match=r"two\.safetensors is damaged"):
        read_headers(tmp_path)


def test_a_missing_shard_is_named(tmp_path: Path):
    index(tmp_path, "one.safetensors")
    with pytest.raises(Refused, match=r"lacks the weight file one\.safetensors"):
        weight_files(tmp_path)


@pytest.mark.parametrize("name", ["../secret.safetensors", "/etc/passwd", "a/b.safetensors", "..", "C:\\x", "", "a\\b"])
def test_a_shard_cannot_lead_out_of_the_folder(tmp_path: Path, name: str):
    folder = tmp_path / "model"
    folder.mkdir()
    write(tmp_path / "secret.safetensors", {"a": F32})
    index(folder, name)
    with pytest.raises(Refused, match="outside its folder"):
        weight_files(folder)


@pytest.mark.parametrize("text", ["", "[]", '{"weight_map": 3}', '{"weight_map": {"a": 3}}'])
def test_a_broken_index_is_refused(tmp_path: Path, text: str):
    (tmp_path / "model.safetensors.index.json").write_text(text, encoding="utf-8")
    with pytest.raises(Refused, match="list of weight files"):
        weight_files(tmp_path)
