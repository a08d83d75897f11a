"""What a technique is given besides the model: data, time, a place to write, and ways to say and to ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import Cancelled
from engine.events import CurvePoint, Emit, Note, Progress

if TYPE_CHECKING:
    from engine.data.splits import Splits
    from engine.models.model import Model
    from engine.run import Comparison, Measurement
    from engine.tasks.base import Task


def _no_trial(folder: Path, precision: str) -> tuple[Measurement, Comparison]:
    raise RuntimeError("nothing can be tried before the original was measured")


@dataclass
class Context:
    """Handed to `Technique.apply`; the same object for every step of a run, `step` moves on.

    `trial` measures a saved folder in a fresh process on a small sample, against the original;
    `teacher` gives the original model again (a new copy each time).
    """

    emit: Emit
    cancelled: Callable[[], bool]
    data: Splits
    task: Task
    scratch: Path
    seed: int
    teacher: Callable[[], Model]
    trial: Callable[[Path, str], tuple[Measurement, Comparison]] = _no_trial
    max_quality_loss: float | None = None
    deadline: float | None = None
    step: int = 0
    notes: list[str] = field(default_factory=list)
    tried: dict[Path | None, tuple[Measurement, Comparison]] = field(default_factory=dict)
    """What trials found, by folder: the quick check need not ask again."""

    def progress(self, done: float, total: float, message: str) -> None:
        """Say how far this step is. As at every event, a cancel is noticed here."""
        self.check()
        self.emit(Progress(step=self.step, done=done, total=total, message=message))

    def curve(self, name: str, x: float, y: float) -> None:
        """Add a point to a training curve."""
        self.check()
        self.emit(CurvePoint(curve=name, x=x, y=y))

    def note(self, text: str, *, warning: bool = False) -> None:
        """A sentence for the log and for the step's record."""
        self.check()
        self.notes.append(text)
        self.emit(Note(level="warning" if warning else "info", text=text))

    def check(self) -> None:
        """Raise `Cancelled` if the user asked to stop."""
        if self.cancelled():
            raise Cancelled("Cancelled; nothing of the original was touched.")
