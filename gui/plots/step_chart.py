"""One live plot: draws a `Chart`. Imported only when a window is made: it brings in pyqtgraph."""

from __future__ import annotations

from itertools import pairwise

import numpy
import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from gui.label import base_pixels, scaled_font
from gui.numbers import plain
from gui.plots.canvas import Canvas
from gui.plots.panel import faint
from gui.plots.story import Chart, Kind, Mark, ticks
from gui.theme import THEME, blend, colors

BESIDE = 0.34
CLOSE = 0.2
"""How far, in slots, marks of one slot stand apart: of the result, and of a quick check."""


class StepChart(QWidget):
    """Slots from left to right, the original's line across. Items are made once and then moved."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chart: Chart | None = None
        self._told: tuple[Chart, list[str], str] | None = None
        self._canvas = Canvas(self)
        self._canvas.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._canvas.plot.hideAxis("bottom")
        half_a_line = round(base_pixels() * 0.6)  # or the lowest and highest tick would be cut
        self._canvas.plot.setContentsMargins(0, half_a_line, 0, half_a_line)
        self._labels = _SlotLabels(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._canvas, 1)
        layout.addWidget(self._labels)
        self._make_items()
        THEME.changed.connect(self._recolour)
        self._recolour()

    def _make_items(self) -> None:
        self.line = pg.InfiniteLine(angle=0, movable=False)
        self.band = pg.BarGraphItem(x=[], y0=[], y1=[], width=0.24)
        self.whiskers = _whiskers()
        self.result_whiskers = _whiskers()
        self.hollow = pg.ScatterPlotItem(pxMode=True)
        self.solid = pg.ScatterPlotItem(pxMode=True)
        self._canvas.add(
            self.line,
            self.band,
            self.whiskers,
            self.result_whiskers,
            self.hollow,
            self.solid,
        )

    def show_chart(self, chart: Chart, names: list[str], unit: str) -> None:
        """Draw it; `names` are the slots' labels, `unit` follows every tick. An empty one is hidden."""
        told = (chart, names, unit)
        if told == self._told:
            return
        self._chart, self._told = chart, told
        self._canvas.setVisible(bool(chart.marks))
        self._canvas.plot.getViewBox().invertY(chart.inverted)
        self._canvas.set_range(0.0, chart.width, chart.bottom, chart.top)
        values = ticks(chart.bottom, chart.top)
        self._canvas.set_ticks("left", {value: f"{plain(value)}{unit}" for value in values})
        self._place(chart)
        middles = [chart.position(slot) / chart.width for slot in range(len(names))]
        self._labels.show_names(names, middles, self._axis_width())

    def _place(self, chart: Chart) -> None:
        self.line.setVisible(chart.reference is not None)
        if chart.reference is not None:
            self.line.setValue(chart.reference)
        estimates = [mark for mark in chart.marks if mark.kind is Kind.ESTIMATE]
        measured = [mark for mark in chart.marks if mark.kind is not Kind.ESTIMATE]
        self.band.setOpts(
            x=[_x(chart, mark) for mark in estimates],
            y0=[mark.low for mark in estimates],
            y1=[mark.high for mark in estimates],
        )
        spread = [mark for mark in measured if mark.high > mark.low]
        _place(self.whiskers, chart, [mark for mark in spread if mark.kind is not Kind.RESULT])
        _place(self.result_whiskers, chart, [mark for mark in spread if mark.kind is Kind.RESULT])
        self.hollow.setData([self._spot(chart, mark) for mark in estimates])
        self.solid.setData([self._spot(chart, mark) for mark in measured])

    def _spot(self, chart: Chart, mark: Mark) -> dict[str, object]:
        """How one mark looks: hollow only if it is an estimate."""
        theme = colors()
        fill = {
            Kind.ORIGINAL: QColor(theme.original),
            Kind.CHECK: QColor(blend(theme.optimized, theme.surface, 0.65)),
            Kind.RESULT: QColor(theme.optimized),
            Kind.ESTIMATE: None,
        }[mark.kind]
        large = 1.25 if mark.kind in (Kind.RESULT, Kind.ESTIMATE) else 0.85
        pen = pg.mkPen(theme.estimate, width=2.5) if fill is None else pg.mkPen(None)
        return {
            "pos": (_x(chart, mark), mark.value),
            "symbol": "s" if mark.batch else ("d" if mark.kind is Kind.ORIGINAL else "o"),
            "size": base_pixels() * large,
            "brush": pg.mkBrush(fill),
            "pen": pen,
        }

    def _recolour(self) -> None:
        theme = colors()
        self.line.setPen(pg.mkPen(theme.original, width=2))
        self.band.setOpts(brush=faint(theme.estimate, 0.28), pen=pg.mkPen(None))
        self.whiskers.setData(pen=pg.mkPen(theme.original, width=1.5), beam=0.1)
        self.result_whiskers.setData(pen=pg.mkPen(theme.optimized, width=2.5), beam=0.14)
        self._canvas.recolour()
        self._canvas.plot.getAxis("left").setWidth(self._axis_width())
        if self._chart:
            self._place(self._chart)

    @staticmethod
    def _axis_width() -> int:
        """The same for all plots, and known to the labels beneath."""
        return round(base_pixels() * 4.2)


class _SlotLabels(QWidget):
    """The names under the slots: two lines at most, cut with an ellipsis beyond."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._names: list[str] = []
        self._middles: list[float] = []
        self._left = 0.0
        self.setFixedHeight(round(base_pixels() * 2.7))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        THEME.changed.connect(self.update)

    def show_names(self, names: list[str], middles: list[float], left: float) -> None:
        """Names, where their middles are (shares of the plot), and the width of the axis beside."""
        self._names, self._middles, self._left = names, middles, left
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Each name centred under its slot."""
        painter = QPainter(self)
        painter.setFont(scaled_font(0.9))
        painter.setPen(QColor(colors().muted))
        wide = self.width() - self._left
        each = wide * min((b - a for a, b in pairwise(self._middles)), default=0.5)
        metrics = painter.fontMetrics()
        words = [word for name in self._names for word in name.split(" ")]
        crowded = any(metrics.horizontalAdvance(word) > each - 4 for word in words)
        for index, (name, share) in enumerate(zip(self._names, self._middles, strict=True)):
            middle = self._left + share * wide
            if crowded:
                self._paint_staggered(painter, index, name, middle, each * 2 - 6)
            else:
                rect = QRectF(middle - each / 2 + 2, 2, each - 4, self.height() - 2)
                flags = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop
                painter.drawText(rect, flags, self._two_lines(metrics, name, rect.width()))

    def _paint_staggered(self, painter: QPainter, index: int, name: str, middle: float, width: float) -> None:
        """Names in turn on the upper and the lower line, so that each has the room of two slots."""
        line = (self.height() - 2) / 2
        room = min(width, 2 * (self.width() - middle), 2 * middle)
        rect = QRectF(middle - room / 2, 2 + (index % 2) * line, room, line)
        cut = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, int(room))
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, cut)

    @staticmethod
    def _two_lines(metrics: QFontMetrics, name: str, width: float) -> str:
        """Broken where a line is full; the rest cut. No word is wider than a line."""
        first, words = "", name.split(" ")
        while words and metrics.horizontalAdvance(f"{first} {words[0]}".strip()) <= width:
            first = f"{first} {words.pop(0)}".strip()
        rest = metrics.elidedText(" ".join(words), Qt.TextElideMode.ElideRight, int(width))
        return f"{first}\n{rest}".strip()


def _x(chart: Chart, mark: Mark) -> float:
    """Where a mark stands: the estimate left of what came of it, batches to the right."""
    apart = CLOSE if mark.kind is Kind.CHECK else BESIDE
    shift = apart if mark.batch else (-apart if mark.beside else 0.0)
    return chart.position(mark.slot) + shift


def _whiskers() -> pg.ErrorBarItem:
    none = numpy.empty(0)
    return pg.ErrorBarItem(x=none, y=none, top=none, bottom=none)


def _place(whiskers: pg.ErrorBarItem, chart: Chart, marks: list[Mark]) -> None:
    value = numpy.array([mark.value for mark in marks])
    whiskers.setData(
        x=numpy.array([_x(chart, mark) for mark in marks]),
        y=value,
        top=numpy.array([mark.high for mark in marks]) - value,
        bottom=value - numpy.array([mark.low for mark in marks]),
    )
