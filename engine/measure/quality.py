"""Quality of answers: accuracy with its interval, and what changed against the original."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.measure.statistics import share_interval
from engine.run import Quality
from engine.tasks import classification


def quality_of(logits: np.ndarray, labels: Sequence[int]) -> Quality:
    """Accuracy of logits [texts, labels] with Wilson's interval."""
    right = classification.scores(logits, np.asarray(labels))
    low, high = share_interval(int(right.sum()), len(right))
    return Quality(metric=classification.METRIC, value=float(right.mean()), low=low, high=high, count=len(right))


def changed_answers(
    original: np.ndarray, optimized: np.ndarray, texts: Sequence[str], labels: Sequence[int], names: Sequence[str]
) -> list[dict[str, Any]]:
    """The texts whose answer changed, worst first: what became wrong, by how sure the original was."""
    before, after = classification.confidences(original), classification.confidences(optimized)
    first, second = before.argmax(axis=1), after.argmax(axis=1)
    rows = []
    for index in np.flatnonzero(first != second).tolist():
        label = labels[index]
        rows.append(
            {
                "text": texts[index],
                "label": names[label],
                "original": {"answer": names[first[index]], "confidence": round(float(before[index, first[index]]), 4)},
                "optimized": {
                    "answer": names[second[index]],
                    "confidence": round(float(after[index, second[index]]), 4),
                },
                "worse": bool(first[index] == label),
            }
        )
    return sorted(
        rows,
        key=lambda row: (not row["worse"], row["optimized"]["answer"] == row["label"], -row["original"]["confidence"]),
    )


def same_answers(original: np.ndarray, optimized: np.ndarray) -> int:
    """How many texts get the same answer from both."""
    return int((original.argmax(axis=1) == optimized.argmax(axis=1)).sum())
