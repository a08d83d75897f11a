"""Choosing the runtime: write the model for each candidate, try it in a fresh process, keep the best."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.errors import Refused
from engine.run import Comparison
from engine.runtimes import Batch, runtime_named

if TYPE_CHECKING:
    from engine.context import Context
    from engine.models.model import Model
    from engine.techniques.quantize import Aim, Quantize


def keep_best_route(model: Model, technique: Quantize, context: Context) -> Model:
    """The model saved for the candidate that is fastest for the aim among those above the floor.

    Where none stays above the floor, the one that lost least is kept: the runner's check then says so.
    """
    calibration = calibration_batches(model, context, technique.calibration_texts)
    tried: list[tuple[Model, Comparison]] = []
    problems: list[str] = []
    for name in technique.candidates(model.profile):
        try:
            narrowed = protect(model.with_profile(technique.stored(model.profile, name)), calibration, context)
            saved = save_as(narrowed, calibration, context)
            _, comparison = context.trial(saved.saved, f"{technique.bits} bits")  # type: ignore[arg-type]
        except Refused as refusal:
            problems.append(str(refusal))
            context.note(str(refusal), warning=True)
            continue
        tried.append((saved, comparison))
        context.note(f"{runtime_named(name).title} on a sample: {comparison.verdict}")
    if not tried:
        raise Refused(problems[0])
    best = choose(tried, technique.aim, context.max_quality_loss)
    for saved, _ in tried:
        if saved is not best:
            shutil.rmtree(saved.saved, ignore_errors=True)  # type: ignore[arg-type]
    context.note(f"Kept {runtime_named(best.storage.runtime).title}.")
    return best


def choose(tried: list[tuple[Model, Comparison]], aim: Aim, max_loss: float | None) -> Model:
    """Fastest for the aim above the floor; a loss within noise does not count against a route."""

    def lost(comparison: Comparison) -> float:
        found = comparison.quality
        return 0.0 if found is None or found.p_value >= 0.05 else -100.0 * found.value

    good = [entry for entry in tried if max_loss is None or lost(entry[1]) <= max_loss]
    if not good:
        return min(tried, key=lambda entry: lost(entry[1]))[0]
    return max(good, key=lambda entry: merit(entry[1], aim))[0]


def merit(comparison: Comparison, aim: Aim) -> float:
    """How fast, for the aim: one text, batches, or the product of both."""
    one = comparison.latency.value if comparison.latency else 1.0
    many = comparison.throughput.value if comparison.throughput else 1.0
    return {"latency": one, "throughput": many, "balanced": one * many}[aim]


def save_as(model: Model, calibration: list[Batch], context: Context) -> Model:
    """Write `model` in a scratch folder as its storage says; refused where the runtime cannot hold it."""
    target = runtime_named(model.storage.runtime)
    problem = target.missing() or target.refusal(model.profile)
    if problem:
        raise Refused(problem)
    folder = context.scratch / f"{target.name}-{model.storage.bits}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    target.save(model, folder, calibration, lambda message: context.progress(0, 0, f"{target.title}: {message}"))
    return replace(model, saved=folder)


def protect(model: Model, calibration: list[Batch], context: Context) -> Model:
    """The same model, its storage naming the layers that stay at 8 bits; text generators at 4 bits only."""
    storage = model.storage
    if storage.bits != 4 or not storage.kept or not model.profile.writes:
        return model
    from engine.methods.sensitivity import layer_sensitivity, most_sensitive

    def told(done: int, total: int) -> None:
        context.progress(done, total, "finding the layers that need 8 bits")

    found = layer_sensitivity(model, calibration, storage.group_size, told)
    names = most_sensitive(model, found, storage.kept)
    for place, (_, nats) in enumerate(found):
        context.curve("sensitivity", place, nats)
    worst = max(found, key=lambda entry: entry[1])
    context.note(
        f"{len(names)} of {len(found)} layers stay at 8 bits. At 4 bits alone, {worst[0]} would change the model's "
        f"words most ({worst[1]:.4f} nats a token)."
    )
    kept = storage.model_copy(update={"protected": names})
    return model.with_profile(model.profile.model_copy(update={"storage": kept}))


def calibration_batches(model: Model, context: Context, count: int) -> list[Batch]:
    """Training examples, one a batch, at their natural length."""
    return context.task.calibration(context.data.train.first(count), context.task.encoder(model.folder))
