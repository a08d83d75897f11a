"""The table of all runs, from disk: sort, select, use again, export, delete, open."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QSortFilterProxyModel, Qt, QUrl, Signal
from PySide6.QtGui import QAction, QDesktopServices, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QMenu,
    QMessageBox,
    QPushButton,
    QStackedLayout,
    QStyle,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from engine.run import Run, Status
from gui.label import Label, base_pixels
from gui.numbers import moment
from gui.runs.model import MODEL, RUN_ROLE, SORT_ROLE, STEPS, RunsModel
from gui.runs.words import heading

LEAST_WIDTH = 6
"""Of a column, as a multiple of the text's height: the steps, which get what is left, must still say something."""


class RunsTable(QWidget):
    """All that was tried. Signals carry a run's id."""

    selected = Signal(str)
    reuse = Signal(str)
    export = Signal(str)
    delete = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._selected: str | None = None
        self.model = RunsModel(self)
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(self.model)
        self._sorted.setSortRole(SORT_ROLE)
        self.view = QTableView(self)
        self._actions = self._make_actions()
        self._empty = Label(
            self.tr("No runs yet. Choose a model, set what to do to it, and press Run: it appears here and stays."),
            role="muted",
            scale=1.1,
            wrap=True,
        )
        self._set_up_view()
        self._lay_out()
        self.set_runs([])

    def _make_actions(self) -> dict[str, QAction]:
        reuse = self.tr("Sets the sliders as they were for this run.")
        told = {
            "reuse": (self.tr("Use this recipe again"), reuse, "Return"),
            "export": (self.tr("Export…"), self.tr("Copies this run's model to a folder of your choice."), ""),
            "open": (self.tr("Open folder"), self.tr("Shows this run's files in the file manager."), ""),
            "delete": (self.tr("Delete…"), self.tr("Removes this run and its files for good, after asking."), "Del"),
        }
        actions: dict[str, QAction] = {}
        for name, (text, help_text, keys) in told.items():
            action = QAction(text, self.view)
            action.setToolTip(f"{help_text} ({keys})" if keys else help_text)
            action.setShortcut(QKeySequence(keys))
            # In the table only: Return on a button must press that button.
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            action.triggered.connect(lambda _=False, name=name: self._act(name))
            self.view.addAction(action)
            actions[name] = action
        return actions

    def _set_up_view(self) -> None:
        view = self.view
        view.setModel(self._sorted)
        view.setSortingEnabled(True)
        view.sortByColumn(0, Qt.SortOrder.DescendingOrder)
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setTabKeyNavigation(False)
        view.setShowGrid(False)
        view.setStyleSheet("QTableView::item { padding: 4px 6px; } QHeaderView::section { padding: 6px 6px; }")
        view.setAlternatingRowColors(True)
        view.setWordWrap(False)
        view.verticalHeader().hide()
        header = view.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(STEPS, QHeaderView.ResizeMode.Stretch)
        header.setMinimumSectionSize(round(base_pixels() * LEAST_WIDTH))
        header.sortIndicatorChanged.connect(self._fit_columns)
        view.setAccessibleName(self.tr("All runs"))
        view.setToolTip(self.tr("Every run on this machine. Click a heading to sort; right-click for more."))
        view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        view.customContextMenuRequested.connect(self._show_menu)
        view.selectionModel().currentRowChanged.connect(self._on_current)

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        for name, action in self._actions.items():
            if name == "delete":
                buttons.addStretch(1)
            buttons.addWidget(self._button(action))
        full = QWidget(self)
        column = QVBoxLayout(full)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.view, 1)
        column.addLayout(buttons)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self._empty)
        self._stack.addWidget(full)

    def _button(self, action: QAction) -> QPushButton:
        """A button that does what the action does, and is enabled when it is."""
        button = QPushButton(action.text(), self)
        button.setToolTip(action.toolTip())
        button.setAccessibleName(action.text().rstrip("…"))
        button.clicked.connect(action.trigger)
        action.changed.connect(lambda: button.setEnabled(action.isEnabled()))
        return button

    def set_runs(self, runs: list[Run]) -> None:
        """Show these; the selection stays where it was if its run is still there."""
        self.model.set_runs(runs)
        self._stack.setCurrentIndex(1 if runs else 0)
        self._fit_columns()
        self.select(self._selected)

    def _fit_columns(self) -> None:
        """Each as wide as what it holds; the steps get what is left. Only the one sorted by has room for an arrow."""
        header = self.view.horizontalHeader()
        style = self.view.style()
        arrow = style.pixelMetric(QStyle.PixelMetric.PM_HeaderMarkSize)
        arrow += style.pixelMetric(QStyle.PixelMetric.PM_HeaderMargin)
        for column in range(self.model.columnCount()):
            if column != STEPS:
                title = header.sectionSizeHint(column) - (arrow if column != header.sortIndicatorSection() else 0)
                wanted = max(self.view.sizeHintForColumn(column), title)
                header.resizeSection(column, wanted)
        # Where all runs began with the same model, its name tells nothing and takes room.
        models = {self.model.index(row, MODEL).data() for row in range(self.model.rowCount())}
        self.view.setColumnHidden(MODEL, len(models) < 2)
        lacking = header.length() - self.view.viewport().width()
        if lacking > 0 and len(models) > 1:
            header.resizeSection(MODEL, max(header.minimumSectionSize(), header.sectionSize(MODEL) - lacking))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """What is left for the model's name changes."""
        super().resizeEvent(event)
        self._fit_columns()

    def select(self, run_id: str | None) -> None:
        """Select a run without telling anybody."""
        row = self.model.row_of(run_id) if run_id else None
        self._selected = run_id if row is not None else None
        if row is None:
            self.view.clearSelection()
        else:
            self.view.setCurrentIndex(self._sorted.mapFromSource(self.model.index(row, 0)))
        self._enable()

    def current(self) -> Run | None:
        """The selected run."""
        row = self.model.row_of(self._selected) if self._selected else None
        return None if row is None else self.model.index(row, 0).data(RUN_ROLE)

    def confirm_delete(self, run: Run) -> bool:
        """Ask; the safe answer is the default."""
        box = QMessageBox(self)
        box.setIcon(QMessageBox.Icon.Warning)
        box.setWindowTitle(self.tr("Delete this run?"))
        box.setText(self.tr("Delete the run of {0} ({1})?").format(moment(run.started), heading(run)))
        box.setInformativeText(self.tr("Its model and figures are removed from disk for good. Exported copies stay."))
        box.setStandardButtons(QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(QMessageBox.StandardButton.Cancel)
        return box.exec() == QMessageBox.StandardButton.Yes

    def _on_current(self) -> None:
        run = self.view.currentIndex().data(RUN_ROLE)
        if run is not None and run.id != self._selected:
            self._selected = run.id
            self._enable()
            self.selected.emit(run.id)

    def _act(self, name: str) -> None:
        run = self.current()
        if run is None:
            return
        if name == "open":
            QDesktopServices.openUrl(QUrl.fromLocalFile(run.folder))
        elif name == "reuse":
            self.reuse.emit(run.id)
        elif name == "export":
            self.export.emit(run.id)
        elif self.confirm_delete(run):
            self.delete.emit(run.id)

    def _enable(self) -> None:
        """Only what the selected run allows."""
        run = self.current()
        for action in self._actions.values():
            action.setEnabled(run is not None)
        if run:
            self._actions["export"].setEnabled(run.optimized is not None and run.status is not Status.RUNNING)
            self._actions["delete"].setEnabled(run.status is not Status.RUNNING)

    def _show_menu(self, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        menu.addActions(list(self._actions.values()))
        menu.exec(self.view.viewport().mapToGlobal(at))
        menu.deleteLater()
