"""Where the bytes are: each part of the model before and after, and what became of its layers."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from engine.models.profile import Part, Profile
from gui.label import Label, base_pixels, scaled_font
from gui.numbers import count, megabytes, ratio
from gui.plots.panel import Panel
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


class Layers(QWidget):
    """Two stacked bars on one scale, a table of the same numbers, and the shape of the model."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bars = _Bars(self)
        self._grid = QGridLayout()
        self._shape = Label(wrap=True, scale=1.1)
        self._empty = Label(role="muted", scale=1.1, wrap=True)
        self._sheet = Panel(self)
        self._lay_out()
        self.set_profiles(None, None)

    def _lay_out(self) -> None:
        self._grid.setHorizontalSpacing(24)
        self._grid.setVerticalSpacing(4)
        self._empty.setText(self.tr("Choose a model to see where its bytes are."))
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        numbers = QHBoxLayout()
        numbers.addLayout(self._grid)
        numbers.addSpacing(32)
        numbers.addWidget(self._shape, 1, Qt.AlignmentFlag.AlignTop)
        inner = QVBoxLayout(self._sheet)
        inner.setContentsMargins(16, 12, 16, 12)
        inner.setSpacing(12)
        inner.addWidget(self.bars)
        inner.addLayout(numbers)
        inner.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._sheet, 1)
        layout.addWidget(self._empty, 1)

    def set_profiles(self, before: Profile | None, after: Profile | None) -> None:
        """The model as it is, and as the recipe leaves it (None: only the first is shown)."""
        self._sheet.setVisible(before is not None)
        self._empty.setVisible(before is None)
        if before is None:
            return
        rows = [(self.tr("before"), slices_of(before))]
        if after is not None:
            rows.append((self.tr("after"), slices_of(after)))
        self.bars.show_slices(rows)
        self._fill_grid(rows)
        self._shape.setText(self._shape_of(before, after or before))

    def _fill_grid(self, rows: list[tuple[str, tuple[Slice, ...]]]) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            if widget := item.widget():
                widget.deleteLater()
        for column, (name, slices) in enumerate(rows, start=2):
            self._put(0, column, name, role="muted", bold=True)
            for row, part in enumerate(slices, start=1):
                self._put(row, column, megabytes(part.size))
            total = sum(part.size for part in slices)
            self._put(len(PARTS) + 1, column, megabytes(total), bold=True)
        for row, name in enumerate(self._part_names(), start=1):
            self._grid.addWidget(_Swatch(row - 1), row, 0)
            self._grid.addWidget(Label(name), row, 1)
        self._grid.addWidget(Label(self.tr("weights in all"), bold=True), len(PARTS) + 1, 1)

    def _put(self, row: int, column: int, text: str, *, role: str = "text", bold: bool = False) -> None:
        label = Label(text, role=role, bold=bold)
        self._grid.addWidget(label, row, column, Qt.AlignmentFlag.AlignRight)

    def _part_names(self) -> tuple[str, ...]:
        """In the order of `PARTS`."""
        return (
            self.tr("embeddings (the vocabulary)"),
            self.tr("attention"),
            self.tr("feed-forward"),
            self.tr("norms"),
            self.tr("head (the answers)"),
        )

    def _shape_of(self, before: Profile, after: Profile) -> str:
        def change(first: int, then: int) -> str:
            return count(first) if first == then else f"{count(first)} → {count(then)}"

        lines = (
            self.tr("Layers: {0}").format(change(before.layers, after.layers)),
            self.tr("Attention heads a layer: {0}").format(change(before.heads, after.heads)),
            self.tr("Width: {0}").format(change(before.hidden, after.hidden)),
            self.tr("Feed-forward width: {0}").format(change(before.feed_forward_width, after.feed_forward_width)),
            self.tr("Words known: {0}").format(change(before.vocabulary, after.vocabulary)),
            self.tr("Parameters: {0}").format(change(before.parameters, after.parameters)),
            self.tr("Bits a number: {0}").format(change(before.storage.bits, after.storage.bits)),
        )
        return "\n".join(lines)


class _Swatch(QWidget):
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


class _Bars(QWidget):
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
