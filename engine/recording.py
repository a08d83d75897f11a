"""What a run leaves behind while it goes: run.json, events.jsonl, and sentences for surprises."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from engine import store
from engine.device import environment
from engine.errors import Refused
from engine.events import Emit, Event, RunFinished
from engine.recipe import Recipe
from engine.run import Run, Status

LOG = logging.getLogger(__name__)
FILES = ("run.json", "events.jsonl", "changed.jsonl")
FOLDERS = ("model", "weights", "work")
FULL = (errno.ENOSPC, errno.EDQUOT)
DISK = (*FULL, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR)
DISK_FULL = ("No space left on device", "os error 28")
NO_MEMORY = ("can't allocate memory", "not enough memory", "bad_alloc", "bad allocation")
"""Words of libraries whose errors carry no number."""


def new_record(recipe: Recipe, out: Path | None) -> Run:
    """A run that begins now, in a folder of its own or in `out`. Raises `Refused` where it cannot lie there."""
    store.tidy()
    try:
        if out is not None:
            _clear(out, recipe)
        run_id, folder = store.new_run_folder(out)
        record = Run(
            id=run_id,
            recipe=recipe.model_dump(mode="json"),
            environment=environment(),
            folder=str(folder.resolve()),
            started=time.time(),
            process=os.getpid(),
            process_started=psutil.Process().create_time(),
        )
        record.save()
    except OSError as error:
        raise Refused(f"The run's folder cannot be written: {disk_trouble(error)}") from error
    return record


def _clear(folder: Path, recipe: Recipe) -> None:
    """Clear `folder` of an earlier run's files, and of nothing that anyone else made or still needs."""
    there = [folder / name for name in (*FILES, *FOLDERS) if (folder / name).exists()]
    if not there:
        return
    earlier = store.run_in(folder)
    if earlier is None:
        raise Refused(
            f"{folder} already holds '{there[0].name}', which no run of Bozzetto made. "
            "Choose another folder, so that nothing of yours is overwritten."
        )
    if earlier.status is Status.RUNNING:
        raise Refused(f"Another run is writing to {folder}. Wait for it, or choose another folder.")
    needed = [Path(name).absolute() for name in (recipe.model, recipe.source.path)]
    for place in there:
        if any(path.is_relative_to(place.absolute()) for path in needed):
            raise Refused(f"The recipe reads {place}, which this run would overwrite. Choose another folder.")
    for place in there:
        _remove(place)


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink()


@contextlib.contextmanager
def recorded(folder: Path, emit: Emit) -> Iterator[Emit]:
    """An emit that also writes each event to `events.jsonl`; the last one is told whatever the disk says."""
    with (folder / "events.jsonl").open("wb", buffering=0) as file:

        def say(event: Event) -> None:
            try:
                file.write(event.model_dump_json().encode() + b"\n")
            except OSError:
                if not isinstance(event, RunFinished):
                    raise
                LOG.exception("the last event was not written")
            emit(event)

        yield say


def closed(record: Run) -> Run:
    """The record of a run that is over, saved; what was not verified is removed, so that nobody ships it."""
    folder = Path(record.folder)
    for name in ("work",) if record.verified else ("work", "model", "weights"):
        shutil.rmtree(folder / name, ignore_errors=True)
    try:
        record.save()
    except OSError as error:
        LOG.exception("run.json was not written")
        reason = record.reason or f"The run is over, but its record could not be written: {disk_trouble(error)}"
        status = Status.FAILED if record.status is Status.FINISHED else record.status
        record = record.model_copy(update={"status": status, "reason": reason})
    return record


def surprise(error: BaseException) -> str:
    """A sentence for what nobody foresaw; the traceback is in the log."""
    text = str(error)
    if isinstance(error, MemoryError) or any(sign in text for sign in NO_MEMORY):
        return "There was not enough memory. Close other programs or choose a smaller model."
    if getattr(error, "errno", None) in DISK or any(sign in text for sign in DISK_FULL):
        return disk_trouble(error)
    first = (text.strip().splitlines() or ["no reason given"])[0].rstrip(".")
    return (
        f"Something went wrong that Bozzetto did not foresee ({type(error).__name__}: {first}). "
        f"The details are in {store.home() / 'log.txt'}."
    )


def disk_trouble(error: BaseException) -> str:
    """A sentence for a file that could not be written (libraries in other languages tell errno only in words)."""
    if getattr(error, "errno", None) in FULL or any(sign in str(error) for sign in DISK_FULL):
        return "The disk is full. Free some space, or set BOZZETTO_HOME (or --out) to a folder on a larger disk."
    why = getattr(error, "strerror", None) or str(error)
    where = getattr(error, "filename", None) or "a file"
    return f"{where}: {why}. Choose a folder that you may write to (for Bozzetto's own files, set BOZZETTO_HOME)."
