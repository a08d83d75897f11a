"""The quick check after each step: validation data, so that damage is seen at once."""

from __future__ import annotations

import numpy as np

from engine.context import Context
from engine.measure.quality import quality_of, same_answers
from engine.measure.statistics import paired_difference
from engine.measure.verdict import NOISE
from engine.models.model import Model
from engine.run import Comparison, Measurement
from engine.tasks import classification
from engine.tasks.encoding import Encoder
from engine.technique import Technique
from engine.training import logits_of


def quick_check(model: Model, context: Context, reference: np.ndarray) -> tuple[Measurement, Comparison]:
    """Quality on validation texts against the original's logits `reference` [texts, labels].

    A model that a trial has already measured in a fresh process is not asked again.
    """
    if model.saved in context.tried:
        return context.tried[model.saved]
    data = context.data.validation
    context.progress(0, 0, "a quick check on validation texts")
    logits = logits_of(model.network, Encoder(model.folder), data.texts, context.check)
    truth = np.asarray(data.labels)
    comparison = Comparison(
        quality=paired_difference(classification.scores(reference, truth), classification.scores(logits, truth)),
        same_answers=same_answers(reference, logits),
        answers=len(truth),
    )
    return Measurement(runtime="torch", precision="in memory", quality=quality_of(logits, data.labels)), comparison


def floor_broken(number: int, step: Technique, comparison: Comparison, floor: float | None) -> str:
    """A sentence where the loss is beyond the floor (in points) and no noise, else ""."""
    found = comparison.quality
    if floor is None or found is None or found.p_value >= NOISE or -100 * found.value <= floor:
        return ""
    return (
        f"The quality floor was broken at step {number} ({step.name}): {-100 * found.value:.1f} points lost on "
        f"validation texts, more than the {floor:g} allowed. The model as it was before this step is kept."
    )
