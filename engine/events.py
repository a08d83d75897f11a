"""What a run says while it runs: one JSON object a line, `kind` tells which.

`engine run RECIPE --events -` prints them, `engine serve` sends them to the window, and
`events.jsonl` in the run's folder keeps them:

    {"kind": "step_started", "step": 1, "steps": 3, "name": "quantize", "title": "Smaller numbers"}
    {"kind": "progress", "step": 1, "done": 40, "total": 128, "message": "calibrating"}
    {"kind": "curve_point", "curve": "loss", "x": 120, "y": 0.41}
    {"kind": "measured", "subject": "original" | "after a step" | "trial" | "optimized",
     "label": "Smaller numbers", "measurement": {...}, "comparison": {...} | null}
    {"kind": "note", "level": "info" | "warning", "text": "..."}
    {"kind": "run_finished", "run": {...}}          the shape of `engine.run.Run`
    {"kind": "reply", "id": 7, "value": {...} | null, "refused": ""}      only from `engine serve`

Events are frozen, hold no tensors and can be pickled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from engine.run import Comparison, Measurement, Run
from engine.technique import Frozen

Subject = Literal["original", "after a step", "trial", "optimized"]


class StepStarted(Frozen):
    """A step of the run begins: step 0 is the original, then each technique, then saving and measuring."""

    kind: Literal["step_started"] = "step_started"
    step: int
    steps: int
    name: str
    title: str


class Progress(Frozen):
    """How far the current step is: `done` of `total`; total 0 means "no telling"."""

    kind: Literal["progress"] = "progress"
    step: int
    done: float
    total: float
    message: str


class CurvePoint(Frozen):
    """A point of a training curve, e.g. curve "loss", x = optimizer step."""

    kind: Literal["curve_point"] = "curve_point"
    curve: str
    x: float
    y: float


class Measured(Frozen):
    """Something was measured. Only what was measured is filled in."""

    kind: Literal["measured"] = "measured"
    subject: Subject
    label: str
    measurement: Measurement
    comparison: Comparison | None = None


class Note(Frozen):
    """A sentence for the log; warnings are also shown by the Run button."""

    kind: Literal["note"] = "note"
    level: Literal["info", "warning"] = "info"
    text: str


class RunFinished(Frozen):
    """The last event of every run, whatever its end."""

    kind: Literal["run_finished"] = "run_finished"
    run: Run


class Reply(Frozen):
    """The answer to one request of the window (`engine.serve`): a value, or why it was refused."""

    kind: Literal["reply"] = "reply"
    id: int
    value: dict[str, Any] | None = None
    refused: str = ""


class Piece(Frozen):
    """A piece of what a model writes while "try" is answered, before the reply; `side` is "original" or "optimized"."""

    kind: Literal["piece"] = "piece"
    id: int
    side: str
    text: str


Event = StepStarted | Progress | CurvePoint | Measured | Note | RunFinished | Reply | Piece
Emit = Callable[[Event], None]

# Built when the first event is read: the window is on the screen by then.
_ADAPTER: TypeAdapter[Event] = TypeAdapter(
    Annotated[Event, Field(discriminator="kind")], config=ConfigDict(defer_build=True)
)


def parse(line: str | bytes) -> Event:
    """The event of one JSON line; raises pydantic.ValidationError when it is none."""
    return _ADAPTER.validate_json(line)
