"""The three live plots, Size, Speed and Quality, and the training curves while a model learns.

`LivePlots` keeps a `Story` (what is known), turns it into charts and headlines, and draws at most
every 50 ms, one plot at a time, so that a burst of events never holds up the window.
"""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from engine.events import CurvePoint, Event, Measured, RunFinished, StepStarted
from engine.models.profile import Profile
from engine.run import Measurement
from engine.technique import Estimate
from gui.plots.live_panels import QualityPanel, SizePanel, SpeedPanel
from gui.plots.panel import Panel
from gui.plots.sparkline import Sparkline
from gui.plots.story import Story
from gui.task_words import same_task

REPAINT_MS = 50
MOST_CURVES = 4
SENSITIVITY = "sensitivity"
"""The curve whose points are layers rather than steps of a training: it is drawn in the tab of layers."""


class LivePlots(QWidget):
    """Original as a line, estimates hollow, measurements solid with their 95 % interval."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._story = Story()
        self._curves: dict[str, Sparkline] = {}
        self.size_panel, self.speed_panel, self.quality_panel = (
            SizePanel(),
            SpeedPanel(),
            QualityPanel(),
        )
        self._panels = (self.size_panel, self.speed_panel, self.quality_panel)
        self._waiting = list(self._panels)
        self._timer = QTimer(self, interval=REPAINT_MS)
        self._timer.timeout.connect(self._draw_next)
        self._strip = Panel()
        self._strip_row = QHBoxLayout(self._strip)
        self._lay_out()
        self.flush()

    def _lay_out(self) -> None:
        self._strip_row.setContentsMargins(14, 8, 14, 8)
        self._strip_row.setSpacing(24)
        self._strip.setVisible(False)
        row = QHBoxLayout()
        row.setSpacing(10)
        for panel in self._panels:
            row.addWidget(panel, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(row, 1)
        column.addWidget(self._strip)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(self.tr("Live plots of size, speed and quality"))

    @property
    def story(self) -> Story:
        """What is known."""
        return self._story

    def set_original(self, original: Measurement | None) -> None:
        """The original as measured, or None where it is not known yet."""
        self._tell(replace(self._story, original=original))

    def set_estimate(self, estimate: Estimate | None, profile: Profile | None) -> None:
        """What the recipe is expected to give. After a run, another one gets its own place."""
        old = self._story
        moved = estimate != old.estimate or profile != old.profile
        if not moved:
            return
        if not old.is_of(profile):  # another model: nothing measured holds
            self._tell(Story(estimate=estimate, profile=profile, task=old.task))
            return
        changed = old.result is not None
        self._tell(replace(old, estimate=estimate, profile=profile, changed=changed, paired=False))

    def set_task(self, task: str | None) -> None:
        """What the recipe's data are for; figures of another task are no figures of this recipe."""
        old = self._story
        if not same_task(old.original, task):
            old = Story(estimate=old.estimate, profile=old.profile)
        self._tell(replace(old, task=task))

    def on_event(self, event: Event) -> None:
        """Take in what a run says."""
        if isinstance(event, StepStarted) and event.step == 0:
            self.clear()
            self._tell(replace(self._story, paired=True))
        elif isinstance(event, CurvePoint) and event.curve != SENSITIVITY:
            self._add_curve_point(event)
        elif isinstance(event, Measured):
            self._add_measured(event)
        elif isinstance(event, RunFinished) and event.run.baseline:
            self.set_original(event.run.baseline)

    def clear(self) -> None:
        """Forget the last run's measurements and curves; estimate and original stay, unless it is another model's."""
        old = self._story
        original = old.original if old.is_of(old.profile) else None
        self._tell(replace(old, original=original, checks=(), result=None, changed=False, paired=False))
        for spark in self._curves.values():
            spark.deleteLater()
        self._curves = {}
        self._strip.setVisible(False)

    def flush(self) -> None:
        """Draw at once all that waits (for a picture, and for tests)."""
        while self._waiting:
            self._draw_next()

    def _add_measured(self, event: Measured) -> None:
        if event.subject == "original":
            self.set_original(event.measurement)
        elif event.subject == "optimized":
            self._tell(replace(self._story, result=event, changed=False))
        else:
            self._tell(replace(self._story, checks=(*self._story.checks, event)))

    def _add_curve_point(self, point: CurvePoint) -> None:
        if point.curve not in self._curves:
            if len(self._curves) == MOST_CURVES:
                return
            self._curves[point.curve] = Sparkline(point.curve)
            self._strip_row.addWidget(self._curves[point.curve])
            self._strip.setVisible(True)
        self._curves[point.curve].add(point.x, point.y)
        self._curves[point.curve].update()

    def _tell(self, story: Story) -> None:
        self._story = story
        self._waiting = list(self._panels)
        if not self._timer.isActive():
            self._timer.start()

    def _draw_next(self) -> None:
        if self._waiting:
            self._waiting.pop(0).tell(self._story)
        else:
            self._timer.stop()
