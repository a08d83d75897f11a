"""The parameters of a checkpoint, sorted into the parts of a model and counted. Reads headers; needs no torch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from engine.models.families import Family
from engine.models.headers import Tensor, read_headers
from engine.models.sides import UNITS, sides
from engine.technique import Frozen

PartName = Literal["embeddings", "attention", "feed_forward", "norms", "final_norm", "head"]
SCALE_BYTES = 4
"""Where weights have fewer than 16 bits, each row has a 32-bit scale beside it, and vectors stay at 32 bits."""


class Part(Frozen):
    """Parameters of one part: in matrices (which quantize), their rows (one scale each), and in vectors.

    A row is one output of a matrix, whichever way it is stored; `tensors` counts both kinds, `matrix_tensors`
    the first. `inner_rows` and `inner_vectors` are those of `rows` and `vectors` that belong to neurons
    or heads, and leave with them; `stream_rows` and `stream_vectors` those that belong to the stream's
    hidden channels; `squares` those of `matrices` that have these channels on both sides.
    """

    matrices: int = 0
    rows: int = 0
    vectors: int = 0
    tensors: int = 0
    matrix_tensors: int = 0
    inner_rows: int = 0
    inner_vectors: int = 0
    stream_rows: int = 0
    stream_vectors: int = 0
    squares: int = 0

    @property
    def parameters(self) -> int:
        """All of them."""
        return self.matrices + self.vectors

    def narrowed(self, left: int, total: int) -> Part:
        """With `left` of `total` neurons or heads in every layer; each matrix has them on one side. Exact."""
        inner_rows, inner_vectors = self.inner_rows * left // total, self.inner_vectors * left // total
        return self.model_copy(
            update={
                "matrices": self.matrices * left // total,
                "rows": self.rows - self.inner_rows + inner_rows,
                "vectors": self.vectors - self.inner_vectors + inner_vectors,
                "inner_rows": inner_rows,
                "inner_vectors": inner_vectors,
            }
        )

    def in_channels(self, left: int, total: int) -> Part:
        """With `left` of the stream's `total` hidden channels, which every matrix has on one side or on both. Exact."""
        stream_rows, stream_vectors = self.stream_rows * left // total, self.stream_vectors * left // total
        squares = self.squares * left**2 // total**2
        return self.model_copy(
            update={
                "matrices": (self.matrices - self.squares) * left // total + squares,
                "rows": self.rows - self.stream_rows + stream_rows,
                "vectors": self.vectors - self.stream_vectors + stream_vectors,
                "stream_rows": stream_rows,
                "stream_vectors": stream_vectors,
                "squares": squares,
            }
        )

    def in_layers(self, left: int, total: int) -> Part:
        """What `left` of `total` layers hold, which are all alike. Exact."""
        return Part(**{name: count * left // total for name, count in self})

    def bytes(self, bits: int) -> int:
        """Bytes in a file at `bits` a weight; under 16 bits, a scale for each row, and vectors at 32 bits."""
        if bits < 16:
            return self.matrices * bits // 8 + (self.vectors + self.rows) * SCALE_BYTES
        return self.parameters * bits // 8

    def __add__(self, other: Part) -> Part:
        theirs = dict(other)
        return Part(**{name: count + theirs[name] for name, count in self})


def is_tied(config: dict[str, Any], family: Family) -> bool:
    """Whether the output head reads the word embeddings."""
    said = config.get("tie_word_embeddings")
    return family.output_head is not None and (said if isinstance(said, bool) else family.tied)


def with_body(name: str, family: Family) -> str:
    """A bare model's names lack the prefix that those of one with a head have."""
    prefixes = (family.body + ".", *family.head, family.classifier, "cls.", "lm_head", "vocab_")
    return name if name.startswith(prefixes) else f"{family.body}.{name}"


def read_parameters(folder: Path, config: dict[str, Any], family: Family) -> dict[str, Tensor]:
    """Full name → stored tensor, without buffers; a tied output head that is stored all the same is left out."""
    twice = f"{family.output_head}.weight" if is_tied(config, family) else None
    tensors = {with_body(name, family): tensor for name, tensor in read_headers(folder).items()}
    buffers = family.buffers
    return {name: found for name, found in tensors.items() if name != twice and not (name.endswith(buffers))}


def sort_into_parts(tensors: dict[str, Tensor], family: Family) -> dict[PartName, Part]:
    """Every tensor counted in one part."""
    found: dict[PartName, list[Part]] = {
        name: [] for name in ("embeddings", "attention", "feed_forward", "norms", "final_norm", "head")
    }
    for name, tensor in tensors.items():
        if tensor.dtype != "I64":  # position_ids of old checkpoints: a buffer, never saved again
            found[_part_of(name, family)].append(_counted(name, tensor, family))
    return {name: _sum(parts) for name, parts in found.items()}


def _part_of(name: str, family: Family) -> PartName:
    if name.startswith(tuple(f"{prefix}." for prefix in family.embeddings)):
        return "embeddings"
    if not name.startswith(family.layers + "."):
        return "final_norm" if family.final_norm and name.startswith(family.final_norm + ".") else "head"
    within = _within(name, family)
    if within in family.attention:
        return "attention"
    return "feed_forward" if within in family.feed_forward else "norms"


def _within(name: str, family: Family) -> str:
    """A tensor's module within its layer."""
    return name.removeprefix(family.layers + ".").partition(".")[2].rpartition(".")[0]


def _counted(name: str, tensor: Tensor, family: Family) -> Part:
    if len(tensor.shape) < 2:
        (side,) = sides(name, 1, family)
        inner, stream = tensor.count * (side in UNITS), tensor.count * (side == "channels")
        return Part(vectors=tensor.count, tensors=1, inner_vectors=inner, stream_vectors=stream)
    found = sides(name, 2, family)
    transposed = family.transposed and _within(name, family) in (*family.attention, *family.feed_forward)
    row = -1 if transposed else 0
    rows = tensor.shape[row]
    return Part(
        matrices=tensor.count,
        rows=rows,
        tensors=1,
        matrix_tensors=1,
        inner_rows=rows * (found[row] in UNITS),
        stream_rows=rows * (found[row] == "channels"),
        squares=tensor.count * (found == ("channels", "channels")),
    )


def _sum(parts: Iterable[Part]) -> Part:
    return sum(parts, start=Part())
