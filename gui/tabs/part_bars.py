"""The bytes of a model's parts, computed and painted as stacked bars."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from engine.models.profile import Part, Profile
from gui.label import base_pixels, scaled_font
from gui.numbers import megabytes, ratio
from gui.theme import THEME, colors

PARTS = ("embeddings", "attention", "feed-forward", "norms", "head")
SCALE_BYTES = 4
"""A row of an 8-bit matrix has one 32-bit scale beside it; vectors stay at 32 bits."""


@dataclass(frozen=True)
class Slice:
    """One part's bytes in one model."""

    part: str
    size: int


def slices_of(profile: Profile) -> tuple[Slice, ...]:
    """Bytes of each part as stored."""
    bits = profile.storage.bits
    return tuple(Slice(name, part_bytes(profile.parts[name], bits)) for name in PARTS)


def part_bytes(part: Part, bits: int) -> int:
    """Matrices at `bits`; at 8 bits, vectors at 32 and a scale for each row."""
    if bits == 8:
        return part.matrices + (part.vectors + part.rows) * SCALE_BYTES
    return part.parameters * bits // 8


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
    """Stacked bars on one scale, so that what was saved is seen as empty space."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.rows: list[tuple[str, tuple[Slice, ...]]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(self.tr("The bytes of the weights, part by part; both bars have the same scale."))
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
        left, right = base_pixels() * 5.5, base_pixels() * 11.0
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
            self._paint_bar(painter, bar, slices, total)
            words = megabytes(total)
            if index and total:
                words += "  " + self.tr("{0} smaller").format(ratio(most / total))
            beside = QRectF(bar.right() + 10, row.top(), right + wide, line)
            painter.setPen(QColor(colors().text))
            painter.setFont(scaled_font(1.1, bold=True))
            painter.drawText(beside, Qt.AlignmentFlag.AlignVCenter, words)

    def _paint_bar(self, painter: QPainter, bar: QRectF, slices: tuple[Slice, ...], total: int) -> None:
        """Segments; each has its name in it where there is room."""
        painter.setFont(scaled_font(0.9))
        x = bar.left()
        for index, part in enumerate(slices):
            width = bar.width() * part.size / total if total else 0.0
            segment = QRectF(x, bar.top(), width, bar.height())
            painter.fillRect(segment, part_color(index))
            painter.setPen(QPen(QColor(colors().surface), 1.5))
            painter.drawLine(segment.topRight(), segment.bottomRight())
            if painter.fontMetrics().horizontalAdvance(part.part) + 12 < width:
                painter.setPen(QColor(colors().on_accent))
                painter.drawText(segment, Qt.AlignmentFlag.AlignCenter, part.part)
            x += width
