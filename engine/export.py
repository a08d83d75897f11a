"""Shipping a run's model: the very folder that was measured, or another format, measured anew.

The same format is a copy, checked against the certificate's hashes. Another format is written from
the weights that the run kept, then loaded in a fresh process and measured like any result: nothing
leaves without its own figures.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from engine import finishing
from engine.artifact import check_hashes, read_certificate, size_of
from engine.baseline import baseline_of, load_again
from engine.context import Context
from engine.errors import Refused
from engine.events import Emit
from engine.measure.referee import Referee
from engine.models.model import open_kept
from engine.models.profile import RuntimeName, Storage
from engine.recipe import recipe_from
from engine.recording import disk_trouble
from engine.run import Run
from engine.runtimes import runtime_named, runtime_of
from engine.tasks import task_named


@dataclass(frozen=True)
class Exported:
    """What was shipped, and whether plain `from_pretrained` loads it."""

    folder: str
    size_bytes: int
    loads_plainly: bool
    note: str


def export(run: Run, runtime: RuntimeName, folder: Path, emit: Emit, cancelled: Callable[[], bool]) -> Exported:
    """Put the run's model at `folder` (new or empty) for `runtime`. Raises `Refused` or `Cancelled`.

    It is made beside `folder` and then renamed: what is there is whole.
    """
    certificate = read_certificate(run.model_path)
    if certificate is None or not run.verified:
        raise Refused(f"Run {run.id} has no verified folder to export. Run its recipe again.")
    folder = folder.expanduser().absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused(f"{folder} is not empty. Choose a new folder, so that nothing of yours is overwritten.")
    if folder.is_relative_to(Path(run.folder).absolute()):
        raise Refused(f"{folder} lies inside the run that is to be exported. Choose a folder elsewhere.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
            made = Path(scratch) / "model"
            held = runtime_of(run.model_path)
            if held is not None and runtime == held.name:
                found = _copy(run, made, certificate.sha256, runtime)
            else:
                found = _convert(run, runtime, made, emit, cancelled)
            if folder.exists():
                folder.rmdir()
            made.rename(folder)
    except OSError as error:
        raise Refused(f"Nothing was exported. {disk_trouble(error)}") from error
    return replace(found, folder=str(folder))


def _copy(run: Run, folder: Path, hashes: dict[str, str], runtime: RuntimeName) -> Exported:
    check_hashes(run.model_path, hashes)
    shutil.copytree(run.model_path, folder)
    check_hashes(folder, hashes)
    plainly = runtime == "torch"
    return Exported(str(folder), size_of(folder), plainly, "The very folder that was measured.")


def _convert(run: Run, runtime: RuntimeName, folder: Path, emit: Emit, cancelled: Callable[[], bool]) -> Exported:
    from engine.methods.low_rank import fit_factors

    recipe = recipe_from(run.recipe)
    model = open_kept(_weights(run), fit_factors)
    storage = Storage(runtime=runtime, bits=_bits(run))  # type: ignore[arg-type]
    model = model.with_profile(model.profile.model_copy(update={"storage": storage}))
    target = runtime_named(runtime)
    if problem := target.missing() or target.refusal(model.profile):
        raise Refused(problem)
    baseline = baseline_of(run)
    data = load_again(baseline, recipe, model.profile.labels)
    context = Context(
        emit=emit,
        cancelled=cancelled,
        data=data,
        task=task_named(data.task),
        scratch=folder.parent,
        seed=recipe.seed,
        teacher=model.copy,
    )
    with Referee(baseline, data, context.check) as referee:
        finishing.save(model, folder, context)
        found = finishing.judge(folder, model, context, referee, run.recipe, run.environment)
    plainly = runtime == "torch" and not model.profile.uneven
    return Exported(str(folder), size_of(folder), plainly, found.comparison.verdict)


def _weights(run: Run) -> Path:
    kept = Path(run.folder) / "weights"
    return kept if kept.is_dir() else run.model_path


def _bits(run: Run) -> int:
    return int((run.optimized.precision if run.optimized else "32 bits").split()[0])
