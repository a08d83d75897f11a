"""How far one model's next-token distributions are from another's: KL(original ‖ model) at a few places of a window.

The original writes whole distributions to a file, two bytes a number; others are held against it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

KEPT_BYTES = 64_000_000
"""The most that the original's distributions may take on disk, two bytes a number."""
MOST_PLACES = 16
LEAST = -60_000.0
"""The lowest log-probability that is kept: two bytes hold no lower one."""


class Kept:
    """The original's log-probabilities at a few places of each window: written by it, compared with by others."""

    def __init__(self, keep: Path | None, against: Path | None, windows: int) -> None:
        self._keep, self._windows = keep, windows
        self._file: np.ndarray | None = None
        self._wanted = np.load(against, mmap_mode="r", allow_pickle=False) if against and against.exists() else None

    def places(self, vocabulary: int) -> int:
        """At how many places of a window distributions are kept, or compared."""
        return places_for(vocabulary, self._windows) if self._wanted is None else self._wanted.shape[1]

    def compare(self, window: int, shares: np.ndarray) -> tuple[float, int, int]:
        """KL divergence summed, places, places with the same likeliest token.

        `shares` are those at a window's places, [places, vocabulary]. Nothing is compared where the
        other model had other tokens, or other places.
        """
        shares = np.maximum(shares, LEAST)
        self._write(window, shares)
        if self._wanted is None or window >= len(self._wanted) or self._wanted.shape[2] != shares.shape[1]:
            return 0.0, 0, 0
        kept = np.asarray(self._wanted[window], dtype=np.float32)
        if int((~np.isnan(kept[:, 0])).sum()) != len(shares):
            return 0.0, 0, 0
        wanted = log_softmax(kept[: len(shares)])
        divergence = (np.exp(wanted) * (wanted - shares)).sum(dtype=np.float64)
        same = int((wanted.argmax(axis=1) == shares.argmax(axis=1)).sum())
        return float(max(divergence, 0.0)), len(shares), same

    def _write(self, window: int, shares: np.ndarray) -> None:
        """Into a file [windows, places, vocabulary] at once, so that it takes no memory; NaN where there is none."""
        if self._keep is None:
            return
        if self._file is None:
            shape = (self._windows, self.places(shares.shape[1]), shares.shape[1])
            self._file = np.lib.format.open_memmap(self._keep, mode="w+", dtype=np.float16, shape=shape)
            self._file[:] = np.nan
        rounded = shares.astype(np.float16)
        rows, best = np.arange(len(shares)), shares.argmax(axis=1)
        # Rounding makes equals: the likeliest token must stay the only one.
        rounded[rows, best] = np.nextafter(rounded[rows, best], np.float16(np.inf))
        self._file[window, : len(shares)] = rounded


def places_for(vocabulary: int, windows: int) -> int:
    """At how many places of each window the original's whole distribution is kept."""
    return max(1, min(MOST_PLACES, KEPT_BYTES // (2 * vocabulary * max(windows, 1))))


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Over the last axis, in float32."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def spread(tokens: int, count: int) -> np.ndarray:
    """At most `count` places, evenly over `tokens`."""
    return np.unique(np.linspace(0, tokens - 1, min(count, tokens)).round().astype(int))
