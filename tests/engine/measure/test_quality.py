"""Accuracy with its interval, and changed answers, worst first."""

import numpy as np
import pytest

from engine.measure.quality import changed_answers, quality_of, same_answers
from engine.tasks.classification import confidences

NAMES = ("cat", "dog", "oak")


def sure(label: int, confidence: float) -> list[float]:
    """Logits whose softmax gives `confidence` to `label`."""
    rest = (1 - confidence) / 2
    return [float(np.log(confidence if place == label else rest)) for place in range(3)]


def test_accuracy_with_its_interval():
    logits = np.array([sure(0, 0.9), sure(1, 0.6), sure(2, 0.5), sure(0, 0.8)])
    found = quality_of(logits, (0, 1, 2, 1))
    assert (found.metric, found.value, found.count) == ("accuracy", 0.75, 4)
    assert 0 < found.low < 0.75 < found.high < 1


def test_changed_answers_come_worst_first():
    texts = ("same", "mended", "wrong either way", "lost, unsure", "lost, sure")
    labels = (0, 0, 0, 1, 1)
    before = np.array([sure(0, 0.9), sure(1, 0.6), sure(1, 0.7), sure(1, 0.5), sure(1, 0.95)])
    after = np.array([sure(0, 0.4), sure(0, 0.6), sure(2, 0.7), sure(2, 0.5), sure(0, 0.6)])
    found = changed_answers(before, after, texts, labels, NAMES)
    assert [row["text"] for row in found] == ["lost, sure", "lost, unsure", "wrong either way", "mended"]
    assert [row["worse"] for row in found] == [True, True, False, False]
    assert found[0]["original"] == {"answer": "dog", "confidence": 0.95}
    assert found[0]["optimized"] == {"answer": "cat", "confidence": 0.6}
    assert found[0]["label"] == "dog"
    assert same_answers(before, after) == 1


def test_nothing_changed():
    logits = np.array([sure(0, 0.9)])
    assert changed_answers(logits, logits + 3.0, ("a",), (0,), NAMES) == []


@pytest.mark.parametrize("logit", [0.0, 1e4, -1e4])
def test_confidences_are_shares_at_any_scale(logit):
    shares = confidences(np.array([[logit, logit + 1.0]], dtype=np.float32))
    assert shares.sum() == pytest.approx(1.0)
    assert shares[0, 1] == pytest.approx(1 / (1 + np.exp(-1.0)), rel=1e-3)
