"""Reads the answers that changed: `changed.jsonl` in a run's folder, worst first, one JSON object a line.

{"text": "...", "label": "plant", "original": {"answer": "plant", "confidence": 0.9},
 "optimized": {"answer": "food", "confidence": 0.6}, "worse": true}

What confidence and label are depends on the task: see `gui.runs.manner`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from itertools import islice
from pathlib import Path
from typing import Any

from gui.runs.manner import Manner

MOST_CHANGES = 10_000
LONGEST_TEXT = 2000


class Direction(Enum):
    """What the change did to the answer."""

    WORSE = auto()
    BETTER = auto()
    DIFFERENT = auto()


@dataclass(frozen=True)
class Change:
    """One text that the two models answer differently. Confidences as the task has them, at most 1."""

    text: str
    label: str
    before: str
    before_confidence: float
    after: str
    after_confidence: float
    direction: Direction


def read_changes(path: Path, manner: Manner) -> Iterator[Change | None]:
    """The changes one by one, None for a line that is damaged. A file that is not there has none."""
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in islice(lines, MOST_CHANGES):
                if line.strip():
                    yield _change(line, manner)
    except OSError:
        return


def _change(line: str, manner: Manner) -> Change | None:
    try:
        values: dict[str, Any] = json.loads(line)
        before, after = values["original"], values["optimized"]
        label, answers = str(values["label"]), (str(before["answer"]), str(after["answer"]))
        shares = float(before["confidence"]), float(after["confidence"])
        return Change(
            text=str(values["text"])[:LONGEST_TEXT],
            label=label,
            before=answers[0],
            before_confidence=shares[0],
            after=answers[1],
            after_confidence=shares[1],
            direction=_direction(bool(values["worse"]), manner.better(*answers, *shares, label)),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _direction(worse: bool, better: bool) -> Direction:
    if worse:
        return Direction.WORSE
    return Direction.BETTER if better else Direction.DIFFERENT
