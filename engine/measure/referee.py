"""The referee: one process holds the original, another each folder to be judged; they take turns.

Every figure in a run's record comes from here: it is read off a saved folder in a fresh process.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from engine.artifact import size_of
from engine.data.splits import Examples, Splits
from engine.device import threads
from engine.measure import speed
from engine.measure.client import BenchProcess
from engine.measure.verdict import verdict
from engine.run import Comparison, Measurement, Memory, Written
from engine.tasks import task_named
from engine.tasks.base import Task
from engine.tasks.writing import collapse, looked_at

TRIAL_EXAMPLES = 1000
"""Enough to see a loss of a point or two; the judgement on all test examples comes later."""
PARTS = ("validation", "test")
Say = Callable[[float, float, str], None]
"""progress(done, total, message); raises `Cancelled` when the user asked to stop."""


@dataclass(frozen=True)
class Baseline:
    """The original: its saved folder, what was measured of it, and its answers on validation and test."""

    folder: Path
    key: str
    measurement: Measurement
    validation: np.ndarray
    test: np.ndarray
    kept_in: Path | None = None

    def kept(self, part: str) -> Path:
        """Where more of its answers on a part of the data may lie, for tasks that compare more than figures."""
        return kept_answers(self.kept_in or self.folder.parent, part)


@dataclass(frozen=True)
class Judgement:
    """What the referee found for one folder."""

    measurement: Measurement
    comparison: Comparison
    changed: list[dict[str, Any]]
    answers: np.ndarray
    """What the folder answered, [rows, figures]."""


class Referee:
    """Use as a context manager: the original's process starts at once and loads while other work goes on."""

    opens: type[BenchProcess] = BenchProcess

    def __init__(
        self, baseline: Baseline, data: Splits, check: Callable[[], None], *, full_precision: bool = True
    ) -> None:
        self._full_precision = full_precision
        self.baseline = baseline
        self._data = data
        self._task = task_named(data.task)
        self._check = check
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Referee:
        self._original = self._stack.enter_context(
            BenchProcess(self.baseline.folder, self._task.name, self._check, full_precision=self._full_precision)
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def trial(self, folder: Path, precision: str, say: Say) -> Judgement:
        """A quick look: some validation data, few timings."""
        data = self._data.validation.first(TRIAL_EXAMPLES)
        reference = _rows_of(self._data.validation, self.baseline.validation, len(data))
        return self._look(folder, precision, say, data, reference, speed.QUICK, "validation")

    def judge(self, folder: Path, precision: str, say: Say) -> Judgement:
        """The whole measurement on the test split, which nothing was trained, calibrated or chosen on."""
        return self._look(folder, precision, say, self._data.test, self.baseline.test, speed.FULL, "test")

    def _look(
        self,
        folder: Path,
        precision: str,
        say: Say,
        data: Examples,
        reference: np.ndarray,
        plan: speed.Plan,
        part: str,
    ) -> Judgement:
        task = self._task
        with self.opens(folder, task.name, self._check) as bench:
            total = len(data) + len(data.corpus)
            tell = lambda done: say(done, total, "answering in a fresh process")  # noqa: E731
            answers = bench.answers(data, tell, against=self.baseline.kept(part))
            # What has answered much finds its memory ready, where what has only been loaded asks for it anew at every
            # answer: half as slow again in a language model's reading. So the original answers first as well.
            warming = data.first(task.batch_size)
            self._original.answers(replace(warming, corpus=data.corpus[:1]), lambda _: self._check())
            sides = [self._original, bench]
            busy = busy_share(sides)
            # Work is cut to the original's length: the other side may not have a tokenizer of its own for it.
            timings = [
                speed.time_turn_about(sides, workload, plan, _rounds(say, f"timing {workload.name}, turn about"))
                for workload in task.workloads(data, self.baseline.folder)
            ]
            written = _write(bench, task, data, say) if plan is speed.FULL else None
            measurement = _measurement(bench, precision, task, timings, side=1).model_copy(
                update=_qualities(task, answers, data, reference) | {"busy": busy, "written": written}
            )
        original = self.baseline.measurement.model_copy(update=_qualities(task, reference, data, reference))
        comparison = _compare(task, original, measurement, reference, answers, timings, data)
        changed = task.changed(reference, answers, self._data) if part == "test" else []
        return Judgement(measurement, comparison, changed, answers)


def busy_share(sides: list[BenchProcess]) -> float:
    """Share of the processor (0 to 1) that other programs use while both sides wait, looked at for half a second."""
    for side in sides:
        _ = side.loaded
    return psutil.cpu_percent(interval=0.5) / 100


def _compare(
    task: Task,
    original: Measurement,
    measurement: Measurement,
    reference: np.ndarray,
    answers: np.ndarray,
    timings: list[speed.Timings],
    data: Examples,
) -> Comparison:
    same, of = task.same(reference, answers, data)
    differences = task.differences(reference, answers, data)
    comparison = Comparison(
        size=(original.size_bytes or 0) / max(measurement.size_bytes or 1, 1),
        latency=timings[0].ratio(),
        throughput=timings[1].ratio(),
        speeds={each.workload.name: each.ratio() for each in timings},
        quality=next(iter(differences.values())),
        qualities=differences,
        collapse=collapse(original.written, measurement.written) if original.written and measurement.written else "",
        same_answers=same,
        answers=of,
    )
    return comparison.model_copy(update={"verdict": verdict(task, original, measurement, comparison)})


def measure_original(
    folder: Path,
    data: Splits,
    check: Callable[[], None],
    say: Say,
    *,
    full_precision: bool = True,
    keep: Path | None = None,
) -> tuple[Measurement, np.ndarray, np.ndarray]:
    """One folder alone, by default in 32 bits: its measurement, and its answers on validation and test.

    `keep` is the folder for what a task wants kept besides.
    """
    task = task_named(data.task)
    with BenchProcess(folder, task.name, check, full_precision=full_precision) as bench:
        found = []
        for part in PARTS:
            examples: Examples = getattr(data, part)
            total = len(examples) + len(examples.corpus)
            tell = lambda done, total=total: say(done, total, "the original answers")  # noqa: E731
            found.append(bench.answers(examples, tell, keep=keep and kept_answers(keep, part)))
        validation, test = found
        timings = [
            speed.time_turn_about([bench], workload, speed.FULL, _rounds(say, f"timing the original, {workload.name}"))
            for workload in task.workloads(data.test, folder)
        ]
        written = _write(bench, task, data.test, say)
        precision = "32 bits" if full_precision else "as stored"
        measurement = _measurement(bench, precision, task, timings, side=0).model_copy(
            update=_qualities(task, test, data.test, None) | {"written": written}
        )
    return measurement, validation, test


def kept_answers(folder: Path, part: str) -> Path:
    """Where a task keeps more of the original's answers to a part of the data."""
    return folder / f"{part}-kept.npy"


def _measurement(
    bench: BenchProcess, precision: str, task: Task, timings: list[speed.Timings], *, side: int
) -> Measurement:
    return Measurement(
        runtime=bench.loaded["runtime"],
        precision=precision,
        size_bytes=size_of(bench.folder),
        latency=speed.latency_of(timings[0], side),
        throughput=speed.throughput_of(timings[1], side),
        speeds=tuple(each.speed(side) for each in timings),
        memory=Memory(peak_bytes=bench.peak_memory(), libraries_bytes=bench.loaded["libraries_bytes"]),
        threads=threads(),
        task=task.name,
    )


def _qualities(task: Task, answers: np.ndarray, data: Examples, original: np.ndarray | None) -> dict[str, Any]:
    found = tuple(task.qualities(answers, data, original))
    return {"quality": found[0], "qualities": found}


def _write(bench: BenchProcess, task: Task, data: Examples, say: Say) -> Written | None:
    """What the model writes after a few prompts, the likeliest token each time."""
    prompts = task.prompts(data)
    found = []
    for number, prompt in enumerate(prompts):
        say(number, len(prompts), "looking at what it writes")
        found.append(bench.respond(prompt, {"temperature": 0.0}))
    return looked_at([each["text"] for each in found], [each["ids"] for each in found]) if prompts else None


def _rows_of(examples: Examples, answers: np.ndarray, count: int) -> np.ndarray:
    """The answers to the first `count` examples, and to what they are compared with, which lies behind."""
    behind = answers[len(examples) :]
    return np.concatenate([answers[:count], behind if examples.corpus else behind[:count]])


def _rounds(say: Say, message: str) -> Callable[[int, int], None]:
    return lambda done, total: say(done, total, message)
