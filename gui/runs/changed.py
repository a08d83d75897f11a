"""The answers that changed, worst first: what a difference of 0.3 points looks like in the flesh."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from engine.run import Run
from gui.label import Label, base_pixels
from gui.numbers import count, percent
from gui.runs.changed_model import AnswerDelegate, ChangedModel, DirectionFilter
from gui.runs.changes import Change, Direction, read_changes
from gui.runs.manner import manner_of
from gui.task_words import LANGUAGE, task_of

BATCH = 250
"""Lines read at a time: some milliseconds, so that the window never waits."""


class ChangedAnswers(QWidget):
    """Reads `changed.jsonl` of the run bit by bit while the window stays alive."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: Run | None = None
        self._reading: Iterator[Change | None] = iter(())
        self._counts: Counter[Direction] = Counter()
        self._damaged = 0
        self._manner = manner_of(None)
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._read_batch)
        self.headline = Label(scale=1.1, bold=True, wrap=True)
        self.model = ChangedModel(self)
        self._filtered = DirectionFilter(self)
        self._filtered.setSourceModel(self.model)
        self.view = QTableView(self)
        self.filters = QButtonGroup(self)
        self._set_up_view()
        self._lay_out()
        self.set_run(None)

    def _set_up_view(self) -> None:
        view = self.view
        view.setModel(self._filtered)
        self._delegate = AnswerDelegate(view)
        for column in (2, 3):
            view.setItemDelegateForColumn(column, self._delegate)
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setTabKeyNavigation(False)
        view.setShowGrid(False)
        view.setWordWrap(True)
        view.verticalHeader().hide()
        rows = view.verticalHeader()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(round(base_pixels() * 3.2))
        header = view.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column, width in ((1, 9), (2, 15), (3, 15)):
            header.resizeSection(column, round(base_pixels() * width))
        view.setAccessibleName(self.tr("Answers that changed"))

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self.headline, 1)
        for direction in (None, Direction.WORSE, Direction.BETTER):
            button = QPushButton(self)
            button.setCheckable(True)
            button.clicked.connect(lambda _=False, only=direction: self._filtered.show_only(only))
            self.filters.addButton(button)
            row.addWidget(button)
        self.filters.buttons()[0].setChecked(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.view, 1)

    def set_run(self, run: Run | None) -> None:
        """Show the changed answers of a run; a late batch of the run before is dropped."""
        self._run = run
        self._counts, self._damaged = Counter(), 0
        self._manner = manner_of(run)
        self.model.clear(self._manner)
        self._name()
        self._reading = read_changes(Path(run.folder) / "changed.jsonl", self._manner) if run else iter(())
        self._timer.start()
        self._read_batch()

    def _name(self) -> None:
        """Columns and filters as the task calls them."""
        manner = self._manner
        self.view.setToolTip(manner.help)
        self.view.setColumnHidden(1, not manner.titles[1])
        names = (self.tr("All"), *manner.filters)
        helps = (self.tr("All that the table holds."), *manner.filter_helps)
        for button, name, help_text in zip(self.filters.buttons(), names, helps, strict=True):
            button.setText(name)
            button.setToolTip(help_text)
            button.setAccessibleName(self.tr("Show: {0}").format(name))

    def visible_rows(self) -> int:
        """How many rows the filter lets through."""
        return self._filtered.rowCount()

    def _read_batch(self) -> None:
        lines = list(islice(self._reading, BATCH))
        changes = [change for change in lines if change is not None]
        self._damaged += len(lines) - len(changes)
        self._counts.update(change.direction for change in changes)
        self.model.extend(changes)
        if len(lines) < BATCH:
            self._timer.stop()
        self._say()

    def _say(self) -> None:
        found = self.model.rowCount()
        self.view.setVisible(found > 0)
        for button in self.filters.buttons():
            button.setVisible(found > 0)
        self.headline.setText(self._counted(found) if found else self._nothing())
        self.headline.set_role("text" if found else "muted")
        centre = Qt.AlignmentFlag.AlignCenter
        side = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        self.headline.setAlignment(side if found else centre)

    def _counted(self, found: int) -> str:
        parts = zip((Direction.WORSE, Direction.BETTER, Direction.DIFFERENT), self._manner.directions, strict=True)
        told = [text.format(count(self._counts[kind])) for kind, text in parts if self._counts[kind]]
        head = self._head(found)
        damaged = self.tr(" ({0} lines of the record are damaged)").format(self._damaged)
        return f"{head}: {', '.join(told)}{damaged if self._damaged else ''}"

    def _head(self, found: int) -> str:
        compared = self._run.comparison if self._run else None
        answers = compared.answers if compared else 0
        if task_of(self._run) == LANGUAGE:
            head = self.tr("{0} windows of text").format(count(found))
            if compared and answers:
                share = percent(compared.same_answers / answers)
                head += self.tr(", the same next token at {0} of places").format(share)
            return head
        if answers:
            return self.tr("{0} of {1} answers changed").format(count(found), count(answers))
        return self.tr("{0} answers changed").format(count(found))

    def _nothing(self) -> str:
        if self._run is None:
            return self.tr("Select a run to see which answers it changed.")
        if self._damaged:
            return self.tr("The record of this run's answers is damaged and cannot be read.")
        compared = self._run.comparison
        if compared and compared.answers and compared.same_answers == compared.answers:
            return self.tr("Not one of {0} answers changed.").format(count(compared.answers))
        return self.tr("This run recorded no changed answers.")
