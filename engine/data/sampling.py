"""A sample of a stream of any length: the examples whose hashes are lowest. Bounded memory.

Which texts are kept, and in which order, depends on the texts alone: not on the order of the rows,
and a row that is added moves no other from one split to another.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import Any, Literal

Offer = Literal["kept", "passed", "repeated", "conflict"]


class Sample:
    """Keeps the `size` texts with the lowest keys.

    A key is a hash of its text: equal keys are equal texts. Two labels of one text are a conflict,
    unless `merged` makes one of them.
    """

    def __init__(self, size: int, merged: Callable[[Any, Any], Any] | None = None) -> None:
        self.size = size
        self._merged = merged
        self.left_out = False
        """Whether there were more texts than `size`."""
        self._heap: list[int] = []  # negated: the highest key kept is at the top
        self._kept: dict[int, tuple[str, Any]] = {}
        self._conflicts: set[int] = set()

    def offer(self, key: int, text: str, label: Any) -> Offer:
        """Take in one example; says what became of it.

        A key that was put out never comes back (what is kept only sinks), so a repeated text is
        always noticed. A text with two labels keeps its place, for its third row, until the end.
        """
        if key in self._kept:
            if self._kept[key][1] == label:
                return "repeated"
            if self._merged is not None:
                self._kept[key] = (text, self._merged(self._kept[key][1], label))
                return "repeated"
            self._conflicts.add(key)
            return "conflict"
        if len(self._heap) < self.size:
            heapq.heappush(self._heap, -key)
        elif -key > self._heap[0]:
            self.left_out = True
            self._put_out(-heapq.heapreplace(self._heap, -key))
        else:
            self.left_out = True
            return "passed"
        self._kept[key] = (text, label)
        return "kept"

    def __len__(self) -> int:
        return len(self._kept) - len(self._conflicts)

    def examples(self) -> list[tuple[str, Any]]:
        """Pairs (text, label) in the order of their keys; texts with two labels are left out."""
        return [self._kept[key] for key in sorted(self._kept) if key not in self._conflicts]

    def _put_out(self, key: int) -> None:
        del self._kept[key]
        self._conflicts.discard(key)


def sampled(rows: int, samples: Iterable[Sample]) -> list[str]:
    """A sentence for the log where `samples` did not keep all of so many rows."""
    samples = tuple(samples)
    if not any(sample.left_out for sample in samples):
        return []
    return [f"Of {rows:,} rows a sample of {sum(map(len, samples)):,} texts is used."]
