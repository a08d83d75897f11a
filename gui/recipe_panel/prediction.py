"""What a card foretells: size, speed and quality, each with how sure it is, and the honest line."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from engine.technique import UNKNOWN_SIZE, Estimate
from gui.numbers import megabytes, ratio, ratio_range
from gui.words import certainty


class Prediction(QWidget):
    """Three small columns over one sentence."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.size_figure, self.speed_figure, self.quality_figure = (_Figure(), _Figure(), _Figure())
        self.line = QLabel(wordWrap=True)
        self.line.setProperty("class", "muted")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(1)
        names = (self.tr("Size"), self.tr("Speed"), self.tr("Quality"))
        for column, (name, figure) in enumerate(
            zip(names, (self.size_figure, self.speed_figure, self.quality_figure), strict=True)
        ):
            caption = QLabel(name)
            caption.setProperty("class", "muted")
            grid.addWidget(caption, 0, column)
            grid.addWidget(figure.value, 1, column)
            grid.addWidget(figure.sure, 2, column, Qt.AlignmentFlag.AlignTop)
            grid.setColumnStretch(column, 1)
        grid.addWidget(self.line, 3, 0, 1, 3)
        grid.setRowMinimumHeight(3, self.line.fontMetrics().height() * 2 + 4)

    def show_estimate(self, estimate: Estimate, original_bytes: int) -> None:
        """The state after this card, beside the original of `original_bytes`."""
        if estimate.size_error >= UNKNOWN_SIZE:
            for figure, help in ((self.size_figure, estimate.line), (self.speed_figure, estimate.speed.basis)):
                figure.set("?", certainty("only measuring will tell"), help)
        else:
            self._show_figures(estimate, original_bytes)
        self.quality_figure.set("?", certainty("only measuring will tell"), estimate.quality)
        self.line.setText(estimate.line)

    def _show_figures(self, estimate: Estimate, original_bytes: int) -> None:
        smaller = original_bytes / max(estimate.size_bytes, 1)
        sure = certainty("exact")
        if estimate.size_error:
            sure = self.tr("exact to {0:.0f} %").format(estimate.size_error * 100)
        help = self.tr("The original takes {0}: this is {1} smaller.")
        self.size_figure.set(
            megabytes(estimate.size_bytes), sure, help.format(megabytes(original_bytes), ratio(smaller))
        )
        speed = estimate.speed
        self.speed_figure.set(ratio_range(speed.low, speed.high), certainty(speed.certainty), speed.basis)

    def show_nothing(self, text: str) -> None:
        """There is no profile (yet): say why instead of figures."""
        for figure in (self.size_figure, self.speed_figure, self.quality_figure):
            figure.set("–", "", "")
        self.line.setText(text)


class _Figure:
    """A value and, smaller beneath it, how sure it is."""

    def __init__(self) -> None:
        self.value, self.sure = QLabel("–"), QLabel()
        self.value.setProperty("class", "figure")
        self.sure.setProperty("class", "small")
        self.sure.setWordWrap(True)

    def set(self, value: str, sure: str, help: str) -> None:
        self.value.setText(value)
        self.sure.setText(sure)
        for label in (self.value, self.sure):
            label.setToolTip(help)
