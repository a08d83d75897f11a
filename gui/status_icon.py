"""The sign beside the verdict: how a run stands, painted so that it needs no font and no file."""

from __future__ import annotations

from enum import Enum, auto

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from engine.run import Status
from gui.label import base_pixels
from gui.theme import THEME, colors


class Sign(Enum):
    """What the icon shows."""

    IDLE = auto()
    BUSY = auto()
    GOOD = auto()
    WARNING = auto()
    BAD = auto()
    STOPPED = auto()


ROLES = {
    Sign.IDLE: "muted",
    Sign.BUSY: "accent",
    Sign.GOOD: "good",
    Sign.WARNING: "warning",
    Sign.BAD: "bad",
    Sign.STOPPED: "muted",
}
SIGNS = {
    Status.RUNNING: Sign.BUSY,
    Status.FINISHED: Sign.GOOD,
    Status.FLOOR_BROKEN: Sign.WARNING,
    Status.OVER_LIMIT: Sign.WARNING,
    Status.CANCELLED: Sign.STOPPED,
    Status.FAILED: Sign.BAD,
}


class StatusIcon(QWidget):
    """A disc with a sign."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.sign = Sign.IDLE
        self.setFixedSize(self.sizeHint())
        THEME.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        """As tall as two lines."""
        side = round(base_pixels() * 3.4)
        return QSize(side, side)

    def show_sign(self, sign: Sign) -> None:
        """Change the sign."""
        if sign is not self.sign:
            self.sign = sign
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The disc, then the sign in a square of 10 × 10 around its middle."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        role = QColor(getattr(colors(), ROLES[self.sign]))
        disc = QRectF(self.rect()).adjusted(2, 2, -2, -2)
        hollow = self.sign in (Sign.IDLE, Sign.BUSY)
        painter.setPen(QPen(role, 2.5) if hollow else Qt.PenStyle.NoPen)
        painter.setBrush(Qt.BrushStyle.NoBrush if hollow else role)
        painter.drawEllipse(disc)
        painter.translate(disc.center())
        painter.scale(disc.width() / 20, disc.width() / 20)
        ink = role if hollow else QColor(colors().surface)
        pen = QPen(ink, 2.2)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        for stroke in _STROKES[self.sign]:
            painter.drawPolyline(QPolygonF([QPointF(x, y) for x, y in stroke]))


_STROKES: dict[Sign, list[list[tuple[float, float]]]] = {
    Sign.IDLE: [[(-2, -4), (4, 0), (-2, 4), (-2, -4)]],
    Sign.BUSY: [[(0, -5), (0, 0), (3, 2)]],
    Sign.GOOD: [[(-4.5, 0.5), (-1.5, 3.5), (4.5, -3.5)]],
    Sign.WARNING: [[(0, -5), (0, 1.5)], [(0, 4.8), (0, 4.9)]],
    Sign.BAD: [[(-3.5, -3.5), (3.5, 3.5)], [(-3.5, 3.5), (3.5, -3.5)]],
    Sign.STOPPED: [[(-3, -3), (3, -3), (3, 3), (-3, 3), (-3, -3)]],
}
