"""The comparison's rows as a table model."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor

from engine.run import Run
from gui.label import scaled_font
from gui.numbers import moment
from gui.runs.figures import Row, rows_of
from gui.runs.words import heading
from gui.theme import colors

Index = QModelIndex | QPersistentModelIndex
NO_PARENT = QModelIndex()


class CompareModel(QAbstractTableModel):
    """Titles, the original, then a column a run."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: list[Row] = []
        self._titles: list[str] = []

    def set_runs(self, runs: list[Run]) -> None:
        """Show these, in this order."""
        self.beginResetModel()
        self.rows = rows_of(runs)
        names = [f"{heading(run)}, {moment(run.started)}".replace(", ", "\n") for run in runs]
        self._titles = ["", self.tr("Original"), *names] if runs else []
        self.endResetModel()

    def rowCount(self, parent: Index = NO_PARENT) -> int:
        """Figures, recipe, surroundings."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = NO_PARENT) -> int:
        """Two more than there are runs."""
        return 0 if parent.isValid() else len(self._titles)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Which run a column is."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._titles[section]
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return left if role == Qt.ItemDataRole.TextAlignmentRole else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Texts; sections stand out."""
        row, column = self.rows[index.row()], index.column() - 1
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return row.title if column < 0 else (row.cells[column] if row.cells else "")
        if role == Qt.ItemDataRole.FontRole and row.is_section:
            return scaled_font(1.0, bold=True)
        return self._color(row, column) if role == Qt.ItemDataRole.ForegroundRole else None

    @staticmethod
    def _color(row: Row, column: int) -> QColor | None:
        if row.is_section:
            return QColor(colors().accent)
        if column < 0:
            return QColor(colors().muted)
        role = row.roles[column] if row.roles else ""
        return QColor(getattr(colors(), role)) if role else None
