"""A model's top choices as bars: label, bar, percent."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.label import base_pixels, scaled_font
from gui.numbers import percent
from gui.plots.panel import faint
from gui.theme import THEME, colors

MOST_CHOICES = 5


class ChoiceBars(QWidget):
    """Longest first, as they come. `role` colours the first, the others are paler."""

    def __init__(self, role: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._role = role
        self._choices: list[tuple[str, float]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("The model's top choices"))
        self.setToolTip(self.tr("How sure the model is of each answer; all answers together are 100 %."))
        THEME.changed.connect(self.update)

    @property
    def choices(self) -> list[tuple[str, float]]:
        """What is shown: label and share."""
        return self._choices

    def show_choices(self, choices: list[tuple[str, float]]) -> None:
        """Show at most five."""
        self._choices = choices[:MOST_CHOICES]
        told = (f"{label} {percent(share)}" for label, share in self._choices)
        self.setAccessibleDescription(", ".join(told))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """A line a choice; as tall as for five, so that nothing jumps."""
        return QSize(240, round(base_pixels() * 1.9) * MOST_CHOICES)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Label left, bar beside it, percent at the right."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = self.height() / MOST_CHOICES
        unit = base_pixels()
        name, number = min(unit * 9.0, self.width() * 0.4), unit * 4.5
        for index, (label, share) in enumerate(self._choices):
            painter.setFont(scaled_font(1.0, bold=index == 0))
            painter.setPen(QColor(colors().text if index == 0 else colors().muted))
            row = QRectF(0, index * line, self.width(), line)
            cut = painter.fontMetrics().elidedText(label, Qt.TextElideMode.ElideRight, int(name - 6))
            painter.drawText(row, Qt.AlignmentFlag.AlignVCenter, cut)
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(row, right, percent(share))
            full = QRectF(name, row.top() + line * 0.2, self.width() - name - number, line * 0.6)
            self._bar(painter, full, share, first=index == 0)

    def _bar(self, painter: QPainter, full: QRectF, share: float, *, first: bool) -> None:
        color = getattr(colors(), self._role)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(faint(colors().border, 0.5))
        painter.drawRoundedRect(full, 3, 3)
        full.setWidth(max(2.0, full.width() * min(1.0, max(0.0, share))))
        painter.setBrush(QColor(color) if first else faint(color, 0.45))
        painter.drawRoundedRect(full, 3, 3)
