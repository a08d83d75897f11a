"""The rows of the comparison: figures, recipe and environment of the original and some runs.

Pure: `rows_of` gives what `Compare` shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from PySide6.QtCore import QCoreApplication

from engine.run import Difference, Measurement, Quality, Ratio, Run, Speed, Throughput
from gui.numbers import (
    NOISE,
    count,
    duration,
    interval,
    meaning,
    megabytes,
    milliseconds,
    percent,
    points,
    quality,
    ratio,
    ratio_range,
)
from gui.plots.front import subject_of
from gui.runs.words import data_in_words, model_in_words, status_in_words, steps_in_words
from gui.task_words import LANGUAGE, TaskWords, task_of, words_for

IMMATERIAL = ("memory_gb",)
"""What may differ between surroundings without making speeds incomparable."""
BUSY = 0.25
"""Share of the processor that others used, above which the engine calls speeds rough."""


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
    if len({task_of(run) for run in runs}) > 1:
        found.append(_t("These runs are of different tasks: neither quality nor speed can be compared."))
    elif len({subject_of(run)[1] for run in runs}) > 1:
        found.append(_t("These runs were measured on different data: their quality cannot be compared."))
    if len({subject_of(run)[0] for run in runs}) > 1:
        found.append(_t("These runs began with different models: each is compared with its own original."))
    different = [key for key in _differing(runs) if key not in IMMATERIAL]
    if different:
        template = _t("Measured in different surroundings ({0}): speeds cannot be compared.")
        found.append(template.format(", ".join(different)))
    busy = [run for run in runs if run.optimized and run.optimized.busy > BUSY]
    if busy:
        found.append(_t("Other programs kept the machine busy while some of these were timed: speeds are rough."))
    return found


def _figures(runs: list[Run]) -> list[Row]:
    words = words_for(task_of(runs[0]))
    same = _t("Same next token") if task_of(runs[0]) == LANGUAGE else _t("Same answers")
    return [
        Row(_t("Figures")),
        _row(runs, _t("Size"), lambda m: megabytes(m.size_bytes) if m.size_bytes else None),
        _compared(runs, _t("Smaller"), _smaller),
        *_qualities(runs),
        _compared(runs, same, _same),
        *_writing(runs),
        _row(runs, _t("{0}, median").format(words.one), lambda m: _latency(m, "median_ms")),
        _row(runs, _t("{0}, 95th percentile").format(words.one), lambda m: _latency(m, "p95_ms")),
        *_speeds(runs, words),
        _row(runs, _t("Peak memory"), lambda m: megabytes(m.memory.peak_bytes) if m.memory else None),
        _row(runs, _t("Made for"), lambda m: f"{m.runtime}, {m.precision}"),
        _compared(runs, _t("Result"), status_in_words),
        _compared(runs, _t("Took"), lambda run: duration(run.seconds)),
    ]


def _row(runs: list[Run], title: str, read: Callable[[Measurement], str | None]) -> Row:
    """What is read off each measurement, the original's first."""
    each = [read(measured) if measured else None for measured in _measurements(runs)]
    return Row(title, tuple(text or "–" for text in each))


def _compared(runs: list[Run], title: str, read: Callable[[Run], str | None]) -> Row:
    """What only a run has, for it is a comparison with the original."""
    return Row(title, ("", *(read(run) or "–" for run in runs)))


def _measurements(runs: list[Run]) -> list[Measurement | None]:
    return [runs[0].baseline, *(run.optimized for run in runs)]


def _latency(measured: Measurement, which: Literal["median_ms", "p95_ms"]) -> str | None:
    return milliseconds(getattr(measured.latency, which)) if measured.latency else None


def _smaller(run: Run) -> str | None:
    return ratio(run.comparison.size) if run.comparison and run.comparison.size else None


def _times(value: Ratio | None) -> str | None:
    return f"{ratio(value.value)}  ({ratio_range(value.low, value.high)})" if value else None


def _speeds(runs: list[Run], words: TaskWords) -> list[Row]:
    """Units a second and times as fast, for every kind of work that was timed."""
    units = {speed.name: speed.unit for measured in _measurements(runs) if measured for speed in measured.speeds}
    if not units:  # a record from before the kinds of work had names
        return [
            _compared(runs, _t("Speed {0}").format(words.at_first), lambda run: _times(_ratio(run, "latency"))),
            _row(runs, words.many, lambda m: _rate(m.throughput)),
            _compared(runs, _t("Speed {0}").format(words.at_second), lambda run: _times(_ratio(run, "throughput"))),
        ]
    rows = []
    for name, unit in units.items():
        title = _capital(name)
        rows.append(_row(runs, _t("{0}: {1} a second").format(title, unit), partial(_rate_of, name)))
        rows.append(_compared(runs, _t("{0}: times as fast").format(title), partial(_times_of, name)))
    return rows


def _ratio(run: Run, which: Literal["latency", "throughput"]) -> Ratio | None:
    return getattr(run.comparison, which) if run.comparison else None


def _rate_of(name: str, measured: Measurement) -> str | None:
    return _rate(next((speed for speed in measured.speeds if speed.name == name), None))


def _times_of(name: str, run: Run) -> str | None:
    return _times(run.comparison.speeds.get(name)) if run.comparison else None


def _rate(found: Throughput | Speed | None) -> str | None:
    return f"{_amount(found.per_second)}  ({_amount(found.low)} – {_amount(found.high)})" if found else None


def _amount(per_second: float) -> str:
    return count(per_second) if per_second >= 100 else f"{per_second:.1f}"


def _qualities(runs: list[Run]) -> list[Row]:
    """Every metric with its interval, and the difference from the original wherever it could be paired."""
    metrics = dict.fromkeys(found.metric for measured in _measurements(runs) if measured for found in _all(measured))
    rows = []
    for metric in metrics:
        rows.append(_row(runs, _t("{0} (95 % interval)").format(_capital(metric)), partial(_quality, metric)))
        differences = [_paired(run, metric) for run in runs]
        if any(differences):
            rows.append(_difference(metric, differences))
    return rows


def _all(measured: Measurement) -> tuple[Quality, ...]:
    return measured.qualities or ((measured.quality,) if measured.quality else ())


def _quality(metric: str, measured: Measurement) -> str | None:
    found = next((each for each in _all(measured) if each.metric == metric), None)
    if found is None:
        return None
    value, low, high = (quality(metric, v) for v in (found.value, found.low, found.high))
    return f"{value}  ({low} – {high})"


def _paired(run: Run, metric: str) -> Difference | None:
    compared, measured = run.comparison, run.optimized
    if compared is None or measured is None or measured.quality is None:
        return None
    main = compared.quality if measured.quality.metric == metric else None
    return compared.qualities.get(metric, main)


def _difference(metric: str, differences: list[Difference | None]) -> Row:
    """Differences in words, with the interval and p behind them."""
    cells, roles = [""], [""]
    for found in differences:
        if found is None:
            cells.append("–")
            roles.append("")
            continue
        low, high = interval(metric, found)
        p = "p < 0.001" if found.p_value < 0.001 else f"p = {found.p_value:.2g}"
        cells.append(f"{points(metric, found.value)}, {meaning(found)}  ({low} – {high}, {p})")
        roles.append("" if found.p_value >= NOISE else ("bad" if found.value < 0 else "good"))
    return Row(_t("{0}: difference").format(_capital(metric)), tuple(cells), tuple(roles))


def _same(run: Run) -> str | None:
    compared = run.comparison
    if compared is None or not compared.answers:
        return None
    share = percent(compared.same_answers / compared.answers)
    return _t("{0} of {1} ({2})").format(count(compared.same_answers), count(compared.answers), share)


def _writing(runs: list[Run]) -> list[Row]:
    """How varied what it writes is, for models that write."""
    if not any(measured and measured.written for measured in _measurements(runs)):
        return []
    rows = [
        _row(runs, _t("Writing that repeats itself"), lambda m: percent(m.written.repeated) if m.written else None),
        _row(runs, _t("Different three-word steps"), lambda m: percent(m.written.distinct[2]) if m.written else None),
    ]
    if any(run.comparison and run.comparison.collapse for run in runs):
        cells = [(run.comparison.collapse if run.comparison else "") or "–" for run in runs]
        roles = ["bad" if cell != "–" else "" for cell in cells]
        rows.append(Row(_t("Collapse"), ("", *cells), ("", *roles)))
    return rows


def _capital(text: str) -> str:
    """A name at the beginning of a title; a name with capitals of its own (MRR, KL divergence) stays."""
    return text[:1].upper() + text[1:]


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
