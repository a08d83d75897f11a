"""What a GGUF file says of itself: settings, vocabulary, and where each tensor lies. No weight is read.

The `gguf` package's own reader believes what a file claims (an array of 2⁶⁰ elements, a tensor
behind the end), so the header is read here, with every count held against the bytes there are.
Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import mmap
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import Refused

MAGIC = b"GGUF"
VERSIONS = (2, 3)
STRING, ARRAY = 8, 9
SCALARS = {
    0: "<u1",
    1: "<i1",
    2: "<u2",
    3: "<i2",
    4: "<u4",
    5: "<i4",
    6: "<f4",
    7: "?",
    10: "<u8",
    11: "<i8",
    12: "<f8",
}
"""Number of a value's type in the file → numpy's name for it."""
MOST_TENSORS, MOST_KEYS, MOST_DIMENSIONS, LARGEST_HEADER = 100_000, 10_000, 4, 200_000_000
LARGEST_SIDE = 2**40

PLAIN = ("F32", "F16", "BF16")
GROUPS = {
    "Q4_0": (4, 32), "Q4_1": (4, 32), "Q5_0": (5, 32), "Q5_1": (5, 32), "Q8_0": (8, 32),
    "Q2_K": (2, 16), "Q3_K": (3, 16), "Q4_K": (4, 32), "Q5_K": (5, 32), "Q6_K": (6, 16),
    "IQ4_NL": (4, 32), "IQ4_XS": (4, 32), "MXFP4": (4, 32), "TQ2_0": (2, 256), "TQ1_0": (2, 256),
}  # fmt: skip
"""Packed type → bits a weight and the weights that share a scale."""


@dataclass(frozen=True)
class GgufTensor:
    """One tensor: its type as ggml names it ("Q4_K"), its shape with rows first, its place in the file in bytes."""

    name: str
    kind: str
    shape: tuple[int, ...]
    start: int
    bytes: int

    @property
    def count(self) -> int:
        """Number of elements."""
        return prod(self.shape)


@dataclass(frozen=True)
class GgufHeader:
    """The settings and the tensors of one file. Arrays of numbers are numpy's, arrays of texts are lists."""

    path: Path
    metadata: dict[str, Any]
    tensors: dict[str, GgufTensor]

    @property
    def architecture(self) -> str:
        """What llama.cpp calls the architecture; "" where the file does not say."""
        found = self.metadata.get("general.architecture")
        return found if isinstance(found, str) else ""

    def kinds(self) -> dict[str, float]:
        """Type → share of the weights that have it, largest first."""
        counts = Counter[str]()
        for tensor in self.tensors.values():
            counts[tensor.kind] += tensor.count
        return {kind: count / counts.total() for kind, count in counts.most_common()}


def read_gguf(path: Path) -> GgufHeader:
    """The header of a GGUF file; raises `Refused` where it is none, cut short, damaged or of a kind not read here."""
    size = path.stat().st_size
    if size < 24:
        raise _damaged(path, size)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        cursor = _Cursor(data, size)
        if cursor.take(4) != MAGIC:
            raise Refused(f"{path} is no GGUF file: it does not begin as one. Choose another file.")
        version = int(cursor.number("<u4"))
        if version not in VERSIONS:
            raise Refused(
                f"{path} is written in version {version} of GGUF (or on a big-endian machine); versions 2 and 3 are "
                "read here. Get a newer copy of the model."
            )
        try:
            metadata, places = _read(cursor)
            tensors = _placed(places, cursor.at, int(metadata.get("general.alignment", 32)), size)
        except (ValueError, TypeError, OverflowError, MemoryError) as error:
            raise _damaged(path, size) from error
    if int(metadata.get("split.count", 1)) > 1:
        raise Refused(
            f"{path} is one of {metadata['split.count']} parts of a model. "
            "Join them with llama.cpp's `llama-gguf-split --merge` and choose the whole file."
        )
    _check_kinds(path, tensors)
    return GgufHeader(path, metadata, tensors)


class _Cursor:
    """Reads on through a file's bytes; ValueError instead of reading past what may be header."""

    def __init__(self, data: mmap.mmap, size: int) -> None:
        self.data, self.at, self.end = data, 0, min(size, LARGEST_HEADER)

    def take(self, count: int) -> bytes:
        if count > self.end - self.at:
            raise ValueError("behind the end")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, kind: str) -> Any:
        return np.frombuffer(self.take(np.dtype(kind).itemsize), kind)[0].item()

    def text(self) -> str:
        return self.take(self.number("<u8")).decode("utf-8")

    def value(self, kind: int) -> Any:
        if kind == STRING:
            return self.text()
        if kind != ARRAY:
            return self.number(_scalar(kind))
        inner, count = self.number("<u4"), self.number("<u8")
        if inner != STRING:
            numbers = np.dtype(_scalar(inner))
            return np.frombuffer(self.take(count * numbers.itemsize), numbers)
        if count > (self.end - self.at) // 8:  # each has a length of 8 bytes
            raise ValueError("more texts than bytes")
        return [self.text() for _ in range(count)]

    def table(self, count: int, read: Callable[[], Any]) -> dict[str, Any]:
        """`count` names, each with what `read` finds behind it."""
        found: dict[str, Any] = {}
        for _ in range(count):
            name = self.text()
            if name in found:
                raise ValueError(f"{name} twice")
            found[name] = read()
        return found


def _read(cursor: _Cursor) -> tuple[dict[str, Any], dict[str, tuple[tuple[int, ...], int, int]]]:
    """The settings, and for each tensor its shape, the number of its type and its offset among the data."""
    tensors, keys = cursor.number("<u8"), cursor.number("<u8")
    if tensors > MOST_TENSORS or keys > MOST_KEYS:
        raise ValueError("absurd counts")
    metadata = cursor.table(keys, lambda: cursor.value(cursor.number("<u4")))

    def place() -> tuple[tuple[int, ...], int, int]:
        dimensions = cursor.number("<u4")
        if not 1 <= dimensions <= MOST_DIMENSIONS:
            raise ValueError("absurd dimensions")
        sides = tuple(cursor.number("<u8") for _ in range(dimensions))
        if not all(1 <= side <= LARGEST_SIDE for side in sides):
            raise ValueError("absurd shape")
        return tuple(reversed(sides)), cursor.number("<u4"), cursor.number("<u8")

    return metadata, cursor.table(tensors, place)


def _placed(
    places: dict[str, tuple[tuple[int, ...], int, int]], end: int, alignment: int, size: int
) -> dict[str, GgufTensor]:
    """The tensors at their places; ValueError where one lies outside the file or over another.

    Were overlaps let pass, a small file could claim the same bytes a thousand times and fill the disk.
    """
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    if not 1 <= alignment <= 2**20 or not places:
        raise ValueError("absurd alignment, or no tensors")
    begin = -(-end // alignment) * alignment
    tensors = {}
    for name, (shape, number, offset) in places.items():
        kind = GGMLQuantizationType(number)
        per_block, block_bytes = GGML_QUANT_SIZES[kind]
        if shape[-1] % per_block:
            raise ValueError("rows of broken blocks")
        tensors[name] = GgufTensor(name, kind.name, shape, begin + offset, prod(shape) // per_block * block_bytes)
    reached = begin
    for tensor in sorted(tensors.values(), key=lambda tensor: tensor.start):
        if tensor.start < reached or tensor.start + tensor.bytes > size:
            raise ValueError("over another, or behind the end")
        reached = tensor.start + tensor.bytes
    return tensors


def _scalar(kind: int) -> str:
    if kind not in SCALARS:
        raise ValueError(f"no such type of value: {kind}")
    return SCALARS[kind]


def _check_kinds(path: Path, tensors: dict[str, GgufTensor]) -> None:
    for tensor in tensors.values():
        if tensor.kind not in PLAIN and tensor.kind not in GROUPS:
            raise Refused(
                f"{path} holds weights of type {tensor.kind} ('{tensor.name}'), which are not unpacked here; "
                f"those of type {', '.join((*PLAIN, *GROUPS))} are. Get the model in one of these."
            )


def _damaged(path: Path, size: int) -> Refused:
    return Refused(f"{path} is damaged or was not copied to its end ({size:,} bytes). Copy or download the file again.")
