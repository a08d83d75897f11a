"""The verdict in words: what a person reads first."""

from __future__ import annotations

from engine.run import Comparison, Measurement, Ratio
from engine.tasks.base import Task

NOISE = 0.05
"""A difference with a larger p-value is called noise."""
BUSY = 0.25
"""Above this share of the processor used by others, speeds are called rough."""


def verdict(task: Task, baseline: Measurement, optimized: Measurement, comparison: Comparison) -> str:
    """Size and speed; answers and quality; what a person must be warned of."""
    gains = [_smaller(comparison.size)] if comparison.size else []
    if comparison.latency and comparison.throughput:
        first, second = task.speeds
        gains.append(f"{_faster(comparison.latency)} {first}, {_faster(comparison.throughput)} {second}")
    sentences = [", ".join(gains) + "."] if gains else []
    if comparison.quality and baseline.quality and optimized.quality:
        meaning = "within noise" if comparison.quality.p_value >= NOISE else "a real difference"
        if comparison.quality.value == 0:
            meaning = "no difference"
        sentences.append(task.in_words(baseline, optimized, comparison, meaning))
    if comparison.collapse:
        sentences.append(comparison.collapse)
    if gains and optimized.busy > BUSY:
        sentences.append("Other programs kept this machine busy: the speeds are rough.")
    return " ".join(sentences)


def _smaller(ratio: float) -> str:
    if 0.99 < ratio < 1.01:
        return "The same size"
    return f"{ratio:.1f}× smaller" if ratio > 1 else f"{1 / ratio:.1f}× larger"


def _faster(ratio: Ratio) -> str:
    if ratio.low <= 1.0 <= ratio.high or 0.95 < ratio.value < 1.05:
        return "as fast"
    return f"{ratio.value:.1f}× faster" if ratio.value > 1 else f"{1 / ratio.value:.1f}× slower"
