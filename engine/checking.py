"""The quick check after each step: validation data, so that damage is seen at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.context import Context
from engine.measure.verdict import NOISE
from engine.models.model import Model
from engine.run import Comparison, Difference, Measurement
from engine.tasks.base import Task
from engine.technique import Technique


def quick_check(model: Model, context: Context, reference: np.ndarray, against: Path) -> tuple[Measurement, Comparison]:
    """Quality on validation data against the original's answers `reference` [rows, figures] (and more in `against`).

    A model that a trial has already measured in a fresh process is not asked again.
    """
    if model.saved in context.tried:
        return context.tried[model.saved]
    data, task = context.data.validation, context.task
    message = f"a quick check on validation {task.nouns}"
    context.progress(0, 0, message)
    total = len(data) + len(data.corpus)
    reader = task.in_memory(model.network, model.folder, context.check)
    answers = reader.answers(data, lambda done: context.progress(done, total, message), against=against)
    differences = task.differences(reference, answers, data)
    same, of = task.same(reference, answers, data)
    comparison = Comparison(
        quality=next(iter(differences.values())), qualities=differences, same_answers=same, answers=of
    )
    qualities = tuple(task.qualities(answers, data, reference))
    measurement = Measurement(
        runtime="torch", precision="in memory", quality=qualities[0], qualities=qualities, task=task.name
    )
    return measurement, comparison


def floor_broken(number: int, step: Technique, comparison: Comparison, floor: float | None, task: Task) -> str:
    """A sentence where the loss is beyond the floor (in the task's unit) and no noise, else ""."""
    found = comparison.quality
    if floor is None or found is None or found.p_value >= NOISE or -100 * found.value <= floor:
        return ""
    return (
        f"The quality floor was broken at step {number} ({step.name}): {lost_in_words(found, task, 1)} on "
        f"validation {task.nouns}, more than the {floor:g} allowed. The model as it was before this step is kept."
    )


def lost_in_words(found: Difference, task: Task, decimals: int) -> str:
    """A loss in the task's unit: "2.3 points lost", "4.1 % of perplexity lost"."""
    lost = f"{-100 * found.value:.{decimals}f}"
    return f"{lost} points lost" if task.unit == "points" else f"{task.metric} grew by {lost} %"
