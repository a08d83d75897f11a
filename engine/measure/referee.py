"""The referee: one process holds the original, another each folder to be judged; they take turns.

Every figure in a run's record comes from here: it is read off a saved folder in a fresh process.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from engine.artifact import size_of
from engine.data.splits import Examples, Splits
from engine.device import threads
from engine.measure import speed
from engine.measure.client import BenchProcess
from engine.measure.quality import changed_answers, quality_of, same_answers
from engine.measure.statistics import paired_difference
from engine.measure.verdict import verdict
from engine.run import Comparison, Measurement, Memory, Quality
from engine.tasks import classification

TRIAL_TEXTS = 1000
"""Enough to see a loss of a point or two; the judgement on all test texts comes later."""
Say = Callable[[float, float, str], None]
"""progress(done, total, message); raises `Cancelled` when the user asked to stop."""


@dataclass(frozen=True)
class Baseline:
    """The original: its saved folder, what was measured of it, and its logits on validation and test."""

    folder: Path
    key: str
    measurement: Measurement
    validation: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class Judgement:
    """What the referee found for one folder."""

    measurement: Measurement
    comparison: Comparison
    changed: list[dict[str, Any]]
    logits: np.ndarray
    """What the folder answered, [texts, labels]."""


class Referee:
    """Use as a context manager: the original's process starts at once and loads while other work goes on."""

    opens: type[BenchProcess] = BenchProcess

    def __init__(
        self, baseline: Baseline, data: Splits, check: Callable[[], None], *, full_precision: bool = True
    ) -> None:
        self._full_precision = full_precision
        self.baseline = baseline
        self._data = data
        self._check = check
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Referee:
        self._original = self._stack.enter_context(
            BenchProcess(self.baseline.folder, self._check, full_precision=self._full_precision)
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def trial(self, folder: Path, precision: str, say: Say) -> Judgement:
        """A quick look: some validation data, few timings."""
        data, reference = self._data.validation.first(TRIAL_TEXTS), self.baseline.validation[:TRIAL_TEXTS]
        return self._look(folder, precision, say, data, reference, speed.QUICK)

    def judge(self, folder: Path, precision: str, say: Say) -> Judgement:
        """The whole measurement on the test split, which nothing was trained, calibrated or chosen on."""
        return self._look(folder, precision, say, self._data.test, self.baseline.test, speed.FULL)

    def _look(
        self, folder: Path, precision: str, say: Say, data: Examples, reference: np.ndarray, plan: speed.Plan
    ) -> Judgement:
        with self.opens(folder, self._check) as bench:
            logits = bench.logits(data.texts, lambda done: say(done, len(data), "answering in a fresh process"))
            sides = [self._original, bench]
            busy = busy_share(sides)
            singles = speed.time_singles(sides, data.texts, plan, _rounds(say, "timing one text, turn about"))
            batches = speed.time_batches(sides, data.texts, plan, _rounds(say, "timing batches, turn about"))
            measurement = _measurement(
                bench, precision, quality_of(logits, data.labels), singles, batches, side=1
            ).model_copy(update={"busy": busy})
        original = self.baseline.measurement.model_copy(update={"quality": quality_of(reference, data.labels)})
        comparison = _compare(original, measurement, reference, logits, singles, batches, data.labels)
        changed = changed_answers(reference, logits, data.texts, data.labels, self._data.label_names)
        return Judgement(measurement, comparison, changed, logits)


def busy_share(sides: list[BenchProcess]) -> float:
    """Share of the processor (0 to 1) that other programs use while both sides wait, looked at for half a second."""
    for side in sides:
        _ = side.loaded
    return psutil.cpu_percent(interval=0.5) / 100


def _compare(
    original: Measurement,
    measurement: Measurement,
    reference: np.ndarray,
    logits: np.ndarray,
    singles: speed.Timings,
    batches: speed.Timings,
    labels: tuple[int, ...],
) -> Comparison:
    truth = np.asarray(labels)
    comparison = Comparison(
        size=(original.size_bytes or 0) / max(measurement.size_bytes or 1, 1),
        latency=singles.ratio(),
        throughput=batches.ratio(),
        quality=paired_difference(classification.scores(reference, truth), classification.scores(logits, truth)),
        same_answers=same_answers(reference, logits),
        answers=len(truth),
    )
    return comparison.model_copy(update={"verdict": verdict(original, measurement, comparison)})


def measure_original(
    folder: Path, data: Splits, check: Callable[[], None], say: Say, *, full_precision: bool = True
) -> tuple[Measurement, np.ndarray, np.ndarray]:
    """One folder alone, by default in 32 bits: its measurement, and its logits on validation and test."""
    with BenchProcess(folder, check, full_precision=full_precision) as bench:
        total = len(data.validation) + len(data.test)
        validation = bench.logits(data.validation.texts, lambda done: say(done, total, "the original answers"))
        seen = len(data.validation)
        test = bench.logits(data.test.texts, lambda done: say(seen + done, total, "the original answers"))
        singles = speed.time_singles(
            [bench], data.test.texts, speed.FULL, _rounds(say, "timing the original, one text")
        )
        batches = speed.time_batches([bench], data.test.texts, speed.FULL, _rounds(say, "timing the original, batches"))
        quality = quality_of(test, data.test.labels)
        measurement = _measurement(
            bench, "32 bits" if full_precision else "as stored", quality, singles, batches, side=0
        )
    return measurement, validation, test


def _measurement(
    bench: BenchProcess, precision: str, quality: Quality, singles: speed.Timings, batches: speed.Timings, *, side: int
) -> Measurement:
    return Measurement(
        runtime=bench.loaded["runtime"],
        precision=precision,
        size_bytes=size_of(bench.folder),
        quality=quality,
        latency=speed.latency_of(singles, side),
        throughput=speed.throughput_of(batches, side),
        memory=Memory(peak_bytes=bench.peak_memory(), libraries_bytes=bench.loaded["libraries_bytes"]),
        threads=threads(),
    )


def _rounds(say: Say, message: str) -> Callable[[int, int], None]:
    return lambda done, total: say(done, total, message)
