"""The map of all runs: size to the right, better quality upward, colour for speed, the front as a line."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from engine.recipe import Recipe
from engine.run import Run
from gui.label import Label
from gui.numbers import NO_BREAK, RAW_METRICS, count, ratio
from gui.plots.front import EMPTY, Map, map_of
from gui.plots.panel import Panel
from gui.plots.speed_legend import SpeedLegend
from gui.runs.words import heading, steps_in_words
from gui.task_words import words_for


class RunsMap(Panel):
    """Click a point, or use the arrow keys, to select a run."""

    selected = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        from gui.plots.map_plot import MapPlot  # pyqtgraph: only once a window is made

        self._runs: dict[str, Run] = {}
        self._map = EMPTY
        self._selected: str | None = None
        self._subject: tuple[str, str] | None = None
        self.plot = MapPlot(self)
        self.plot.clicked.connect(self._pick)
        self.plot.describe = self._described
        self._title = Label(self.tr("All runs"), role="muted", bold=True)
        self._note = Label(role="muted", scale=0.95)
        self._note.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)  # never widens the window
        self._legend = SpeedLegend(self)
        self._empty = Label(role="muted", scale=1.1, wrap=True)
        self._lay_out()
        self._draw()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self._title)
        top.addSpacing(10)
        top.addWidget(self._note, 1)
        top.addWidget(self._legend)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setText(self.tr("Every finished run becomes a point here: size against quality. Press Run."))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 10, 14, 8)
        layout.addLayout(top)
        layout.addWidget(self.plot, 1)
        layout.addWidget(self._empty, 1)
        self.setMinimumHeight(170)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Map of all runs: size against quality"))
        self.setToolTip(
            self.tr(
                "A point is a run. Left is smaller, up is better. Click one, or use the arrow keys. "
                "Runs of other models or data cannot be compared with these: they are in the table only."
            )
        )

    @property
    def shown(self) -> Map:
        """What is drawn."""
        return self._map

    def set_runs(self, runs: list[Run]) -> None:
        """All runs; those without figures have no point."""
        self._runs = {run.id: run for run in runs}
        self._draw()

    def set_recipe(self, recipe: Recipe) -> None:
        """Without a selected run, show those of this model and data."""
        data = str(recipe.model_dump(mode="json", include={"data"})["data"])
        if (recipe.model, data) != self._subject:
            self._subject = recipe.model, data
            self._draw()

    def select(self, run_id: str | None) -> None:
        """Mark a run (and show the runs of the same model and data)."""
        if run_id != self._selected:
            self._selected = run_id
            self._draw()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrow keys walk over the points by size."""
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        ids = [point.run_id for point in sorted(self._map.points, key=lambda point: point.size)]
        if step is None or not ids:
            super().keyPressEvent(event)
            return
        at = ids.index(self._selected) + step if self._selected in ids else 0
        self._pick(ids[max(0, min(len(ids) - 1, at))])

    def _pick(self, run_id: str) -> None:
        self.select(run_id)
        self.selected.emit(run_id)

    def _draw(self) -> None:
        self._map = map_of(list(self._runs.values()), self._selected, self._subject)
        empty = not self._map.points
        self.plot.setVisible(not empty)
        self._legend.setVisible(not empty)
        self._empty.setVisible(empty)
        self._note.setText(self._said())
        self._legend.set_speed(words_for(self._map.task).at_first)
        if not empty:
            label = heading(self._runs[self._selected]) if self._selected in self._runs else ""
            unit = "" if self._map.metric in RAW_METRICS else f"{NO_BREAK}%"
            self.plot.show_map(self._map, self._selected, label, unit)

    def _said(self) -> str:
        """What the axes are, and what is left out."""
        if not self._map.points:
            return ""
        said = self.tr("{0} by size").format(self._map.metric)
        if self._map.lower_is_better:
            said += self.tr(", lowest on top")
        if not self._map.others:
            return said
        others = self.tr("one other in the table") if self._map.others == 1 else self.tr("{0} others in the table")
        return f"{said}; {others.format(count(self._map.others))}"

    def _described(self, run_id: str) -> str:
        """For the tooltip of a point."""
        run = self._runs[run_id]
        lines = [heading(run), steps_in_words(run)]
        if run.comparison and run.comparison.latency:
            faster, at = ratio(run.comparison.latency.value), words_for(self._map.task).at_first
            lines.insert(1, self.tr("{0} as fast {1}").format(faster, at))
        return "\n".join(lines)
