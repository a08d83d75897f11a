"""Colour for speed: grey as the original where nothing was won, full colour where it is fastest."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.label import base_pixels, scaled_font
from gui.theme import THEME, blend, colors

BINS = (1.1, 2.0, 3.0)
"""Where a class of speed ends, in times as fast."""


def speed_class(speed: float | None) -> int:
    """0 for no faster (or unknown) to 3 for the fastest."""
    return 0 if speed is None else sum(speed >= limit for limit in BINS)


def speed_color(index: int) -> QColor:
    """The colour of a class."""
    if index == 0:
        return QColor(colors().original)
    return QColor(blend(colors().accent, colors().surface, (0.0, 0.45, 0.75, 1.0)[index]))


class SpeedLegend(QWidget):
    """The classes in words, and what the line is."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entries = (
            self.tr("no faster"),
            self.tr("up to 2×"),
            self.tr("2–3×"),
            self.tr("over 3× as fast"),
        )
        self._front = self.tr("best trade-offs")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.set_speed("")
        THEME.changed.connect(self.update)

    def set_speed(self, at: str) -> None:
        """Which speed is coloured: "at one text", "at writing"."""
        text = self.tr("Colour: speed {0}. Line: no other run is both smaller and better.")
        self.setToolTip(text.format(at))
        self.setAccessibleName(self.tr("Legend: colour is speed {0}").format(at).strip())

    def sizeHint(self) -> QSize:
        """One line."""
        return QSize(round(self._paint(None)), round(base_pixels() * 1.6))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Swatch and word, one after the other."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint(painter)

    def _paint(self, painter: QPainter | None) -> float:
        """Paint (or only measure); the width used."""
        font = scaled_font(0.95)
        metrics, unit, x = QFontMetricsF(font), base_pixels(), 0.0
        middle = self.height() / 2
        for index, text in enumerate((*self._entries, self._front)):
            width = metrics.horizontalAdvance(text)
            if painter:
                painter.setFont(font)
                if index < len(self._entries):
                    painter.setPen(Qt.PenStyle.NoPen)
                    painter.setBrush(speed_color(index))
                    painter.drawEllipse(QPointF(x + unit * 0.5, middle), unit * 0.42, unit * 0.42)
                else:
                    painter.setPen(QPen(QColor(colors().text), 1.5))
                    painter.drawLine(QPointF(x, middle), QPointF(x + unit, middle))
                painter.setPen(QColor(colors().muted))
                rect = QRectF(x + unit * 1.3, 0, width + 4, self.height())
                painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter, text)
            x += unit * 2.4 + width
        return x
