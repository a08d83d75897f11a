"""The tabs at the foot: what the runs gave, in detail."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QScrollArea, QTabWidget, QVBoxLayout, QWidget

from gui.runs.changed import ChangedAnswers
from gui.runs.compare import Compare
from gui.runs.table import RunsTable
from gui.tabs.layers import Layers
from gui.tabs.log import Log
from gui.tabs.try_it import TryIt


class Details(QTabWidget):
    """One view a tab; each is reached by its name."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table, self.compare, self.changed = RunsTable(), Compare(), ChangedAnswers()
        self.try_it, self.layers, self.log = TryIt(), Layers(), Log()
        self.setDocumentMode(True)
        self.setAccessibleName(self.tr("Details"))
        self.setToolTip(self.tr("What the runs gave, in detail."))
        for widget, title in (
            (self.table, self.tr("Runs")),
            (self.compare, self.tr("Compare")),
            (self.changed, self.tr("Changed answers")),
            (self.try_it, self.tr("Try it")),
            (self.layers, self.tr("Layers")),
            (self.log, self.tr("Log")),
        ):
            self.addTab(_padded(widget), title)


def _padded(widget: QWidget) -> QWidget:
    """A tab's page with air around it. It scrolls rather than make the window taller than a screen."""
    page = QWidget()
    page.setObjectName("page")
    layout = QVBoxLayout(page)
    layout.setContentsMargins(2, 8, 2, 8)
    layout.addWidget(widget)
    area = QScrollArea()
    area.setWidget(page)
    area.setWidgetResizable(True)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return area
