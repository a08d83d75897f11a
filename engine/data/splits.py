"""Examples in three parts that share no text: to learn from, to check on, to be judged by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MEASURED_AT_MOST = 10_000
"""Examples of a file that is only measured; of more, a sample."""


@dataclass(frozen=True)
class Budget:
    """The most examples that each split keeps."""

    train: int = 20_000
    validation: int = 2_000
    test: int = 5_000


@dataclass(frozen=True)
class Examples:
    """Texts and what each should give, in the task's own form; both have the same length.

    | task                | text               | label                                            |
    |---------------------|--------------------|--------------------------------------------------|
    | classification      | what is classified | place of its label                               |
    | language modelling  | what is predicted  | the text before it, which is read but not judged |
    | sentence similarity | a sentence         | (other sentence, score), or places in `corpus`   |
    """

    texts: tuple[str, ...]
    labels: tuple[Any, ...]
    corpus: tuple[str, ...] = ()
    """What is searched, where the task is to find."""

    def __len__(self) -> int:
        return len(self.texts)

    def first(self, count: int) -> Examples:
        """The first `count` examples (they lie in an order that no label determines)."""
        return Examples(self.texts[:count], self.labels[:count], self.corpus)

    def batches(self, size: int) -> Iterator[Examples]:
        """Consecutive pieces of at most `size` examples."""
        for start in range(0, len(self), size):
            yield Examples(self.texts[start : start + size], self.labels[start : start + size], self.corpus)

    def pick(self, places: list[int]) -> Examples:
        """The examples at `places`, in that order."""
        return Examples(tuple(self.texts[i] for i in places), tuple(self.labels[i] for i in places), self.corpus)


@dataclass(frozen=True)
class Splits:
    """A data set ready for a run. `key` names its content; `notes` are sentences for the log."""

    label_names: tuple[str, ...]
    train: Examples
    validation: Examples
    test: Examples
    key: str
    notes: tuple[str, ...] = ()
    task: str = "classification"
    """The name of the task that such data are for."""
