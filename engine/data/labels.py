"""From labels as a file writes them to the outputs of a model."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.data.columns import listed
from engine.errors import Refused

MOST_LABELS = 1_000
NAMED = 5
"""Unknown labels that a refusal names."""
GENERIC = re.compile(r"label[_ ]?(\d+)", re.IGNORECASE)
"""What transformers calls an output that nobody named."""


class KnownLabels:
    """The labels of a model, in the order of its outputs.

    A label is found by its exact name, else by its name without regard to case and spacing, else
    as a number ("3", 3, 3.0) or as "LABEL_3": then it is the place of the output, counted from 0.
    Numbers are places only where no output has a number for a name.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.unknown: dict[str, None] = {}
        self.by_place = False
        self._found: dict[str, int | None] = {name: place for place, name in enumerate(self.names)}
        folded = [_folded(name) for name in self.names]
        self._folded = {name: i for i, name in enumerate(folded) if folded.count(name) == 1}
        self._numbered = any(name.isdecimal() for name in folded)

    def find(self, label: str) -> int | None:
        """The output of `label` (as `cells.plain` writes it); None, and remembered, if unknown."""
        if label not in self._found:
            self._found[label] = self._search(label)
            if self._found[label] is None:
                self.unknown[label] = None
                self.check(NAMED)
        return self._found[label]

    def check(self, most: int = 1) -> None:
        """Raise `Refused` if `most` labels or more were unknown, naming up to 5 of them."""
        if len(self.unknown) < most:
            return
        one = len(self.unknown) == 1
        raise Refused(
            f"The data has {'a label' if one else 'labels'} that the model does not know: "
            f"{listed(list(self.unknown)[:NAMED])}. The model knows {listed(self.names, 20)}. "
            f"Rename them in the data (numbers from 0 to {len(self.names) - 1} stand for the "
            "model's labels in that order), choose another label column, or let the model learn "
            "the data's labels with the step train_head."
        )

    def finish(self) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """Label names, and for each number that `find` gave its place among them."""
        self.check()
        return self.names, tuple(range(len(self.names)))

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of how labels were understood."""
        if not self.by_place:
            return ()
        pairs = [f"{place} = {name}" for place, name in enumerate(self.names)]
        shown = ", ".join(pairs[:12]) + (", …" if len(pairs) > 12 else "")
        return (f"The data's labels are numbers, taken as the model's labels in order: {shown}.",)

    def _search(self, label: str) -> int | None:
        folded = _folded(label)
        if folded in self._folded:
            return self._folded[folded]
        place = _place(folded)
        if place is None or place >= len(self.names):
            return None
        if GENERIC.fullmatch(folded) is None:
            if self._numbered:
                return None
            self.by_place = True
        return place


class FoundLabels:
    """Labels taken from the data, for a model that has none; sorted, numbers as numbers."""

    notes: tuple[str, ...] = ()

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def find(self, label: str) -> int:
        """A number for `label`; `Refused` if there are more than any classifier's."""
        if label not in self._seen and len(self._seen) >= MOST_LABELS:
            raise Refused(
                f"The label column holds more than {MOST_LABELS:,} different values, so it cannot "
                "be the label. Choose another column."
            )
        return self._seen.setdefault(label, len(self._seen))

    def finish(self) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """Sorted label names, and for each number that `find` gave its place among them."""
        numbers = all(label.isdecimal() for label in self._seen)
        names = sorted(self._seen, key=(lambda label: (int(label), label)) if numbers else None)
        return tuple(names), tuple(names.index(label) for label in self._seen)


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _place(label: str) -> int | None:
    """The number in "3", "3.0", "LABEL_3", "true" or "false"; None if it is none of these."""
    if label in ("true", "false"):
        return int(label == "true")
    generic = GENERIC.fullmatch(label)
    digits = generic[1] if generic else label.removesuffix(".0")
    # At most 6 digits: int() of a long number is slow, and no model has so many outputs.
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 6 else None
