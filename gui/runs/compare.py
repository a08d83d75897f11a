"""The original and up to four runs side by side, with a warning where that is not fair."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QMenu,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from engine.run import Run
from gui.label import Label, base_pixels
from gui.numbers import moment
from gui.plots.front import subject_of
from gui.runs.compare_model import CompareModel
from gui.runs.figures import warnings_of
from gui.runs.words import heading, steps_in_words
from gui.theme import THEME

MOST_RUNS = 4
MOST_OFFERED = 20
TITLE_WIDTH = 15
"""Of the column of titles, as a multiple of the text's height: the longest ones take two lines."""


class Compare(QWidget):
    """A column for the original, one for each run; which runs is chosen in a menu."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runs: list[Run] = []
        self._chosen: list[str] = []
        self.warning = Label(role="warning", bold=True, wrap=True)
        self.hint = Label(role="muted", scale=1.1, wrap=True)
        self.button = QPushButton(self.tr("Choose runs"), self)
        self.menu = QMenu(self)
        self.model = CompareModel(self)
        self.view = QTableView(self)
        self._fit = QTimer(self, interval=0, singleShot=True)
        self._fit.timeout.connect(self.view.resizeRowsToContents)
        self._set_up_view()
        self._lay_out()
        THEME.changed.connect(self.view.viewport().update)
        self.set_runs([])

    def _set_up_view(self) -> None:
        view = self.view
        view.setModel(self.model)
        view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setTabKeyNavigation(False)
        view.setShowGrid(False)
        view.setStyleSheet("QTableView::item { padding: 1px 8px; }")  # many rows, little height
        view.setWordWrap(True)
        view.verticalHeader().hide()
        view.verticalHeader().setMinimumSectionSize(8)
        view.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        view.horizontalHeader().setHighlightSections(False)
        # Rows grow where a narrower column breaks its text: once for all the columns of a resize.
        view.horizontalHeader().sectionResized.connect(self._fit_soon)
        view.setAccessibleName(self.tr("The original and the runs side by side"))
        view.setToolTip(self.tr("Intervals are 95 %. “Within noise”: no difference could be shown (p from 0.05 on)."))

    def _lay_out(self) -> None:
        self.button.setMenu(self.menu)
        self.button.setToolTip(self.tr("Which runs stand side by side: at most four."))
        self.button.setAccessibleName(self.tr("Choose the runs to compare"))
        self.menu.setToolTipsVisible(True)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.hint.setText(self.tr("Finished runs stand here side by side with the original. There is none yet."))
        top = QHBoxLayout()
        top.addWidget(self.warning, 1)
        top.addWidget(self.button, 0, Qt.AlignmentFlag.AlignRight)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(top)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.hint, 1)

    def set_runs(self, runs: list[Run]) -> None:
        """All that could be compared. Unless others were chosen: at most four of the newest one's model and data."""
        self._runs = runs
        known = {run.id for run in runs}
        self._chosen = [run_id for run_id in self._chosen if run_id in known]
        self._show()

    def shown(self) -> list[Run]:
        """The runs that stand side by side."""
        if self._chosen:
            return [run for run in self._runs if run.id in self._chosen]
        measured = sorted((run for run in self._runs if run.optimized), key=lambda run: run.started, reverse=True)
        alike = [run for run in self._runs if not measured or subject_of(run) == subject_of(measured[0])]
        if len(alike) <= MOST_RUNS:
            return alike
        return [run for run in measured if run in alike][:MOST_RUNS]

    def choose(self, run_id: str, chosen: bool) -> None:
        """Add or take away a run; a fifth takes the place of the one chosen first."""
        ids = [run.id for run in self.shown() if run.id != run_id]
        self._chosen = [*ids, run_id][-MOST_RUNS:] if chosen else ids
        self._show()

    def _show(self) -> None:
        shown = self.shown()
        warnings = warnings_of(shown)
        self.warning.setText("\n".join(warnings))
        self.model.set_runs(shown)
        self.view.clearSpans()
        for index, row in enumerate(self.model.rows):
            if row.is_section:
                self.view.setSpan(index, 0, 1, self.model.columnCount())
        self.view.setVisible(bool(shown))
        self.hint.setVisible(not shown)
        self.button.setVisible(len(self._runs) > 1)
        self._fill_menu({run.id for run in shown})
        if shown:
            header = self.view.horizontalHeader()
            header.setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(0, round(base_pixels() * TITLE_WIDTH))
        self._fit.start()

    def _fill_menu(self, shown: set[str]) -> None:
        self.menu.clear()
        for run in self._runs[:MOST_OFFERED]:
            action = self.menu.addAction(f"{moment(run.started)}   {heading(run)}")
            action.setToolTip(steps_in_words(run))
            action.setCheckable(True)
            action.setChecked(run.id in shown)
            action.triggered.connect(lambda chosen, run_id=run.id: self.choose(run_id, chosen))

    def _fit_soon(self) -> None:
        self._fit.start()
