"""An empty pyqtgraph plot as this window likes it: no menu, no accidental panning, no buttons."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGraphicsItem, QWidget

from gui.label import scaled_font
from gui.theme import colors


class Canvas(pg.PlotWidget):
    """Ranges and ticks are set by hand; adding an item changes neither."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.setBackground(None)
        self.viewport().setAutoFillBackground(False)
        self.setStyleSheet("background: transparent; border: none;")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        # Any: pyqtgraph forwards most methods while it runs, which no type checker sees.
        self.plot: Any = self.getPlotItem()
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()

    def add(self, *items: QGraphicsItem) -> None:
        """Add items, lowest first."""
        for item in items:
            self.plot.addItem(item, ignoreBounds=True)

    def set_range(self, left: float, right: float, bottom: float, top: float) -> None:
        """Show exactly this."""
        box = self.plot.getViewBox()
        box.setRange(xRange=(left, right), yRange=(bottom, top), padding=0.0, disableAutoRange=True)

    def set_ticks(self, side: str, ticks: dict[float, str]) -> None:
        """Exactly these ticks, as written."""
        self.plot.getAxis(side).setTicks([list(ticks.items())])

    def recolour(self) -> None:
        """Axes in the theme's colours and the application's font."""
        for side in ("left", "bottom"):
            axis = self.plot.getAxis(side)
            axis.enableAutoSIPrefix(False)
            axis.setPen(pg.mkPen(colors().border))
            axis.setTextPen(pg.mkPen(colors().muted))
            axis.setStyle(tickFont=scaled_font(0.9), tickLength=-4)
