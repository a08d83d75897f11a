"""What a safetensors checkpoint holds, read from the files' headers alone: names, shapes, types.

A header is a JSON object behind an 8-byte length, so this needs no torch and works on models
far larger than memory. Format: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple

from engine.errors import Refused

ITEM_BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "C64": 8, "BOOL": 1,
    "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2, "U8": 1,
}  # fmt: skip
LARGEST_HEADER = 100_000_000
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
"""Names the shards of weights that are not in one file."""


@dataclass(frozen=True)
class Tensor:
    """One stored tensor: its type as safetensors names it ("F32") and its shape."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """Bytes in the file."""
        return self.count * ITEM_BYTES.get(self.dtype, 4)


class Place(NamedTuple):
    """Where a tensor's bytes begin and end in its file."""

    start: int
    stop: int


def read_header(path: Path) -> dict[str, Tensor]:
    """Name → tensor of one `.safetensors` file; raises `Refused` where it is cut short or damaged.

    Sound means: every tensor is as long as its shape says, and they fill the file without gap or
    overlap up to its very end.
    """
    return {name: tensor for name, (tensor, _) in places_in(path).items()}


def places_in(path: Path) -> dict[str, tuple[Tensor, Place]]:
    """Name → tensor and place of one `.safetensors` file, refused as by `read_header`."""
    size = path.stat().st_size
    try:
        header, begin = _header(path, size)
        tensors = {name: _tensor(value) for name, value in header.items()}
        places = {name: _place(header[name], tensor, begin) for name, tensor in tensors.items()}
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        OverflowError,
    ) as error:
        raise _damaged(path, size) from error
    end = begin
    for start, stop in sorted(places.values()):
        if start != end:
            raise _damaged(path, size)
        end = stop
    if end != size:
        raise _damaged(path, size)
    return {name: (tensor, places[name]) for name, tensor in tensors.items()}


def holds_weights(folder: Path) -> bool:
    """Whether the folder has safetensors weights, whole or in shards (what lies in them is not looked at)."""
    return (folder / WEIGHTS).is_file() or (folder / INDEX).is_file()


def weight_files(folder: Path) -> list[Path]:
    """The folder's safetensors files: one, or the shards that the index names.

    Raises `Refused` where a shard is missing or its name leads out of the folder.
    """
    single = folder / WEIGHTS
    return [single] if single.is_file() else shards(folder, INDEX)


def shards(folder: Path, index_name: str) -> list[Path]:
    """The weight files that an index names (none if there is no such index)."""
    return [folder / name for name in sorted(set(_weight_map(folder, index_name).values()))]


def read_headers(folder: Path) -> dict[str, Tensor]:
    """All tensors of a checkpoint folder, over all its shards.

    Raises `Refused` where two shards hold the same tensor, or where the index promises one that its
    shard lacks: which of them would be loaded, and whether any would, is left to chance.
    """
    held: dict[str, Path] = {}
    tensors: dict[str, Tensor] = {}
    for path in weight_files(folder):
        found = read_header(path)
        for name in found.keys() & held.keys():
            raise Refused(
                f"{folder} holds the tensor '{name}' twice, in {held[name].name} and in {path.name}. "
                "Copy or download the model again."
            )
        held |= dict.fromkeys(found, path)
        tensors |= found
    if not (folder / WEIGHTS).is_file():
        for name, shard in _weight_map(folder, INDEX).items():
            if held.get(name) != folder / shard:
                raise Refused(
                    f"{folder / INDEX} says that {shard} holds the tensor '{name}', which it does not. "
                    "Copy or download the model again."
                )
    return tensors


def _weight_map(folder: Path, index_name: str) -> dict[str, str]:
    """Tensor → shard as an index lists them, every shard there; empty if there is no such index."""
    index = folder / index_name
    if not index.is_file():
        return {}
    try:
        listed = dict(json.loads(index.read_text(encoding="utf-8"))["weight_map"])
        outside = [name for name in listed.values() if not _is_bare(name)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Refused(f"{index} cannot be read as a list of weight files. Copy or download it again.") from error
    if outside:
        raise Refused(
            f"{index} names a weight file outside its folder ({outside[0]!r}), which no sound "
            "model does. Get it from a source that you trust."
        )
    for name in sorted(set(listed.values())):
        if not (folder / name).is_file():
            raise Refused(f"{folder} lacks the weight file {name} that its index names. Copy it there.")
    return listed


def _header(path: Path, size: int) -> tuple[dict[str, Any], int]:
    """The header's entries and where the data begin; ValueError if there is no header."""
    with path.open("rb") as file:
        prefix = file.read(8)
        if len(prefix) < 8:
            raise ValueError("no length")
        (length,) = struct.unpack("<Q", prefix)
        if length > min(size - 8, LARGEST_HEADER):
            raise ValueError("longer than the file")
        header = json.loads(file.read(length))
    return {name: value for name, value in header.items() if name != "__metadata__"}, 8 + length


def _tensor(value: dict[str, Any]) -> Tensor:
    dtype, shape = value["dtype"], tuple(value["shape"])
    if dtype not in ITEM_BYTES or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"no tensor: {dtype} {shape}")
    return Tensor(dtype, shape)


def _place(value: dict[str, Any], tensor: Tensor, begin: int) -> Place:
    """Where a tensor lies in a file whose data begin at `begin`."""
    start, stop = value["data_offsets"]
    if type(start) is not int or type(stop) is not int or stop - start != tensor.bytes:
        raise ValueError("not as long as its shape says")
    return Place(begin + start, begin + stop)


def _is_bare(name: str) -> bool:
    """Whether a name is that of a file in the folder itself, on any system."""
    return name not in ("", ".", "..") and all(kind(name).name == name for kind in (PurePosixPath, PureWindowsPath))


def _damaged(path: Path, size: int) -> Refused:
    return Refused(f"{path} is damaged or was not copied to its end ({size:,} bytes). Copy or download the file again.")
