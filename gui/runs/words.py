"""A run in a few words: its model, its steps, how it ended. For tables, tooltips and headings."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QCoreApplication

from engine.run import Run, Status
from engine.technique import Options, Slider, Technique
from engine.techniques import technique_named
from gui.numbers import NO_BREAK, RAW_METRICS, megabytes, plain, quality


def model_in_words(run: Run) -> str:
    """The model's short name: "starter:kinds-minilm" and "/models/mine/" end in what tells them apart."""
    name = str(run.recipe.get("model", "?"))
    return name.rstrip("/").rpartition("/")[2].removeprefix("starter:")


def data_in_words(run: Run) -> str:
    """The data's short name."""
    data = run.recipe.get("data", "?")
    name = str(data.get("path", "?") if isinstance(data, dict) else data)
    return name.rstrip("/").rpartition("/")[2].removeprefix("starter:")


def steps_in_words(run: Run) -> str:
    """The steps in their order: "Fewer connections (25 %) → Smaller numbers (8 bits)"."""
    steps = run.recipe.get("steps") or ()
    words = [_step_in_words(name, parameters) for step in steps for name, parameters in step.items()]
    return " → ".join(words) or QCoreApplication.translate("runs", "nothing changed")


def status_in_words(run: Run) -> str:
    """How the run ended."""
    if run.status is Status.FINISHED and run.verified:
        return QCoreApplication.translate("runs", "verified")
    return {
        Status.RUNNING: QCoreApplication.translate("runs", "running"),
        Status.FINISHED: QCoreApplication.translate("runs", "finished"),
        Status.FLOOR_BROKEN: QCoreApplication.translate("runs", "floor broken"),
        Status.OVER_LIMIT: QCoreApplication.translate("runs", "over the limit"),
        Status.CANCELLED: QCoreApplication.translate("runs", "cancelled"),
        Status.FAILED: QCoreApplication.translate("runs", "failed"),
    }[run.status]


def role_of(run: Run) -> str:
    """The colour that goes with how it ended: a role of `gui.theme.Colors`."""
    return {
        Status.RUNNING: "accent",
        Status.FINISHED: "good",
        Status.FLOOR_BROKEN: "warning",
        Status.OVER_LIMIT: "warning",
        Status.CANCELLED: "muted",
        Status.FAILED: "bad",
    }[run.status]


def heading(run: Run) -> str:
    """Two figures that tell a run from the next: "23.7 MB, 89.1 %"; without figures, its status."""
    measured = run.optimized
    if measured is None or measured.size_bytes is None or measured.quality is None:
        return status_in_words(run)
    metric = measured.quality.metric
    name = f"{metric} " if metric in RAW_METRICS else ""  # a bare number does not say what it is
    return f"{megabytes(measured.size_bytes)}, {name}{quality(metric, measured.quality.value)}"


def _step_in_words(name: str, parameters: dict[str, Any] | None) -> str:
    technique = technique_named(name)
    if technique is None:
        return name
    try:
        step = technique.model_validate(parameters or {})
    except ValueError:  # a run of another version of Bozzetto
        return technique.title
    told = [text for text in _told(step) if text]
    return f"{technique.title} ({', '.join(told)})" if told else technique.title


def _told(step: Technique) -> list[str]:
    """The values worth telling: those that are not hidden under "More…", or not the default."""
    told: list[str] = []
    for name, control in type(step).controls().items():
        value = getattr(step, name)
        is_default = value == type(step).model_fields[name].default
        if (control.more and is_default) or name in step.idle():
            continue
        if isinstance(control, Options):
            told.append(str(control.labels.get(value, value)))
        elif isinstance(control, Slider) and value:
            told.append(_with_unit(value, control.unit))
    return told


def _with_unit(value: float, unit: str) -> str:
    shown = plain(value * 100) if unit == "%" else f"{value:g}"
    return f"{shown}{NO_BREAK}{unit}" if unit else shown
