"""One training curve as a small line with its name and latest value: no axes to read."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.label import base_pixels, scaled_font
from gui.numbers import count, plain
from gui.theme import THEME, colors

MOST_POINTS = 400
"""Beyond this, every other point is dropped: the strip is not wider in pixels."""


class Sparkline(QWidget):
    """A curve that grows to the right."""

    def __init__(self, curve: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._curve = curve
        self._points: list[tuple[float, float]] = []
        self._last = (0.0, 0.0)
        self._stride, self._skipped = 1, 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(curve)
        self.setToolTip(self.tr("Training: {0}, by optimizer step.").format(curve))
        THEME.changed.connect(self.update)

    @property
    def points(self) -> list[tuple[float, float]]:
        """The points kept."""
        return self._points

    def add(self, x: float, y: float) -> None:
        """Another point; the caller decides when to repaint."""
        self._last = (x, y)
        self._skipped += 1
        if self._skipped < self._stride:
            return
        self._skipped = 0
        self._points.append((x, y))
        if len(self._points) > MOST_POINTS:
            del self._points[1::2]
            self._stride *= 2

    def sizeHint(self) -> QSize:
        """A strip."""
        return QSize(200, round(base_pixels() * 4.4))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Name and value above, the curve beneath."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = base_pixels() * 1.5
        top = QRectF(0, 0, self.width(), line)
        painter.setFont(scaled_font(0.95, bold=True))
        painter.setPen(QColor(colors().text))
        value = f"{self._curve}  {plain(float(f'{self._last[1]:.3g}'))}"
        painter.drawText(top, Qt.AlignmentFlag.AlignVCenter, value)
        painter.setFont(scaled_font(0.9))
        painter.setPen(QColor(colors().muted))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(top, right, self.tr("optimizer step {0}").format(count(self._last[0])))
        self._paint_curve(painter, QRectF(2, line + 4, self.width() - 8, self.height() - line - 8))

    def _paint_curve(self, painter: QPainter, area: QRectF) -> None:
        points = [*self._points, self._last]
        xs, ys = [x for x, _ in points], [y for _, y in points]
        left, wide = min(xs), max(max(xs) - min(xs), 1e-9)
        low, tall = min(ys), max(max(ys) - min(ys), 1e-9)
        placed = [
            QPointF(
                area.left() + (x - left) / wide * area.width(),
                area.bottom() - (y - low) / tall * area.height(),
            )
            for x, y in points
        ]
        painter.setPen(QPen(QColor(colors().optimized), 1.8))
        painter.drawPolyline(QPolygonF(placed))
        painter.setBrush(QColor(colors().optimized))
        painter.drawEllipse(placed[-1], 3, 3)
