"""`bozzetto measure`: the figures of any saved folder, alone or against another one, turn about."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.artifact import check_hashes, read_certificate
from engine.data.reading import load_file_for_measuring
from engine.data.splits import Examples, Splits
from engine.errors import Refused
from engine.measure.referee import Baseline, Referee, measure_original
from engine.models.profile import labels_of, read_config, read_profile
from engine.recipe import DataSource
from engine.run import Comparison, Measurement
from engine.runtimes import RUNTIMES, runtime_of
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
        if found.quality:
            quality = found.quality
            lines.append(
                f"{quality.metric} {quality.value:.2%} ({quality.low:.2%} to {quality.high:.2%}), "
                f"{quality.count:,} texts"
            )
        if found.latency and found.throughput:
            lines.append(f"one text {found.latency.median_ms:.2f} ms (95th percentile {found.latency.p95_ms:.2f}), ")
            lines[-1] += f"batches {found.throughput.per_second:.0f} texts/s"
        if self.comparison:
            lines.append(self.comparison.verdict)
        return "\n".join(lines)


def measure_folder(folder: Path, source: DataSource, against: Path | None) -> Measured:
    """Measure `folder` on every row of `source` (a large file is sampled). Raises `Refused`."""
    labels = _labels(folder)
    for each in (folder, against or folder):
        _check_loadable(each)
    examples, _ = load_file_for_measuring(source, labels)
    data = Splits(labels, Examples((), ()), examples.first(1), examples, key="")
    if against is None:
        measurement, _, _ = measure_original(folder, data, _no_check, _no_progress, full_precision=False)
        return Measured(folder=str(folder), certificate=_certificate(folder), measurement=measurement)
    if _labels(against) != labels:
        raise Refused(f"{folder} and {against} answer with different labels, so they cannot be compared.")
    other, first, logits = measure_original(against, data, _no_check, _no_progress, full_precision=False)
    baseline = Baseline(against, "", other, np.asarray(first), logits)
    with Referee(baseline, data, _no_check, full_precision=False) as referee:
        found = referee.judge(folder, _precision(folder), _no_progress)
    return Measured(
        folder=str(folder),
        certificate=_certificate(folder),
        measurement=found.measurement,
        against=other,
        comparison=found.comparison,
    )


def _labels(folder: Path) -> tuple[str, ...]:
    labels = labels_of(read_config(folder))
    if len(labels) < 2:
        raise Refused(f"{folder} is not a classifier: its config.json names no labels. Choose another folder.")
    return labels


def _check_loadable(folder: Path) -> None:
    """Refuse what no runtime loads, and what torch would load with a head of chance."""
    found = runtime_of(folder)
    if found is None:
        markers = ", ".join(runtime.marker for runtime in RUNTIMES)
        raise Refused(f"{folder} holds no model that can be loaded here (one of {markers}). Choose another folder.")
    if problem := found.missing():
        raise Refused(problem)
    if found.name == "torch" and not read_profile(folder).has_head:
        raise Refused(f"{folder} has no classification head, so it answers nothing. Choose another folder.")


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
