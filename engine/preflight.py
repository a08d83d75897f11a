"""Before a run: how long, how much memory and disk, and what stands in the way. Light: no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.device import free_disk, free_memory, this_machine
from engine.models.memory import EXPORTING, FULL_BYTES, LIBRARIES_BYTES, Memory, run_memory
from engine.models.profile import Profile, RuntimeName
from engine.recipe import Recipe
from engine.store import home
from engine.tasks.base import Task
from engine.technique import Frozen, Technique
from engine.techniques import estimates
from engine.techniques.distill import Distill
from engine.techniques.fine_tune import FineTune
from engine.techniques.prune import Prune
from engine.techniques.quantize import Quantize
from engine.techniques.train_head import TrainHead

FIXED_SECONDS = 40.0
MEASURING = 2
"""Copies in other processes: the original waits in one to be timed against, the result answers in another."""
KEEPING = 2
"""Copies besides while training: the best weights seen on validation data, and those seen after them."""
BATCH_TOKENS = 4096
"""Tokens in a batch for training at most: 8 windows of 512, or 32 texts of 128."""


class Preflight(Frozen):
    """The line above the Run button. `problems` are sentences; with one of them the run is refused."""

    seconds: float
    memory_bytes: int
    disk_bytes: int
    problems: tuple[str, ...] = ()


def preflight(
    recipe: Recipe, profile: Profile, task: Task, out: Path | None = None, model: Path | None = None
) -> Preflight:
    """Arithmetic on the recipe and the model's profile, against what this machine has free now (at `out`, too).

    With the `model`'s folder, its files are asked as well where a profile does not tell whether a step fits.
    """
    minutes = [_minutes(step) for step in recipe.steps]
    memory = peak_memory(recipe, profile, task)
    last = estimates(recipe.steps, profile)[-1].size_bytes if recipe.steps else profile.original_bytes
    disk = 2 * profile.original_bytes + 3 * last + 50_000_000
    seconds = FIXED_SECONDS + 60 * sum(minutes) + memory.weights / 2e7
    if recipe.limits.time_minutes is not None:
        seconds = min(seconds, FIXED_SECONDS + 60 * recipe.limits.time_minutes)
    return Preflight(
        seconds=seconds,
        memory_bytes=memory.peak,
        disk_bytes=disk,
        problems=(*_lacking(memory, disk, (home(), out or home())), *_problems(recipe, profile, task, model)),
    )


def peak_memory(recipe: Recipe, profile: Profile, task: Task) -> Memory:
    """What the run holds at its fullest, counted in copies of the model in 32 bits (4 bytes a parameter).

    | while                    | copies                                                                          |
    |--------------------------|---------------------------------------------------------------------------------|
    | a step is taken          | the network, the one before it if there is a floor, the original in a process   |
    | a step trains            | and gradients and AdamW's two moments (with the weights 16 bytes a parameter),  |
    |                          | the best weights yet and the latest; for distillation the teacher, and the      |
    |                          | model itself where the student is another network (narrower, or another model)  |
    | the result is written    | the network, the original in a process, and `EXPORTING` for its format          |
    | the result is measured   | the network, and `MEASURING` processes                                          |

    Measured on a BERT of 81 million parameters (325 MB) on Linux, in copies beyond the libraries' 471 MB: opened 1.1,
    with its copy 2.0, after two steps of AdamW with 32 tokens 4.2 and with 256 tokens 4.8; with the network itself
    while 8 bits are written for OpenVINO 4.2 (16 bits: 1.5) and for ONNX Runtime 6.1.
    """
    floor = int(recipe.limits.max_quality_loss is not None)
    found = [run_memory(profile, copies=1 + MEASURING, libraries=LIBRARIES_BYTES)]
    for step in recipe.steps:
        held = 1 + (0 if step.last or step.prepares else floor + 1)
        training = _minutes(step) > 0
        held += (KEEPING if training else 0) + _taught_beside(step)
        held += 1 + max(EXPORTING[name] for name in _formats(step, profile)) if step.last else 0
        found.append(
            run_memory(
                profile,
                copies=held,
                training=training,
                texts=task.batch_size if training else 1,
                tokens=BATCH_TOKENS // task.batch_size,
                libraries=LIBRARIES_BYTES,
            )
        )
    return max(found, key=lambda memory: memory.peak)


def _taught_beside(step: Technique) -> int:
    """Other networks that are held while a student learns; counted as large as the original, which none exceeds."""
    return 1 + int(bool(step.student) or step.width < 1.0) if isinstance(step, Distill) else 0


def _minutes(step: object) -> float:
    if isinstance(step, (Distill, TrainHead, FineTune)):
        return step.minutes
    return step.recovery_minutes if isinstance(step, Prune) else 0.0


def _formats(step: Technique, profile: Profile) -> Sequence[RuntimeName]:
    """The runtimes that a last step may write for; with "auto" all that could be chosen are tried."""
    found = step.candidates(profile) if isinstance(step, Quantize) else []
    return found or ["torch"]


def _lacking(memory: Memory, disk: int, places: tuple[Path, Path]) -> list[str]:
    """What this machine has too little of."""
    problems = []
    if memory.peak > free_memory():
        problems.append(_too_little_memory(memory))
    tightest = min(places, key=free_disk)
    if disk > free_disk(tightest):
        problems.append(
            f"This needs about {disk / 1e9:.1f} GB of disk; {free_disk(tightest) / 1e9:.1f} GB are free at {tightest}. "
            "Free some, or set BOZZETTO_HOME (or --out) to a folder on a larger disk."
        )
    return problems


def _too_little_memory(memory: Memory) -> str:
    """The arithmetic in words."""
    there, free = this_machine().memory, free_memory()
    count = memory.parameters
    numbers = f"{count / 1e9:.1f} billion" if count >= 1e9 else f"{count / 1e6:,.0f} million"
    told = (
        f"The weights need {memory.weights / 1e9:.1f} GB in 32 bits ({numbers} numbers × {FULL_BYTES} bytes). At its "
        f"fullest this run holds {memory.copies} times as much, with {memory.beside / 1e9:.1f} GB for a batch and "
        f"{memory.libraries / 1e9:.1f} GB for libraries {memory.peak / 1e9:.1f} GB; this machine has "
        f"{there / 1e9:.1f} GB, {free / 1e9:.1f} GB of them free."
    )
    if memory.peak > there:
        return f"{told} Choose a smaller model or a larger machine; sizes and estimates are shown all the same."
    return f"{told} Close programs or choose a smaller model."


def _problems(recipe: Recipe, profile: Profile, task: Task, model: Path | None) -> list[str]:
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
        if refusal := step.refusal(left) or (model and step.misfit(model, task)):
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
