"""The banner: what happens now while a run goes, and at its end the verdict in words."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QFontMetricsF, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from engine.events import Event, Progress, RunFinished, StepStarted
from engine.run import Run, Status
from gui.label import Label, base_pixels, scaled_font
from gui.numbers import clock, count, duration
from gui.plots.panel import Panel
from gui.status_icon import ROLES, SIGNS, Sign, StatusIcon

BAR_STEPS = 1000
TICK_MS = 200
LARGEST, SMALLEST = 1.9, 1.3
"""The headline's size, as multiples of ordinary text: smaller where it would not fit a line."""


class Verdict(Panel):
    """An icon, a big line, a line beneath, a badge or the time at the right, and a progress bar."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.icon = StatusIcon(self)
        self.headline = Label(scale=LARGEST, bold=True, wrap=True)
        self.detail = Label(role="muted", scale=1.15, wrap=True)
        self.warning = Label(role="warning", scale=1.1, bold=True, wrap=True)
        self.badge = Label(role="good", scale=1.15, bold=True)
        self.time = Label(role="muted", scale=1.15)
        self.bar = QProgressBar()
        self._step: StepStarted | None = None
        self._progress: Progress | None = None
        self._began = 0.0
        self._dirty = False
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._lay_out()
        self.set_idle(self.tr("Press Run to see what the recipe does to the model."))

    def _lay_out(self) -> None:
        self.bar.setRange(0, BAR_STEPS)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.bar.setAccessibleName(self.tr("Progress of the run"))
        self.bar.setToolTip(self.tr("How far the run is, over all its steps."))
        keep = self.bar.sizePolicy()
        keep.setRetainSizeWhenHidden(True)  # or else the banner would jump
        self.bar.setSizePolicy(keep)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addStretch(1)
        words.addWidget(self.headline)
        words.addWidget(self.detail)
        words.addWidget(self.warning)
        words.addStretch(1)
        words.addWidget(self.bar)
        side = QVBoxLayout()
        side.setSpacing(0)
        right = Qt.AlignmentFlag.AlignRight
        side.addStretch(1)
        side.addWidget(self.badge, 0, right)
        side.addWidget(self.time, 0, right)
        side.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 10, 16, 10)
        row.setSpacing(16)
        row.addWidget(self.icon)
        row.addLayout(words, 1)
        row.addLayout(side)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumHeight(round(base_pixels() * 8))

    def set_idle(self, text: str) -> None:
        """Nothing runs: say what could be done."""
        self._timer.stop()
        self._show(Sign.IDLE, text, "", "", "")

    def on_event(self, event: Event) -> None:
        """Follow a run."""
        if isinstance(event, StepStarted):
            if event.step == 0 or not self._timer.isActive():
                self._began = time.monotonic()
            self._step, self._progress = event, None
            self._timer.start()
            self._follow()
        elif isinstance(event, Progress):
            self._progress, self._dirty = event, True
        elif isinstance(event, RunFinished):
            self.set_run(event.run)

    def set_run(self, run: Run | None) -> None:
        """The verdict of a run that ended, in words; None goes back to idle."""
        if run is None:
            self.set_idle(self.tr("Press Run to see what the recipe does to the model."))
            return
        self._timer.stop()
        self._step = self._progress = None
        headline, detail = self._words(run)
        collapse = run.comparison.collapse if run.comparison else ""
        sign = SIGNS[run.status]
        if collapse:  # said by itself and in another colour, not among the good news
            detail = " ".join(detail.replace(collapse, "").split())
            sign = Sign.WARNING if sign is Sign.GOOD else sign
        badge = self.tr("✓ verified") if run.verified else ""
        self._show(sign, headline, detail, badge, duration(run.seconds), collapse)

    @property
    def sign(self) -> Sign:
        """What the icon shows."""
        return self.icon.sign

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Let the headline fit its line again."""
        super().resizeEvent(event)
        self._fit_headline()

    def _fit_headline(self) -> None:
        wanted = QFontMetricsF(scaled_font(LARGEST, bold=True)).horizontalAdvance(self.headline.text())
        room = max(self.headline.width(), 1)
        self.headline.set_scale(max(SMALLEST, min(LARGEST, round(0.97 * LARGEST * room / max(wanted, 1.0), 2))))

    def _words(self, run: Run) -> tuple[str, str]:
        """The big line and the line beneath."""
        verdict = run.comparison.verdict if run.comparison else ""
        first, _, rest = verdict.partition(". ")
        if run.status is Status.FINISHED:
            return (_sentence(first), rest) if verdict else (self.tr("Finished."), run.reason)
        headline = {
            Status.RUNNING: self.tr("Still running."),
            Status.FLOOR_BROKEN: self.tr("Stopped: quality fell below your floor."),
            Status.OVER_LIMIT: self.tr("Over your limit."),
            Status.CANCELLED: self.tr("Cancelled."),
            Status.FAILED: self.tr("This did not work."),
        }[run.status]
        return headline, " ".join(part for part in (run.reason, verdict) if part)

    def _tick(self) -> None:
        self.time.setText(clock(time.monotonic() - self._began))
        if self._dirty:
            self._follow()

    def _follow(self) -> None:
        """Show the current step and how far it is."""
        self._dirty = False
        step, progress = self._step, self._progress
        if step is None:
            return
        done = progress.done / progress.total if progress and progress.total > 0 else 0.0
        detail = self.tr("Step {0} of {1}").format(step.step + 1, step.steps)
        if progress:
            detail += f"  ·  {progress.message}"
        if progress and progress.total > 1:
            detail += "  ·  " + self.tr("{0} of {1}").format(count(progress.done), count(progress.total))
        share = (step.step + min(1.0, done)) / max(1, step.steps)
        self._show(Sign.BUSY, step.title, detail, "", clock(time.monotonic() - self._began))
        self.bar.setValue(round(min(1.0, share) * BAR_STEPS))

    def _show(self, sign: Sign, headline: str, detail: str, badge: str, seconds: str, warning: str = "") -> None:
        self.icon.show_sign(sign)
        self.headline.setText(headline)
        self._fit_headline()
        self.headline.set_role(ROLES[sign] if sign in (Sign.WARNING, Sign.BAD) else "text")
        self.detail.setText(detail)
        self.detail.setVisible(bool(detail))
        self.warning.setText(warning)
        self.warning.setVisible(bool(warning))
        self.badge.setText(badge)
        self.badge.setVisible(bool(badge))
        self.time.setText(seconds)
        self.bar.setVisible(sign is Sign.BUSY)
        self.setAccessibleName(" ".join(part for part in (headline, detail, warning) if part))
        self.setToolTip(self._explained() if badge else "")

    def _explained(self) -> str:
        return self.tr(
            "Verified: the saved folder was loaded again in a fresh process and measured there,\n"
            "turn about with the original. What was measured is what you export."
        )


def _sentence(text: str) -> str:
    return text if text.endswith(".") else text + "."
