"""The texts that a model finds nearest, the first on top; what another model's list has otherwise is marked."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.label import base_pixels, scaled_font
from gui.plots.panel import faint
from gui.theme import THEME, colors

MOST_ROWS = 10
ONLY_HERE = "only here"


def moves(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """For each text of `after`: "" at its place of `before`, "↑2" or "↓1" moved, or only in this list."""
    found = []
    for place, text in enumerate(after):
        if text not in before:
            found.append(ONLY_HERE)
            continue
        moved = before.index(text) - place
        found.append(f"↑{moved}" if moved > 0 else (f"↓{-moved}" if moved < 0 else ""))
    return found


class RankedList(QWidget):
    """Place, text, likeness and mark; `role` colours the bars behind."""

    def __init__(self, role: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._role = role
        self._rows: list[tuple[str, float, str]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("The nearest texts"))
        self.setToolTip(
            self.tr(
                "The nearest texts, with their likeness (cosine, at most 1). "
                "Arrows: places moved against the other model. Marked: only in this list."
            )
        )
        THEME.changed.connect(self.update)

    @property
    def rows(self) -> list[tuple[str, float, str]]:
        """What is shown: text, likeness, mark."""
        return self._rows

    def show_rows(self, rows: list[tuple[str, float, str]]) -> None:
        """Show at most ten."""
        self._rows = rows[:MOST_ROWS]
        told = (f"{place}. {text} {mark}".strip() for place, (text, _, mark) in enumerate(self._rows, start=1))
        self.setAccessibleDescription(", ".join(told))
        self.update()

    def sizeHint(self) -> QSize:
        """As tall as for ten, so that nothing jumps."""
        return QSize(240, round(base_pixels() * 1.6) * MOST_ROWS)

    def paintEvent(self, event: QPaintEvent) -> None:
        """A line a text."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = self.height() / MOST_ROWS
        for index, (text, likeness, mark) in enumerate(self._rows):
            row = QRectF(0, index * line, self.width(), line)
            self._paint_row(painter, row, (str(index + 1), text, f"{likeness:.2f}", mark), likeness)

    def _paint_row(self, painter: QPainter, row: QRectF, words: tuple[str, str, str, str], likeness: float) -> None:
        place, text, number, mark = words
        unit, theme = base_pixels(), colors()
        middle, right = Qt.AlignmentFlag.AlignVCenter, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.setFont(scaled_font(1.0))
        painter.setPen(QColor(theme.muted))
        painter.drawText(QRectF(row.left(), row.top(), unit * 1.6, row.height()), right, place)
        cell = row.adjusted(unit * 2.2, 1.5, -unit * 9.0, -1.5)
        painter.setPen(Qt.PenStyle.NoPen)
        is_new = mark == ONLY_HERE
        painter.setBrush(faint(theme.warning if is_new else getattr(theme, self._role), 0.28))
        bar = QRectF(cell)
        bar.setWidth(cell.width() * min(1.0, max(0.0, likeness)))
        painter.drawRoundedRect(bar, 4, 4)
        painter.setPen(QColor(theme.text))
        painter.setFont(scaled_font(1.0, bold=is_new))
        inner = cell.adjusted(unit * 0.5, 0, 0, 0)
        cut = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(inner.width()))
        painter.drawText(inner, middle, cut)
        painter.setFont(scaled_font(1.0))
        painter.setPen(QColor(theme.muted))
        painter.drawText(row.adjusted(0, 0, -unit * 5.4, 0), right, number)
        painter.setPen(QColor(theme.warning if is_new else theme.muted))
        painter.setFont(scaled_font(0.95))
        painter.drawText(row, right, self.tr("only here") if is_new else mark)
