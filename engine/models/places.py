"""Where in a safetensors checkpoint each tensor lies, to compare bytes without loading them. Needs no torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from engine.models.headers import read_header, weight_files

PIECE = 1 << 20
"""Bytes compared at a time."""


@dataclass(frozen=True)
class Place:
    """A tensor's bytes in its file: from `start`, `length` of them."""

    path: Path
    start: int
    length: int


def places_of(folder: Path) -> dict[str, Place]:
    """Name → place, over all shards; raises `Refused` where a file is damaged."""
    return {name: place for path in weight_files(folder) for name, place in _places_in(path).items()}


def same_bytes(first: Place, second: Place) -> bool:
    """Whether two tensors are stored as the same bytes."""
    if first.length != second.length:
        return False
    with first.path.open("rb") as one, second.path.open("rb") as other:
        one.seek(first.start)
        other.seek(second.start)
        sizes = (min(PIECE, first.length - done) for done in range(0, first.length, PIECE))
        return all(one.read(size) == other.read(size) for size in sizes)


def _places_in(path: Path) -> dict[str, Place]:
    names = read_header(path)  # refuses what is not sound, so that what follows can trust the file
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    starts = {name: header[name]["data_offsets"][0] for name in names}
    return {name: Place(path, 8 + length + starts[name], tensor.bytes) for name, tensor in names.items()}
