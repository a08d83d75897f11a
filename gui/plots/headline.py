"""The top of a plot: its title, how the number came about, the number itself, and one line more."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.label import base_pixels, scaled_font
from gui.theme import THEME, colors

TITLE, BIG, WORDS, NOTE = 1.0, 2.1, 1.15, 0.95
"""Sizes, as multiples of ordinary text."""


class Headline(QWidget):
    """Painted by hand so that it shrinks to fit: a number cut off would be a wrong number."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = title
        self._badge, self._solid = "", False
        self._big, self._words, self._note, self._role = "", "", "", "text"
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        THEME.changed.connect(self.update)

    @property
    def text(self) -> str:
        """All that it says, as one sentence for a screen reader."""
        parts = (f"{self._title}: {self._big}", self._words, self._badge, self._note)
        return ", ".join(part for part in parts if part)

    @property
    def is_measured(self) -> bool:
        """Whether the number was measured."""
        return self._solid

    def say(self, badge: str, big: str, words: str, note: str, *, solid: bool, role: str = "text") -> None:
        """Show a number. `solid` is for what was measured; `role` colours the number."""
        said = (badge, big, words, note, solid, role)
        if said == (self._badge, self._big, self._words, self._note, self._solid, self._role):
            return
        self._badge, self._big, self._words, self._note, self._solid, self._role = said
        self.setAccessibleName(self.text)
        self.update()

    def sizeHint(self) -> QSize:
        """Three lines."""
        return QSize(240, round(base_pixels() * 5.6))

    def minimumSizeHint(self) -> QSize:
        """As tall, and as narrow as the layout wants."""
        return QSize(150, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Title and badge, then the number, then the note."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = base_pixels() * 1.6
        self._paint_title(painter, line)
        self._paint_number(painter, line, self.height() - line * 2.05)
        painter.setFont(scaled_font(NOTE))
        painter.setPen(QColor(colors().muted))
        rect = QRectF(0, self.height() - line, self.width(), line)
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(rect, left, self._fit(painter, self._note, rect.width()))

    def _paint_title(self, painter: QPainter, line: float) -> None:
        painter.setFont(scaled_font(TITLE, bold=True))
        painter.setPen(QColor(colors().muted))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(0, 0, self.width(), line), middle, self._title)
        if not self._badge:
            return
        painter.setFont(scaled_font(0.85, bold=self._solid))
        width = painter.fontMetrics().horizontalAdvance(self._badge) + base_pixels() * 1.2
        rect = QRectF(self.width() - width - 0.5, 0.5, width, line - 1)
        role = QColor(colors().good if self._solid else colors().estimate)
        pen = QPen(role, 1.2, Qt.PenStyle.SolidLine if self._solid else Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.setBrush(role if self._solid else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(rect, line / 2, line / 2)
        painter.setPen(QColor(colors().surface if self._solid else colors().muted))
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, self._badge)

    def _paint_number(self, painter: QPainter, top: float, height: float) -> None:
        scale = self._scale()
        big, words = scaled_font(BIG * scale, bold=True), scaled_font(WORDS * scale)
        baseline = top + height * 0.5 + QFontMetricsF(big).capHeight() / 2
        painter.setFont(big)
        painter.setPen(QColor(getattr(colors(), self._role)))
        painter.drawText(QPointF(0, baseline), self._big)
        x = QFontMetricsF(big).horizontalAdvance(self._big) + base_pixels() * 0.6
        painter.setFont(words)
        painter.setPen(QColor(colors().text))
        painter.drawText(QPointF(x, baseline), self._fit(painter, self._words, self.width() - x))

    def _scale(self) -> float:
        """1, or less where number and words would not fit beside each other."""
        big = QFontMetricsF(scaled_font(BIG, bold=True)).horizontalAdvance(self._big)
        words = QFontMetricsF(scaled_font(WORDS)).horizontalAdvance(self._words)
        wanted = big + words + base_pixels() * 0.6
        return min(1.0, 0.97 * self.width() / wanted) if wanted > 0 else 1.0

    @staticmethod
    def _fit(painter: QPainter, text: str, width: float) -> str:
        return painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(width))
