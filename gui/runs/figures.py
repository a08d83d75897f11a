"""The rows of the comparison: figures, recipe and environment of the original and some runs.

Pure: `rows_of` gives what `Compare` shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QCoreApplication

from engine.run import Measurement, Ratio, Run
from gui.numbers import (
    NOISE,
    count,
    duration,
    meaning,
    megabytes,
    milliseconds,
    percent,
    points,
    quality,
    ratio,
    ratio_range,
    signed,
)
from gui.plots.front import subject_of
from gui.runs.words import data_in_words, model_in_words, status_in_words, steps_in_words

IMMATERIAL = ("memory_gb",)
"""What may differ between surroundings without making speeds incomparable."""


@dataclass(frozen=True)
class Row:
    """A title, a cell for the original and one for each run. A section's row has no cells."""

    title: str
    cells: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    """The colours of the cells; ordinary text where empty."""

    @property
    def is_section(self) -> bool:
        """Whether it is only a heading."""
        return not self.cells


def _t(text: str) -> str:
    return QCoreApplication.translate("compare", text)


def rows_of(runs: list[Run]) -> list[Row]:
    """All rows, figures first."""
    if not runs:
        return []
    return [*_figures(runs), *_recipes(runs), *_environments(runs)]


def warnings_of(runs: list[Run]) -> list[str]:
    """Why these runs cannot be compared as they stand: other data, another machine, other versions."""
    found: list[str] = []
    if len({subject_of(run)[1] for run in runs}) > 1:
        found.append(_t("These runs were measured on different data: their quality cannot be compared."))
    if len({subject_of(run)[0] for run in runs}) > 1:
        found.append(_t("These runs began with different models: each is compared with its own original."))
    different = [key for key in _differing(runs) if key not in IMMATERIAL]
    if different:
        template = _t("Measured in different surroundings ({0}): speeds cannot be compared.")
        found.append(template.format(", ".join(different)))
    return found


def _figures(runs: list[Run]) -> list[Row]:
    first = runs[0]
    original = first.baseline

    def row(title: str, read: Callable[[Measurement], str | None]) -> Row:
        each = [read(m) if m else None for m in (original, *(run.optimized for run in runs))]
        return Row(title, tuple(text or "–" for text in each))

    return [
        Row(_t("Figures")),
        row(_t("Size"), lambda m: megabytes(m.size_bytes) if m.size_bytes else None),
        _compared(runs, _t("Smaller"), _smaller),
        row(_t("One text, median"), lambda m: milliseconds(m.latency.median_ms) if m.latency else None),
        row(_t("One text, 95th percentile"), lambda m: milliseconds(m.latency.p95_ms) if m.latency else None),
        _compared(runs, _t("Speed at one text"), _latency_times),
        row(_t("Texts a second, 32 at once"), _throughput),
        _compared(runs, _t("Speed at 32 at once"), _throughput_times),
        row(_t("Quality (95 % interval)"), _quality),
        _difference(runs),
        _compared(runs, _t("Same answers"), _same),
        row(_t("Peak memory"), lambda m: megabytes(m.memory.peak_bytes) if m.memory else None),
        row(_t("Made for"), lambda m: f"{m.runtime}, {m.precision}"),
        _compared(runs, _t("Result"), status_in_words),
        _compared(runs, _t("Took"), lambda run: duration(run.seconds)),
    ]


def _compared(runs: list[Run], title: str, read: Callable[[Run], str | None]) -> Row:
    return Row(title, ("", *(read(run) or "–" for run in runs)))


def _smaller(run: Run) -> str | None:
    return ratio(run.comparison.size) if run.comparison and run.comparison.size else None


def _latency_times(run: Run) -> str | None:
    return _times(run.comparison.latency) if run.comparison else None


def _throughput_times(run: Run) -> str | None:
    return _times(run.comparison.throughput) if run.comparison else None


def _times(value: Ratio | None) -> str | None:
    return f"{ratio(value.value)}  ({ratio_range(value.low, value.high)})" if value else None


def _throughput(measured: Measurement) -> str | None:
    found = measured.throughput
    return f"{count(found.per_second)}  ({count(found.low)} – {count(found.high)})" if found else None


def _quality(measured: Measurement) -> str | None:
    found = measured.quality
    if found is None:
        return None
    value, low, high = (quality(found.metric, v) for v in (found.value, found.low, found.high))
    return f"{value}  ({low} – {high})"


def _same(run: Run) -> str | None:
    compared = run.comparison
    if compared is None or not compared.answers:
        return None
    share = percent(compared.same_answers / compared.answers)
    return _t("{0} of {1} ({2})").format(count(compared.same_answers), count(compared.answers), share)


def _difference(runs: list[Run]) -> Row:
    """Differences in words, with the interval and p behind them."""
    cells, roles = [""], [""]
    for run in runs:
        found = run.comparison.quality if run.comparison else None
        measured = run.optimized.quality if run.optimized else None
        if found is None or measured is None:
            cells.append("–")
            roles.append("")
            continue
        metric = measured.metric
        low, high = signed(metric, found.low), signed(metric, found.high)
        p = "p < 0.001" if found.p_value < 0.001 else f"p = {found.p_value:.2g}"
        words = meaning(metric, found)
        cells.append(f"{points(metric, found.value)}, {words}  ({low} – {high}, {p})")
        roles.append("" if found.p_value >= NOISE else ("bad" if found.value < 0 else "good"))
    return Row(_t("Difference in quality"), tuple(cells), tuple(roles))


def _recipes(runs: list[Run]) -> list[Row]:
    """Steps always; of the rest only what is not the same in all."""
    rows = [Row(_t("Recipe")), _compared(runs, _t("Steps"), steps_in_words)]
    for title, read in ((_t("Model"), model_in_words), (_t("Data"), data_in_words)):
        if len({read(run) for run in runs}) > 1 or len(runs) == 1:
            rows.append(_compared(runs, title, read))
    limits = [run.recipe.get("limits") or {} for run in runs]
    for key in sorted({key for each in limits for key in each}):
        rows += _row_if_different(key.replace("_", " "), [each.get(key) for each in limits])
    rows += _row_if_different(_t("Seed"), [run.recipe.get("seed") for run in runs])
    return rows


def _environments(runs: list[Run]) -> list[Row]:
    different = _differing(runs)
    rows = [Row(key, ("", *(run.environment.get(key, "–") for run in runs))) for key in different]
    title = _t("Surroundings (what differs)") if rows else ""
    return [Row(title), *rows] if rows else []


def _differing(runs: list[Run]) -> list[str]:
    keys = sorted({key for run in runs for key in run.environment})
    return [key for key in keys if len({run.environment.get(key) for run in runs}) > 1]


def _row_if_different(title: str, values: list[Any]) -> list[Row]:
    if len({str(value) for value in values}) < 2:
        return []
    cells = ("–" if value is None else str(value) for value in values)
    return [Row(title, ("", *cells))]
