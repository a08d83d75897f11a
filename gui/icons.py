"""Icons from `resources/icons`: SVG files whose `currentColor` becomes the colour asked for."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

PIXELS = 64
"""Rendered large once; Qt scales it down where it is shown."""


@cache
def icon(name: str, color: str = "#000000", *, lead: int = 0) -> QIcon:
    """The icon of that file name (without ".svg"), in `color` where it says `currentColor`.

    `lead` is blank space before it, in percent of its size: a style sheet's padding is lost on a
    button with a menu.
    """
    source = files("resources").joinpath("icons", f"{name}.svg").read_text(encoding="utf-8")
    renderer = QSvgRenderer(QByteArray(source.replace("currentColor", color).encode()))
    blank = PIXELS * lead // 100
    pixmap = QPixmap(PIXELS + blank, PIXELS)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    renderer.render(painter, QRectF(blank, 0, PIXELS, PIXELS))
    painter.end()
    return QIcon(pixmap)
