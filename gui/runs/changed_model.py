"""The changed answers as a table, with a confidence bar behind each answer."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRectF,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from gui.label import base_pixels, scaled_font
from gui.plots.panel import faint
from gui.runs.changes import Change, Direction
from gui.runs.manner import Manner, manner_of
from gui.theme import colors

Index = QModelIndex | QPersistentModelIndex
NO_PARENT = QModelIndex()
CHANGE_ROLE = Qt.ItemDataRole.UserRole
NUMBER_ROLE = Qt.ItemDataRole.UserRole + 1
NUMBER_ROOM = 3.2
"""Least room for the number beside an answer, as a multiple of the text's height."""
ROLES = {Direction.WORSE: "bad", Direction.BETTER: "good", Direction.DIFFERENT: "warning"}


class ChangedModel(QAbstractTableModel):
    """A row a change: text, right answer, before, after."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._changes: list[Change] = []
        self._manner = manner_of(None)

    def clear(self, manner: Manner) -> None:
        """Forget all; what comes is told in this manner."""
        self.beginResetModel()
        self._changes, self._manner = [], manner
        self.endResetModel()

    def extend(self, changes: list[Change]) -> None:
        """Append a batch."""
        if changes:
            first = len(self._changes)
            self.beginInsertRows(QModelIndex(), first, first + len(changes) - 1)
            self._changes += changes
            self.endInsertRows()

    def change(self, row: int) -> Change:
        """The change of a row."""
        return self._changes[row]

    def rowCount(self, parent: Index = NO_PARENT) -> int:
        """How many changes."""
        return 0 if parent.isValid() else len(self._changes)

    def columnCount(self, parent: Index = NO_PARENT) -> int:
        """Four."""
        return 0 if parent.isValid() else len(self._manner.titles)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Titles."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._manner.titles[section]
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return left if role == Qt.ItemDataRole.TextAlignmentRole else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Texts; the change itself for the delegate and the filter."""
        change = self._changes[index.row()]
        if role == CHANGE_ROLE:
            return change
        shares = {2: change.before_confidence, 3: change.after_confidence}
        number = self._manner.number(shares[index.column()]) if index.column() in shares else ""
        if role == NUMBER_ROLE:
            return number
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return None
        return f"{(change.text, change.label, change.before, change.after)[index.column()]}  {number}".rstrip()


class DirectionFilter(QSortFilterProxyModel):
    """Only the changes of one direction, or all."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._only: Direction | None = None

    def show_only(self, direction: Direction | None) -> None:
        """None shows all."""
        self._only = direction
        self.invalidate()

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:
        """Whether a row is shown."""
        if self._only is None:
            return True
        model = self.sourceModel()
        assert isinstance(model, ChangedModel)
        return model.change(source_row).direction is self._only


class AnswerDelegate(QStyledItemDelegate):
    """Draws an answer over a bar as long as its confidence; the new one in the colour of its direction."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """The row's background and focus as usual, then the bar, then the words."""
        change: Change = index.data(CHANGE_ROLE)
        is_after = index.column() == 3
        answer = change.after if is_after else change.before
        share = change.after_confidence if is_after else change.before_confidence
        role = ROLES[change.direction] if is_after else "original"
        self.initStyleOption(option, index)
        option.text = ""
        style = option.widget.style() if option.widget else None
        if style:
            style.drawControl(style.ControlElement.CE_ItemViewItem, option, painter, option.widget)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(scaled_font(1.0))
        cell, number = QRectF(option.rect).adjusted(4, 4, -8, -4), str(index.data(NUMBER_ROLE))
        wide = painter.fontMetrics().horizontalAdvance(number) + 0.6 * base_pixels()
        room = max(wide, NUMBER_ROOM * base_pixels()) if number else 0.0
        self._bar(painter, cell, getattr(colors(), role), share, room)
        self._words(painter, cell, (answer, number), room, is_after)
        painter.restore()

    @staticmethod
    def _bar(painter: QPainter, cell: QRectF, color: str, share: float, room: float) -> None:
        """The bar; a full one ends where the number begins."""
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(faint(color, 0.30))
        width = (cell.width() - room) * min(1.0, max(0.0, share))
        painter.drawRoundedRect(QRectF(cell.left(), cell.top(), width, cell.height()), 4, 4)

    @staticmethod
    def _words(painter: QPainter, cell: QRectF, words: tuple[str, str], room: float, strong: bool) -> None:
        answer, number = words
        painter.setPen(QColor(colors().text))
        painter.setFont(scaled_font(1.0, bold=strong))
        inner = cell.adjusted(base_pixels() * 0.5, 0, 0, 0)
        cut = painter.fontMetrics().elidedText(answer, Qt.TextElideMode.ElideRight, int(inner.width() - room))
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, cut)
        painter.setFont(scaled_font(1.0))
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, number)
