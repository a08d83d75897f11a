"""A rounded sheet of the theme's surface colour: what a plot lies on."""

from __future__ import annotations

from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QWidget

from gui.theme import THEME, colors

RADIUS = 8


class Panel(QFrame):
    """A surface with a fine border; its layout's margins are the caller's."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        THEME.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Fill the sheet."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(colors().border), 1))
        painter.setBrush(QColor(colors().surface))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), RADIUS, RADIUS)


def faint(color: str, alpha: float) -> QColor:
    """The colour, let through."""
    made = QColor(color)
    made.setAlphaF(alpha)
    return made
