"""Whether a checkpoint's weights already lie on a coarse grid, as they do once they have been quantized.

Quantizing such weights again to as many bits loses nothing more, so a result would look better than
the method is. A group of numbers on a grid of b bits holds at most 2ᵇ distinct ones, whereas 32
ordinary weights are 32 different numbers. A few slices of the file are looked at, never all of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from engine.models.headers import Place, Tensor, places_in, weight_files

READABLE = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}
SHAPES, MATRICES, SLICE_ROWS, SLICE_BYTES = 4, 3, 128, 4_000_000
"""How many shapes are looked at, how many matrices of each, and how much of a matrix."""
GROUPS = (128, 64, 32)
FEW, ROW_FEW = 16, 256
"""Most distinct numbers in a group on a grid of 4 bits, and in a row on one of 8."""
SHORTEST_ROW = 1024
"""Rows of bfloat16 hold fewer than 256 different numbers by themselves when they are much shorter."""
NEARLY_ALL = 0.95


def grid_note(folder: Path) -> str:
    """A sentence saying on what grid the weights of a safetensors folder lie; "" for ordinary weights.

    A few matrices of each of the commonest shapes answer for all of that shape; what is said holds
    for at least half of the weights looked at.
    """
    shares = Counter[tuple[int, int] | None]()
    for count, samples in _samples(folder):
        found = Counter(grid_of(values) for values in samples)
        shares[found.most_common(1)[0][0]] += count
    on_grid = {grid: share for grid, share in shares.items() if grid is not None}
    grid = max(on_grid, key=on_grid.__getitem__, default=None)
    if grid is None or 2 * on_grid[grid] < shares.total():
        return ""
    return grid_sentence(*grid, whole=on_grid[grid] == shares.total())


def grid_sentence(bits: int, group: int, *, whole: bool) -> str:
    """What it means that weights lie on a grid of `bits` in groups of `group` (0: whole rows)."""
    which = "The weights" if whole else "Most of the weights"
    per = f"groups of {group}" if group else "whole rows"
    an = "an" if bits == 8 else "a"
    return (
        f"{which} already lie on {an} {bits}-bit grid ({per}, at most {2**bits} distinct values): {bits} bits will "
        "look lossless because nothing is left to lose."
    )


def grid_of(values: np.ndarray) -> tuple[int, int] | None:
    """Bits and group of the grid on which a matrix lies, grouped along either side; group 0 is a whole row."""
    sides = (values, values.T)
    found = [(_bits(matrix, group, FEW), -group) for matrix in sides for group in GROUPS]
    bits, group = min(((bits, group) for bits, group in found if bits is not None), default=(None, 0))
    if bits is not None:
        return bits, -group
    rows = [_bits(matrix, matrix.shape[1], ROW_FEW) for matrix in sides if matrix.shape[1] >= SHORTEST_ROW]
    return (8, 0) if any(bits is not None for bits in rows) else None


def _bits(matrix: np.ndarray, group: int, few: int) -> int | None:
    """Bits that number the distinct values in nearly every group; None where there are more than `few`.

    Groups of which pruning left little tell nothing: they hold few numbers by themselves.
    """
    groups = matrix.shape[1] // group
    if not groups:
        return None
    cut = np.sort(matrix[:, : groups * group].reshape(-1, group), axis=1)
    cut = cut[(cut != 0).sum(axis=1) >= 1.5 * few]
    if len(cut) < SLICE_ROWS // 4:
        return None
    counts = 1 + (cut[:, 1:] != cut[:, :-1]).sum(axis=1)
    distinct = int(np.quantile(counts, NEARLY_ALL, method="higher"))
    return None if distinct > few else max(1, (distinct - 1).bit_length())


def _samples(folder: Path) -> Iterable[tuple[int, list[np.ndarray]]]:
    """For each of the shapes that hold most: how many weights are of that shape, and slices of some, as float32."""
    alike: dict[tuple[int, ...], list[tuple[Path, Tensor, Place]]] = {}
    for path in weight_files(folder):
        for tensor, place in places_in(path).values():
            if tensor.dtype in READABLE and len(tensor.shape) == 2 and min(tensor.shape) >= GROUPS[-1]:
                alike.setdefault(tensor.shape, []).append((path, tensor, place))
    largest = sorted(alike.values(), key=lambda found: -len(found) * found[0][1].count)
    for found in largest[:SHAPES]:
        chosen = {round(step * (len(found) - 1) / (MATRICES - 1)) for step in range(MATRICES)}
        yield len(found) * found[0][1].count, [_slice(*found[at]) for at in sorted(chosen)]


def _slice(path: Path, tensor: Tensor, place: Place) -> np.ndarray:
    """The first rows of a matrix, as many as are looked at."""
    kind = np.dtype(READABLE[tensor.dtype])
    columns = tensor.shape[1]
    rows = min(tensor.shape[0], SLICE_ROWS, max(1, SLICE_BYTES // (columns * kind.itemsize)))
    with path.open("rb") as file:
        file.seek(place.start)
        read = np.frombuffer(file.read(rows * columns * kind.itemsize), kind).reshape(rows, columns)
    return (read.astype("<u4") << 16).view("<f4") if tensor.dtype == "BF16" else read.astype("<f4")
