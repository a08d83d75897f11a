"""The bytes of a model's parts, computed and painted as stacked bars."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from engine.models.profile import Profile
from gui.label import base_pixels, scaled_font
from gui.numbers import megabytes, ratio
from gui.theme import THEME, colors

PARTS = ("embeddings", "attention", "feed-forward", "norms", "head")
SOLID, HOLLOW = 1.0, 0.2
"""How full the colour of a part is, for what is and for what is only estimated."""


@dataclass(frozen=True)
class Slice:
    """One part's bytes in one model."""

    part: str
    size: int


def slices_of(profile: Profile) -> tuple[Slice, ...]:
    """Bytes of each part as stored."""
    sizes = profile.bytes_by_part
    return tuple(Slice(name, sizes[name]) for name in PARTS)


def part_color(index: int) -> QColor:
    """Hues turned from the accent, so that they belong together in light and dark."""
    accent = QColor(colors().accent)
    turn = (0.0, 0.09, 0.52, 0.40, 0.66)[index]
    return QColor.fromHslF((accent.hslHueF() + turn) % 1.0, accent.hslSaturationF() * 0.75, accent.lightnessF())


class Swatch(QWidget):
    """The colour of a part."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self._index = index
        side = round(base_pixels() * 0.95)
        self.setFixedSize(side, side)
        THEME.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        """A square."""
        QPainter(self).fillRect(self.rect(), part_color(self._index))


class PartBars(QWidget):
    """Stacked bars on one scale, so that what was saved is seen as empty space. All but the first are foretold."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.rows: list[tuple[str, tuple[Slice, ...]]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        help = self.tr("The bytes of the weights, part by part; both bars have the same scale. Hollow: an estimate.")
        self.setToolTip(help)
        self.setAccessibleName(self.tr("Bytes of each part, before and after"))
        THEME.changed.connect(self.update)

    def show_slices(self, rows: list[tuple[str, tuple[Slice, ...]]]) -> None:
        """One bar a row."""
        self.rows = rows
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """A bar and some air for each row."""
        return QSize(400, round(base_pixels() * 2.9) * max(1, len(self.rows)))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Name, bar, total."""
        painter = QPainter(self)
        left, right = self._room_for_names(), base_pixels() * 11.0
        most = max((sum(part.size for part in slices) for _, slices in self.rows), default=1) or 1
        line = self.height() / max(1, len(self.rows))
        for index, (name, slices) in enumerate(self.rows):
            row = QRectF(0, index * line, self.width(), line)
            total = sum(part.size for part in slices)
            painter.setFont(scaled_font(1.1, bold=True))
            painter.setPen(QColor(colors().text))
            painter.drawText(row, Qt.AlignmentFlag.AlignVCenter, name)
            wide = self.width() - left - right
            bar = QRectF(left, row.top() + line * 0.12, wide * total / most, line * 0.76)
            self._paint_bar(painter, bar, slices, hollow=index > 0)
            words = megabytes(total)
            if index and total:
                words += "  " + self.tr("{0} smaller").format(ratio(most / total))
            beside = QRectF(bar.right() + 10, row.top(), right + wide, line)
            painter.setPen(QColor(colors().text))
            painter.setFont(scaled_font(1.1, bold=True))
            painter.drawText(beside, Qt.AlignmentFlag.AlignVCenter, words)

    def _room_for_names(self) -> float:
        metrics = QFontMetricsF(scaled_font(1.1, bold=True))
        return max((metrics.horizontalAdvance(name) for name, _ in self.rows), default=0.0) + base_pixels()

    def _paint_bar(self, painter: QPainter, bar: QRectF, slices: tuple[Slice, ...], *, hollow: bool) -> None:
        """Segments; each has its name in it where there is room. An estimate's are only outlined."""
        painter.setFont(scaled_font(0.9))
        total, x = sum(part.size for part in slices), bar.left()
        for index, part in enumerate(slices):
            width = bar.width() * part.size / total if total else 0.0
            segment, color = QRectF(x, bar.top(), width, bar.height()), part_color(index)
            fill = QColor(color)
            fill.setAlphaF(HOLLOW if hollow else SOLID)
            painter.fillRect(segment, fill)
            if hollow and width > 3:
                painter.setPen(QPen(color, 1.5, Qt.PenStyle.DashLine))
                painter.drawRect(segment.adjusted(1, 1, -1, -1))
            elif width > 3:
                painter.setPen(QPen(QColor(colors().surface), 1.5))
                painter.drawLine(segment.topRight(), segment.bottomRight())
            if painter.fontMetrics().horizontalAdvance(part.part) + 12 < width:
                painter.setPen(QColor(colors().text if hollow else colors().on_accent))
                painter.drawText(segment, Qt.AlignmentFlag.AlignCenter, part.part)
            x += width
