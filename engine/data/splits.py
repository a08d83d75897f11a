"""Examples in three parts that share no text: to learn from, to check on, to be judged by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Examples:
    """Texts and the index of each one's label; both have the same length."""

    texts: tuple[str, ...]
    labels: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def first(self, count: int) -> Examples:
        """The first `count` examples (they lie in an order that no label determines)."""
        return Examples(self.texts[:count], self.labels[:count])

    def batches(self, size: int) -> Iterator[Examples]:
        """Consecutive pieces of at most `size` examples."""
        for start in range(0, len(self), size):
            yield Examples(self.texts[start : start + size], self.labels[start : start + size])


@dataclass(frozen=True)
class Splits:
    """A data set ready for a run. `key` names its content; `notes` are sentences for the log."""

    label_names: tuple[str, ...]
    train: Examples
    validation: Examples
    test: Examples
    key: str
    notes: tuple[str, ...] = ()
