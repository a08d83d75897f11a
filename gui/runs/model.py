"""Runs as a table: what each column says, and by what it is sorted (numbers, never their text)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor

from engine.run import Ratio, Run
from gui.numbers import RAW_METRICS, megabytes, moment, quality, ratio, ratio_range, spread
from gui.runs.words import (
    data_in_words,
    model_in_words,
    role_of,
    status_in_words,
    steps_in_words,
)
from gui.task_words import TASKS, task_of, words_for
from gui.theme import THEME, colors

Index = QModelIndex | QPersistentModelIndex
NO_PARENT = QModelIndex()
SORT_ROLE = Qt.ItemDataRole.UserRole
RUN_ROLE = Qt.ItemDataRole.UserRole + 1
MODEL, STEPS, FIRST, SECOND, QUALITY, RESULT = 1, 2, 4, 5, 6, 8
"""Columns that are treated apart, in the order of `RunsModel.columns`."""


@dataclass(frozen=True)
class Column:
    """A column: its title, its text for a run, what it sorts by, and its tooltip."""

    title: str
    text: Callable[[Run], str]
    key: Callable[[Run], Any]
    help: str
    number: bool = True


class RunsModel(QAbstractTableModel):
    """A row a run."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runs: list[Run] = []
        self.columns = self._make_columns()
        THEME.changed.connect(self._recolour)

    def _make_columns(self) -> tuple[Column, ...]:
        first = self.tr(
            "Times as fast as the original on this machine: at one text, or for language models at writing."
        )
        second = self.tr("Times as fast as the original on this machine: with 32 texts at once, or at reading.")
        paired = self.tr(
            "Quality against the original with its 95 % interval, question by question: in points, "
            "for perplexity in the percent by which it grew."
        )
        return (
            Column(self.tr("When"), lambda run: moment(run.started), lambda run: run.started, "", False),
            Column(self.tr("Model"), model_in_words, model_in_words, self.tr("What the run began with."), False),
            Column(self.tr("Steps"), steps_in_words, steps_in_words, self.tr("What was done, in this order."), False),
            Column(self.tr("Size"), _size, _size_key, self.tr("The saved folder, and times smaller.")),
            Column(self.tr("First speed"), _latency_text, lambda run: _ratio_key(_latency(run)), first),
            Column(self.tr("Second speed"), _throughput_text, lambda run: _ratio_key(_throughput(run)), second),
            Column(self.tr("Quality"), self._quality, _quality_key, self.tr("On the test texts.")),
            Column(self.tr("Difference"), _difference, _difference_key, paired),
            Column(self.tr("Result"), status_in_words, status_in_words, self.tr("How the run ended."), False),
        )

    def set_runs(self, runs: list[Run]) -> None:
        """Show these."""
        self.beginResetModel()
        self._runs = list(runs)
        self.endResetModel()

    def row_of(self, run_id: str) -> int | None:
        """The row of a run, before sorting."""
        return next((row for row, run in enumerate(self._runs) if run.id == run_id), None)

    def rowCount(self, parent: Index = NO_PARENT) -> int:
        """How many runs."""
        return 0 if parent.isValid() else len(self._runs)

    def columnCount(self, parent: Index = NO_PARENT) -> int:
        """How many columns."""
        return 0 if parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Titles and their tooltips."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._title(section)
        if role == Qt.ItemDataRole.ToolTipRole:
            return column.help or None
        return self._alignment(column) if role == Qt.ItemDataRole.TextAlignmentRole else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, sort key, colour."""
        run, column = self._runs[index.row()], self.columns[index.column()]
        told: dict[int, Callable[[], Any]] = {
            Qt.ItemDataRole.DisplayRole: lambda: column.text(run),
            SORT_ROLE: lambda: column.key(run),
            RUN_ROLE: lambda: run,
            Qt.ItemDataRole.TextAlignmentRole: lambda: self._alignment(column),
            Qt.ItemDataRole.ToolTipRole: lambda: self._tooltip(run, index.column()),
        }
        if role == Qt.ItemDataRole.ForegroundRole and index.column() == RESULT:
            return QColor(getattr(colors(), role_of(run)))
        return told[role]() if role in told else None

    def _title(self, column: int) -> str:
        """Speeds are called as the runs' tasks call them, quality as their one metric does."""
        if column in (FIRST, SECOND):
            measured = {task_of(run) for run in self._runs if run.optimized or run.baseline}
            words = [words_for(task) for task in measured or TASKS]
            names = {each.first if column == FIRST else each.second for each in words}
            if len(names) == 1:
                return names.pop().capitalize()
            return self.tr("Speed ●") if column == FIRST else self.tr("Speed ■")  # as in the plot of speeds
        metrics = self._metrics()
        if column == QUALITY and len(metrics) == 1:
            return metrics[0].capitalize() if metrics[0].islower() else metrics[0]
        return self.columns[column].title

    def _metrics(self) -> list[str]:
        measured = (run.optimized.quality for run in self._runs if run.optimized)
        return sorted({found.metric for found in measured if found})

    def _quality(self, run: Run) -> str:
        """The value, and of what it is where that is not the same for all runs."""
        found = run.optimized.quality if run.optimized else None
        if found is None:
            return "–"
        value = quality(found.metric, found.value)
        return f"{found.metric} {value}" if len(self._metrics()) > 1 else value

    def _tooltip(self, run: Run, column: int) -> str:
        if column == RESULT and run.reason:
            return run.reason
        compared = {FIRST: _latency(run), SECOND: _throughput(run)}.get(column)
        if compared:
            interval, words = ratio_range(compared.low, compared.high), words_for(task_of(run))
            at = words.at_first if column == FIRST else words.at_second
            return self.tr("{0} as fast {1}, 95 % interval {2}").format(_times(compared), at, interval)
        data = self.tr("Data: {0}").format(data_in_words(run))
        return f"{steps_in_words(run)}\n{data}" if column == STEPS else self.columns[column].text(run)

    def _recolour(self) -> None:
        if self._runs:
            first, last = self.index(0, RESULT), self.index(len(self._runs) - 1, RESULT)
            self.dataChanged.emit(first, last, [Qt.ItemDataRole.ForegroundRole])

    @staticmethod
    def _alignment(column: Column) -> Qt.AlignmentFlag:
        side = Qt.AlignmentFlag.AlignRight if column.number else Qt.AlignmentFlag.AlignLeft
        return side | Qt.AlignmentFlag.AlignVCenter


def _size(run: Run) -> str:
    size = run.optimized.size_bytes if run.optimized else None
    if size is None:
        return "–"
    smaller = run.comparison.size if run.comparison else None
    return f"{megabytes(size)}  ({ratio(smaller)})" if smaller else megabytes(size)


def _size_key(run: Run) -> float:
    size = run.optimized.size_bytes if run.optimized else None
    return -1.0 if size is None else float(size)


def _latency(run: Run) -> Ratio | None:
    return run.comparison.latency if run.comparison else None


def _throughput(run: Run) -> Ratio | None:
    return run.comparison.throughput if run.comparison else None


def _latency_text(run: Run) -> str:
    return _times(_latency(run))


def _throughput_text(run: Run) -> str:
    return _times(_throughput(run))


def _times(value: Ratio | None) -> str:
    return ratio(value.value) if value else "–"


def _ratio_key(value: Ratio | None) -> float:
    return value.value if value else -1.0


def _quality_key(run: Run) -> float:
    found = run.optimized.quality if run.optimized else None
    if found is None:
        return -math.inf
    return -found.value if found.metric in RAW_METRICS else found.value  # the better, the greater


def _difference(run: Run) -> str:
    found = run.comparison.quality if run.comparison else None
    if found is None or run.optimized is None or run.optimized.quality is None:
        return "–"
    return spread(run.optimized.quality.metric, found)


def _difference_key(run: Run) -> float:
    found = run.comparison.quality if run.comparison else None
    return found.value if found else -1e9
