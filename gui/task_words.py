"""What differs on screen from task to task: the words for its data, its two speeds and what is counted.

A task is known by its name alone (`Measurement.task`, `Inspection.task`): the engine's own module of
tasks would bring numpy in before the window is shown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from PySide6.QtCore import QCoreApplication

from engine.run import Measurement, Run

CLASSIFICATION, LANGUAGE, SIMILARITY = "classification", "language modelling", "sentence similarity"
TASKS = (CLASSIFICATION, LANGUAGE, SIMILARITY)


@dataclass(frozen=True)
class TaskWords:
    """The words of one task. The first speed is what a person waits for, the second what fills a machine."""

    short: str
    data: str
    """What its data are, and how a model is judged by them."""
    first: str
    second: str
    at_first: str
    at_second: str
    one: str
    """What the first speed's milliseconds are of."""
    many: str
    """What the second speed counts in a second."""
    nouns: str
    """What quality is judged on."""
    loss: str
    """What a loss of quality is counted in."""
    example: str
    """A text to try."""
    ask: str
    """What to type."""


def words_for(task: str | None) -> TaskWords:
    """The words of a task; those of classification where it is not known."""
    return {LANGUAGE: _language, SIMILARITY: _similarity}.get(task or "", _classification)()


def task_of(run: Run | None) -> str:
    """The task that a run's figures are of."""
    measured = (run.optimized or run.baseline) if run else None
    return measured.task if measured else CLASSIFICATION


def same_task(measured: Measurement | None, task: str | None) -> bool:
    """Whether figures are of this task; nobody knows otherwise where either is missing."""
    return measured is None or task is None or measured.task == task


def _t(text: str) -> str:
    return QCoreApplication.translate("tasks", text)


def _classification() -> TaskWords:
    return TaskWords(
        short=_t("Texts with labels"),
        data=_t("Texts with labels: a classifier is judged by how many it gets right."),
        first=_t("one text"),
        second=_t("32 at once"),
        at_first=_t("at one text"),
        at_second=_t("with 32 at once"),
        one=_t("One text"),
        many=_t("Texts a second, 32 at once"),
        nouns=_t("texts"),
        loss=_t("points"),
        example=_t("a bird of prey that hunts at night"),
        ask=_t("Type a text, or press “Ask both” to try the example."),
    )


def _similarity() -> TaskWords:
    """Texts are read here as a classifier reads them: the same speeds, counted alike."""
    return replace(
        _classification(),
        short=_t("Pairs of texts"),
        data=_t("Pairs of texts: an embedder is judged by whether what belongs together comes out nearest."),
        ask=_t("Type what to look for; the ten nearest texts of each model stand side by side."),
    )


def _language() -> TaskWords:
    return TaskWords(
        short=_t("Running text"),
        data=_t("Running text: a language model is judged by what comes next."),
        first=_t("writing"),
        second=_t("reading"),
        at_first=_t("at writing"),
        at_second=_t("at reading"),
        one=_t("One token written"),
        many=_t("Tokens read a second"),
        nouns=_t("windows of text"),
        loss="%",
        example=_t("Once upon a time"),
        ask=_t("Type the beginning of a text: both models go on from there."),
    )
