"""`bozzetto measure`: the figures of any saved folder, alone or against another one, turn about."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from engine.artifact import check_hashes, read_certificate, size_of
from engine.data.reading import load_for_measuring
from engine.data.source import inspect
from engine.errors import Refused
from engine.measure.referee import Baseline, Referee, measure_original
from engine.models.profile import labels_of, read_config, read_profile
from engine.recipe import DataSource
from engine.run import Comparison, Measurement
from engine.runtimes import RUNTIMES, runtime_of
from engine.tasks import task_named
from engine.tasks.base import Task
from engine.technique import Frozen


class Measured(Frozen):
    """What was found; `certificate` is "intact", "changed" or "none"."""

    folder: str
    certificate: str
    measurement: Measurement
    against: Measurement | None = None
    comparison: Comparison | None = None

    def in_words(self) -> str:
        """The figures as a few lines."""
        found = self.measurement
        lines = [
            f"{self.folder}: {(found.size_bytes or 0) / 1e6:.2f} MB, {found.runtime}, certificate {self.certificate}"
        ]
        nouns = task_named(found.task).nouns
        for quality in found.qualities:
            bounds = [quality.model_copy(update={"value": value}).written for value in (quality.low, quality.high)]
            lines.append(f"{quality.in_words} ({bounds[0]} to {bounds[1]}), {quality.count:,} {nouns}")
        for speed in found.speeds:
            lines.append(
                f"{speed.name}: {speed.per_second:.1f} {speed.unit}/s, {speed.median_ms:.2f} ms each "
                f"(95th percentile {speed.p95_ms:.2f})"
            )
        if self.comparison:
            lines.append(self.comparison.verdict)
        return "\n".join(lines)


def measure_folder(folder: Path, source: DataSource, against: Path | None) -> Measured:
    """Measure `folder` on every row of `source` (a large file is sampled). Raises `Refused`."""
    read_config(folder)
    found = inspect(source)
    task = task_named(found.task)
    for each in (folder, against or folder):
        _check_loadable(each, task)
    labels = _labels(folder) if task.name == "classification" else ()
    budget = task.budget(size_of(against or folder) // 4) if task.name == "language modelling" else None
    data = load_for_measuring(source, labels, budget, found=found)
    with tempfile.TemporaryDirectory() as place:
        measurement, first, answers = measure_original(
            against or folder, data, _no_check, _no_progress, full_precision=False, keep=Path(place)
        )
        if against is None:
            return Measured(folder=str(folder), certificate=_certificate(folder), measurement=measurement)
        if labels and _labels(against) != labels:
            raise Refused(f"{folder} and {against} answer with different labels, so they cannot be compared.")
        baseline = Baseline(against, "", measurement, np.asarray(first), answers, kept_in=Path(place))
        with Referee(baseline, data, _no_check, full_precision=False) as referee:
            found = referee.judge(folder, _precision(folder), _no_progress)
    return Measured(
        folder=str(folder),
        certificate=_certificate(folder),
        measurement=found.measurement,
        against=measurement,
        comparison=found.comparison,
    )


def _labels(folder: Path) -> tuple[str, ...]:
    labels = labels_of(read_config(folder))
    if len(labels) < 2:
        raise Refused(f"{folder} is not a classifier: its config.json names no labels. Choose another folder.")
    return labels


def _check_loadable(folder: Path, task: Task) -> None:
    """Refuse what no runtime loads, and what torch would load with a head of chance."""
    read_config(folder)
    found = runtime_of(folder)
    if found is None:
        markers = ", ".join(runtime.marker for runtime in RUNTIMES)
        raise Refused(f"{folder} holds no model that can be loaded here (one of {markers}). Choose another folder.")
    if problem := found.missing():
        raise Refused(problem)
    if found.name == "torch" and (problem := task.refusal(read_profile(folder))):
        raise Refused(f"{folder}: {problem}")


def _certificate(folder: Path) -> str:
    certificate = read_certificate(folder)
    if certificate is None:
        return "none"
    try:
        check_hashes(folder, certificate.sha256)
    except Refused:
        return "changed"
    return "intact"


def _precision(folder: Path) -> str:
    certificate = read_certificate(folder)
    return certificate.optimized.precision if certificate else "as stored"


def _no_check() -> None:
    """Nothing cancels a measurement on the command line but an interrupt."""


def _no_progress(done: float, total: float, message: str) -> None:
    """Only the result is shown."""
