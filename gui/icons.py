"""Icons from `resources/icons`: SVG files whose `currentColor` becomes the colour asked for."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

PIXELS = 64
"""Rendered large once; Qt scales it down where it is shown."""


@cache
def icon(name: str, color: str = "#000000") -> QIcon:
    """The icon of that file name (without ".svg"), in `color` where it says `currentColor`."""
    source = files("resources").joinpath("icons", f"{name}.svg").read_text(encoding="utf-8")
    renderer = QSvgRenderer(QByteArray(source.replace("currentColor", color).encode()))
    pixmap = QPixmap(PIXELS, PIXELS)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    renderer.render(painter)
    painter.end()
    return QIcon(pixmap)
