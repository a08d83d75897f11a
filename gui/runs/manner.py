"""How the answers of a task are told in the table of changed answers: its headings, counts and filters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

from engine.run import Run
from gui.numbers import NO_BREAK, count, percent
from gui.task_words import LANGUAGE, SIMILARITY, task_of

FURTHEST = 100
"""A rank is recorded as 1 / rank to four decimals: up to here that tells it exactly."""


@dataclass(frozen=True)
class Manner:
    """Words for one kind of answers. `directions` are for worse, better and neither."""

    titles: tuple[str, str, str, str]
    directions: tuple[str, str, str]
    filters: tuple[str, str]
    filter_helps: tuple[str, str]
    help: str
    number: Callable[[float], str]
    """The number beside an answer, from its recorded confidence."""
    better: Callable[[str, str, float, float, str], bool]
    """Whether an answer that did not become worse became better, from both answers, confidences and the label."""


def manner_of(run: Run | None) -> Manner:
    """How this run's changed answers are told."""
    task = task_of(run)
    if task == LANGUAGE:
        return _windows()
    if task != SIMILARITY:
        return _labels()
    quality = run.optimized.quality if run and run.optimized else None
    return _scores() if quality and quality.metric.startswith("Spearman") else _ranks()


def _t(text: str) -> str:
    return QCoreApplication.translate("changed", text)


def _labels() -> Manner:
    return Manner(
        titles=(_t("Text"), _t("Right answer"), _t("Original"), _t("Optimized")),
        directions=(_t("{0} became wrong"), _t("{0} became right"), _t("{0} differently wrong")),
        filters=(_t("Became wrong"), _t("Became right")),
        filter_helps=(
            _t("The original was right, the optimized model is not."),
            _t("The original was wrong, the optimized model is right."),
        ),
        help=_t("Texts that the two models answer differently, the worst first. Bars: confidence."),
        number=lambda share: percent(share, 0),
        better=lambda before, after, first, second, label: after == label,
    )


def _windows() -> Manner:
    return Manner(
        titles=(_t("Text"), "", _t("Original"), _t("Optimized")),
        directions=(_t("{0} harder to foresee"), _t("{0} easier"), _t("{0} as before")),
        filters=(_t("Harder"), _t("Easier")),
        filter_helps=(
            _t("The optimized model foresees this text less well than the original."),
            _t("The optimized model foresees this text better than the original."),
        ),
        help=_t(
            "Windows of text, the one that lost most first. Perplexity is of that window alone; "
            "bars and percent: tokens that would have been guessed rightly."
        ),
        number=lambda share: percent(share, 0),
        better=lambda before, after, first, second, label: (before, first) != (after, second),
    )


def _ranks() -> Manner:
    return Manner(
        titles=(_t("Looked for"), _t("Right answer"), _t("Original found"), _t("Optimized found")),
        directions=(_t("{0} further from the right answer"), _t("{0} nearer to it"), _t("{0} as near")),
        filters=(_t("Further off"), _t("Nearer")),
        filter_helps=(
            _t("The right answer stands lower in the optimized model's list than in the original's."),
            _t("The right answer stands higher in the optimized model's list than in the original's."),
        ),
        help=_t("Texts for which the two models find another answer first. Number: the place of the right answer."),
        number=_rank,
        better=lambda before, after, first, second, label: second > first,
    )


def _scores() -> Manner:
    return Manner(
        titles=(_t("Texts"), _t("Score given"), _t("Original"), _t("Optimized")),
        directions=(_t("{0} further from the score given"), _t("{0} nearer to it"), _t("{0} as near")),
        filters=(_t("Further off"), _t("Nearer")),
        filter_helps=(
            _t("The optimized model's likeness is further from the score than the original's."),
            _t("The optimized model's likeness is nearer to the score than the original's."),
        ),
        help=_t("Pairs whose likeness (cosine, at most 1) moved by 0.05 or more."),
        number=lambda share: "",
        better=lambda before, after, first, second, label: before != after,
    )


def _rank(inverse: float) -> str:
    if inverse * FURTHEST < 1.0:
        return _t("beyond {0}").format(count(FURTHEST)).replace(" ", NO_BREAK)
    return _t("place {0}").format(round(1.0 / inverse)).replace(" ", NO_BREAK)
