"""Draws a `Map`. Imported only when a window is made, for it brings in pyqtgraph."""

from __future__ import annotations

from collections.abc import Callable

import pyqtgraph as pg
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QToolTip, QVBoxLayout, QWidget

from gui.label import base_pixels, scaled_font
from gui.numbers import NO_BREAK, plain
from gui.plots.canvas import Canvas
from gui.plots.front import EMPTY, Map, Point
from gui.plots.speed_legend import speed_class, speed_color
from gui.plots.story import ticks
from gui.theme import THEME, colors

LEAST_SPAN = 4.0
"""Percent (of the value, for a bare number): below this, noise would fill the plot."""


class MapPlot(QWidget):
    """Points, front, original and the ring around the selected run."""

    clicked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.describe: Callable[[str], str] = lambda run_id: run_id
        self._map, self._selected, self._label = EMPTY, None, ""
        self._canvas = Canvas(self)
        self._canvas.plot.setContentsMargins(0, round(base_pixels() * 0.6), 0, 0)  # or the highest tick would be cut
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._canvas)
        self._make_items()
        THEME.changed.connect(self._recolour)
        self._recolour()

    def _make_items(self) -> None:
        self.front = pg.PlotCurveItem(antialias=True)
        self.ring = pg.ScatterPlotItem(pxMode=True)
        self.dots = pg.ScatterPlotItem(pxMode=True, hoverable=True, tip=None)
        self.original = pg.ScatterPlotItem(pxMode=True)
        self._original_name = pg.TextItem(self.tr("original"), anchor=(1.15, 0.5))
        self._name = pg.TextItem(anchor=(0.5, 1.5))
        self._canvas.add(self.front, self.original, self.ring, self.dots, self._original_name, self._name)
        self.dots.sigClicked.connect(self._on_clicked)
        self.dots.sigHovered.connect(self._on_hovered)

    def show_map(self, shown: Map, selected: str | None, label: str, unit: str) -> None:
        """Draw it; `label` is written at the selected run, `unit` after each quality."""
        self._map, self._selected, self._label = shown, selected, label
        self._set_ranges(unit)
        self._place()

    def _set_ranges(self, unit: str) -> None:
        places = [(point.size, point.quality) for point in self._map.points]
        if self._map.original:
            places.append(self._map.original)
        right = max(x for x, _ in places) * 1.08
        low, high = min(y for _, y in places), max(y for _, y in places)
        inverted = self._map.lower_is_better
        span = max(high - low, LEAST_SPAN / 100 * high if inverted else LEAST_SPAN)
        above, below = span * 0.45, span * 0.2  # room for a name above the best
        bottom, top = (low - above, high + below) if inverted else (low - below, high + above)
        self._canvas.plot.getViewBox().invertY(inverted)
        self._canvas.set_range(0.0, right, bottom, top)
        self._canvas.set_ticks("bottom", {value: f"{plain(value)}{NO_BREAK}MB" for value in ticks(0, right, 6)})
        self._canvas.set_ticks("left", {value: f"{plain(value)}{unit}" for value in ticks(bottom, top, 4)})

    def _place(self) -> None:
        theme = colors()
        self.dots.setData([self._spot(point) for point in self._map.points])
        line = _stairs(self._map.front)
        self.front.setData([x for x, _ in line], [y for _, y in line])
        original = self._map.original
        self._original_name.setVisible(original is not None)
        pen, brush = pg.mkPen(None), pg.mkBrush(theme.original)
        places = [original] if original else []
        self.original.setData(pos=places, symbol="d", size=base_pixels() * 1.2, pen=pen, brush=brush)
        if original:
            self._original_name.setPos(*original)
        self._place_ring()

    def _place_ring(self) -> None:
        chosen = next((p for p in self._map.points if p.run_id == self._selected), None)
        self._name.setVisible(chosen is not None)
        pen = pg.mkPen(colors().text, width=2)
        places = [(chosen.size, chosen.quality)] if chosen else []
        self.ring.setData(pos=places, symbol="o", size=base_pixels() * 1.9, pen=pen, brush=pg.mkBrush(None))
        if chosen:
            self._name.setText(self._label)
            self._name.setPos(chosen.size, chosen.quality)

    def _spot(self, point: Point) -> dict[str, object]:
        """A full dot for a run that ended well, a cross for one whose result was refused."""
        color = speed_color(speed_class(point.speed))
        return {
            "pos": (point.size, point.quality),
            "data": point.run_id,
            "symbol": "o" if point.kept else "x",
            "size": base_pixels() * (1.15 if point.kept else 0.9),
            "brush": pg.mkBrush(color),
            "pen": pg.mkPen(colors().surface if point.kept else color, width=1),
        }

    def _on_clicked(self, _: object, spots: list[pg.SpotItem], event: object) -> None:
        if len(spots):
            self.clicked.emit(spots[0].data())

    def _on_hovered(self, _: object, spots: list[pg.SpotItem], event: object) -> None:
        self._canvas.setCursor(Qt.CursorShape.PointingHandCursor if len(spots) else Qt.CursorShape.ArrowCursor)
        if len(spots):
            QToolTip.showText(self.cursor().pos(), self.describe(spots[0].data()), self._canvas)

    def _recolour(self) -> None:
        theme = colors()
        self.front.setPen(pg.mkPen(theme.text, width=1.5))
        for text in (self._original_name, self._name):
            text.setFont(scaled_font(0.95))
        self._original_name.setColor(theme.muted)
        self._name.setColor(theme.text)
        self._canvas.recolour()
        self._canvas.plot.getAxis("left").setWidth(round(base_pixels() * 3.6))
        if self._map.points:
            self._place()


def _stairs(front: tuple[Point, ...]) -> list[tuple[float, float]]:
    """The front as stairs: between two runs there is nothing but the smaller one's quality."""
    line: list[tuple[float, float]] = []
    for point in front:
        if line:
            line.append((point.size, line[-1][1]))
        line.append((point.size, point.quality))
    return line
