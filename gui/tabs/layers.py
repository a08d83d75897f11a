"""Where the bytes are: each part of the model before and after, what becomes of its layers, and how each bears it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from engine.events import CurvePoint, Event, StepStarted
from engine.models.profile import Profile
from engine.run import Run
from gui.label import Label
from gui.numbers import count, megabytes
from gui.plots.live import SENSITIVITY
from gui.plots.panel import Panel
from gui.tabs.part_bars import PARTS, PartBars, Slice, Swatch, slices_of
from gui.tabs.sensitivity import SensitivityChart, recorded

LAST_ROW = len(PARTS) + 1


class Layers(QWidget):
    """Two stacked bars on one scale, a table of the same numbers, the model's shape, its layers' sensitivity."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bars = PartBars(self)
        self.sensitivity = SensitivityChart(self)
        self._grid = QGridLayout()
        self._columns: list[list[Label]] = []
        self._shape = Label(wrap=True, scale=1.1)
        self._empty = Label(role="muted", scale=1.1, wrap=True)
        self._sheet = Panel(self)
        self._lay_out()
        self.set_profiles(None, None)

    def _lay_out(self) -> None:
        self._grid.setHorizontalSpacing(24)
        self._grid.setVerticalSpacing(4)
        self._make_grid()
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
        inner.addWidget(self.sensitivity)
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
            rows.append((self.tr("after (estimated)"), slices_of(after)))
        self.bars.show_slices(rows)
        self._fill_grid(rows)
        self._shape.setText(self._shape_of(before, after or before))

    def on_event(self, event: Event) -> None:
        """Take in what a run says of its layers."""
        if isinstance(event, StepStarted) and event.step == 0:
            self.sensitivity.clear()
        elif isinstance(event, CurvePoint) and event.curve == SENSITIVITY:
            self.sensitivity.add(event)

    def set_run(self, run: Run | None) -> None:
        """Show what a run of the past said of its layers."""
        self.sensitivity.clear()
        for point in recorded(Path(run.folder)) if run else ():
            self.sensitivity.add(point)

    def _make_grid(self) -> None:
        """Labels made once: they are filled anew at every move of a slider."""
        for row, name in enumerate(self._part_names(), start=1):
            self._grid.addWidget(Swatch(row - 1), row, 0)
            self._grid.addWidget(Label(name), row, 1)
        self._grid.addWidget(Label(self.tr("weights in all"), bold=True), LAST_ROW, 1)
        for column, title in ((2, self.tr("before")), (3, self.tr("after (estimated)"))):
            labels = [Label(title, role="muted", bold=True), *(Label() for _ in PARTS), Label(bold=True)]
            for row, label in enumerate(labels):
                self._grid.addWidget(label, row, column, Qt.AlignmentFlag.AlignRight)
            self._columns.append(labels)

    def _fill_grid(self, rows: list[tuple[str, tuple[Slice, ...]]]) -> None:
        for index, labels in enumerate(self._columns):
            for label in labels:
                label.setVisible(index < len(rows))
        for labels, (_, slices) in zip(self._columns, rows, strict=False):
            sizes = [part.size for part in slices]
            for label, size in zip(labels[1:], [*sizes, sum(sizes)], strict=True):
                label.setText(megabytes(size) if size else "–")  # a head that reads the embeddings has none

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
