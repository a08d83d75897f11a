"""Before a run: how long, how much memory and disk, and what stands in the way. Light: no torch."""

from __future__ import annotations

from pathlib import Path

from engine.device import free_disk, free_memory
from engine.models.profile import Profile
from engine.recipe import Recipe
from engine.store import home
from engine.tasks.base import Task
from engine.technique import Frozen
from engine.techniques import estimates
from engine.techniques.distill import Distill
from engine.techniques.prune import Prune
from engine.techniques.quantize import Quantize
from engine.techniques.train_head import TrainHead

LIBRARIES_BYTES = 1_100_000_000
"""Resident memory of torch, transformers, OpenVINO and NNCF together, as measured."""
FIXED_SECONDS = 40.0


class Preflight(Frozen):
    """The line above the Run button. `problems` are sentences; with one of them the run is refused."""

    seconds: float
    memory_bytes: int
    disk_bytes: int
    problems: tuple[str, ...] = ()


def preflight(recipe: Recipe, profile: Profile, task: Task, out: Path | None = None) -> Preflight:
    """Arithmetic on the recipe and the model's profile, against what this machine has free now (at `out`, too)."""
    weights = 4 * profile.parameters
    minutes = [_minutes(step) for step in recipe.steps]
    # The original and its copy here, one more in each of two measuring processes, and while
    # training the gradients and Adam's two moments.
    copies = 5 + (4 if any(minutes) else 0)
    memory = LIBRARIES_BYTES + copies * weights
    last = estimates(recipe.steps, profile)[-1].size_bytes if recipe.steps else profile.original_bytes
    disk = 2 * profile.original_bytes + 3 * last + 50_000_000
    seconds = FIXED_SECONDS + 60 * sum(minutes) + weights / 2e7
    if recipe.limits.time_minutes is not None:
        seconds = min(seconds, FIXED_SECONDS + 60 * recipe.limits.time_minutes)
    return Preflight(
        seconds=seconds,
        memory_bytes=memory,
        disk_bytes=disk,
        problems=(*_lacking(profile, memory, disk, (home(), out or home())), *_problems(recipe, profile, task)),
    )


def _minutes(step: object) -> float:
    if isinstance(step, (Distill, TrainHead)):
        return step.minutes
    return step.recovery_minutes if isinstance(step, Prune) else 0.0


def _lacking(profile: Profile, memory: int, disk: int, places: tuple[Path, Path]) -> list[str]:
    """What this machine has too little of."""
    problems = []
    if memory > free_memory():
        problems.append(
            f"This needs about {memory / 1e9:.1f} GB of memory: {profile.parameters / 1e6:,.0f} million numbers of "
            f"4 bytes, held several times; {free_memory() / 1e9:.1f} GB are free. "
            "Close programs or choose a smaller model."
        )
    tightest = min(places, key=free_disk)
    if disk > free_disk(tightest):
        problems.append(
            f"This needs about {disk / 1e9:.1f} GB of disk; {free_disk(tightest) / 1e9:.1f} GB are free at {tightest}. "
            "Free some, or set BOZZETTO_HOME (or --out) to a folder on a larger disk."
        )
    return problems


def _problems(recipe: Recipe, profile: Profile, task: Task) -> list[str]:
    """What in the recipe does not fit the model or the task."""
    left = profile
    for step in recipe.steps:
        left = step.after(left) if step.prepares else left
    refused = task.refusal(left)
    problems = [refused] if refused else []
    left = profile
    for step in recipe.steps:
        if step.tasks and task.name not in step.tasks:
            problems.append(f"{step.title} is not for {task.technical}. Take that step out.")
        if refusal := step.refusal(left):
            problems.append(f"{step.title}: {refusal}")
        left = step.after(left)
    if not problems and recipe.limits.max_size_mb and recipe.steps:
        problems += _too_large(recipe, profile)
    return problems


def _too_large(recipe: Recipe, profile: Profile) -> list[str]:
    """Refused only where no runtime that may be chosen could hold the model in so little."""
    limit = (recipe.limits.max_size_mb or 0) * 1e6
    *before, last = recipe.steps
    left = profile
    for step in before:
        left = step.after(left)
    names = last.candidates(left) if isinstance(last, Quantize) else []
    ways = [last.model_copy(update={"runtime": name}) for name in names] or [last]
    least = min((way.estimate(left) for way in ways), key=lambda found: found.size_bytes)
    if least.size_bytes * (1 - least.size_error) <= limit:
        return []
    return [
        f"The folder would be {least.size_bytes / 1e6:.1f} MB, above the limit of {limit / 1e6:g} MB. "
        "Use fewer bits, take out more, or raise the limit."
    ]
