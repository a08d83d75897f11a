"""What was passed over while reading: counted, never silently, and told in sentences."""

from __future__ import annotations

from collections.abc import Callable

Tick = Callable[[int], None]
"""Called now and then with the number of rows read so far; it may raise to stop the reading."""

TICK_ROWS = 10_000
"""Rows between two ticks."""

SENTENCES = {
    "cells": "{rows} had more cells than the header (first: line {line:,}) and {were} left out.",
    "cut": "{rows} held a very long text (first: row {line:,}); it was cut.",
    "no text": "{rows} had no text (first: row {line:,}) and {were} left out.",
    "no label": "{rows} had no label (first: row {line:,}) and {were} left out.",
    "repeated": "{rows} repeated the text of another (first: row {line:,}) and {were} left out.",
    "conflict": (
        "{rows} gave a text another label than before (first: row {line:,}); such texts were left out altogether."
    ),
}


class Oddities:
    """Counts by kind, with the line (or row) at which each kind was first seen."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int]] = {}

    def add(self, kind: str, line: int) -> None:
        """One more of `kind`, a key of SENTENCES, at this line or row (from 1)."""
        count, first = self._seen.get(kind, (0, line))
        self._seen[kind] = (count + 1, first)

    def count(self, kind: str) -> int:
        """How many of `kind` there were."""
        return self._seen.get(kind, (0, 0))[0]

    def sentences(self) -> tuple[str, ...]:
        """One sentence for each kind that was seen."""
        return tuple(
            SENTENCES[kind].format(
                rows="1 row" if count == 1 else f"{count:,} rows",
                were="was" if count == 1 else "were",
                line=first,
            )
            for kind, (count, first) in self._seen.items()
        )
