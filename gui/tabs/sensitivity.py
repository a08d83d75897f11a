"""How much each layer suffers from fewer bits: a bar a layer, as a step of a run measured it.

Points of the curve "sensitivity": x is a layer's number, y the KL divergence in nats that writing it
alone in fewer bits costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from engine.events import CurvePoint, parse
from gui.label import base_pixels, scaled_font
from gui.numbers import plain
from gui.plots.live import SENSITIVITY
from gui.plots.panel import faint
from gui.theme import THEME, colors

LARGEST_RECORD = 20_000_000
"""Bytes of a run's record that are looked through."""


def recorded(folder: Path) -> Iterator[CurvePoint]:
    """What a run of the past said of its layers; nothing where its record is gone or damaged."""
    try:
        with (folder / "events.jsonl").open("rb") as file:
            lines = file.read(LARGEST_RECORD).splitlines()
    except OSError:
        return
    for line in lines:
        if b'"sensitivity"' not in line:
            continue
        try:
            event = parse(line)
        except ValueError:
            continue
        if isinstance(event, CurvePoint) and event.curve == SENSITIVITY:
            yield event


class SensitivityChart(QWidget):
    """Hidden while there is nothing to show. The tallest bars are the layers to be careful with."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bars: dict[int, float] = {}
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(
            self.tr(
                "What each layer alone costs when only it is written in fewer bits: the KL divergence, in nats, "
                "between what the original and such a model expect next. Tall bars are the layers to be careful with."
            )
        )
        self.setVisible(False)
        THEME.changed.connect(self.update)

    @property
    def bars(self) -> dict[int, float]:
        """Layer → nats."""
        return self._bars

    def clear(self) -> None:
        """Forget all."""
        self._bars = {}
        self.setVisible(False)

    def add(self, point: CurvePoint) -> None:
        """A layer; measured again, it takes its old place."""
        self._bars[round(point.x)] = max(0.0, point.y)
        self.setVisible(True)
        told = (f"{layer}: {plain(value)}" for layer, value in sorted(self._bars.items()))
        self.setAccessibleName(self.tr("Sensitivity of each layer in nats: {0}").format(", ".join(told)))
        self.update()

    def sizeHint(self) -> QSize:
        """A title, some room for the bars, and their numbers."""
        return QSize(400, round(base_pixels() * 11))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Title, scale, bars, numbers of the layers."""
        painter = QPainter(self)
        line, unit = base_pixels() * 1.6, base_pixels()
        painter.setFont(scaled_font(1.0, bold=True))
        painter.setPen(QColor(colors().text))
        title = self.tr("Sensitivity: what fewer bits cost, layer by layer (KL divergence, nats)")
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        cut = painter.fontMetrics().elidedText(title, Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(QRectF(0, 0, self.width(), line), left, cut)
        area = QRectF(unit * 4.5, line * 1.3, self.width() - unit * 5.5, self.height() - line * 2.5)
        self._paint_scale(painter, area)
        self._paint_bars(painter, area)

    def _paint_scale(self, painter: QPainter, area: QRectF) -> None:
        """Nothing and the most, at the left."""
        painter.setFont(scaled_font(0.9))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for value, y in ((self._most, area.top()), (0.0, area.bottom())):
            painter.setPen(QColor(colors().muted))
            height = base_pixels() * 1.4
            painter.drawText(QRectF(0, y - height / 2, area.left() - 6, height), right, plain(float(f"{value:.2g}")))
            painter.setPen(QPen(QColor(colors().border), 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))

    @property
    def _most(self) -> float:
        return max(self._bars.values(), default=0.0) or 1.0

    def _paint_bars(self, painter: QPainter, area: QRectF) -> None:
        layers = sorted(self._bars)
        each = area.width() / max(1, len(layers))
        wide = min(each * 0.7, base_pixels() * 4.0)
        widest = painter.fontMetrics().horizontalAdvance(str(layers[-1] if layers else 0)) + 6
        every = max(1, -(-int(widest) // max(1, int(each))))
        for index, layer in enumerate(layers):
            tall = area.height() * self._bars[layer] / self._most
            middle = area.left() + (index + 0.5) * each
            bar = QRectF(middle - wide / 2, area.bottom() - tall, wide, tall)
            painter.fillRect(bar, faint(colors().optimized, 0.45 + 0.55 * self._bars[layer] / self._most))
            if index % every == 0:
                painter.setPen(QColor(colors().muted))
                room = QRectF(middle - each * every / 2, area.bottom() + 2, each * every, base_pixels() * 1.5)
                painter.drawText(room, Qt.AlignmentFlag.AlignCenter, str(layer))
