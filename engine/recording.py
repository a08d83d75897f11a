"""What a run leaves behind while it goes: run.json, events.jsonl, and sentences for surprises."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from engine.device import environment
from engine.events import Emit, Event
from engine.recipe import Recipe
from engine.run import Run

MADE_BY_RUNS = ("run.json", "events.jsonl", "changed.jsonl", "log.txt")
FOLDERS_MADE_BY_RUNS = ("model", "weights", "work")


def new_record(recipe: Recipe, run_id: str, folder: Path) -> Run:
    """A run that begins now, in a folder cleared of an earlier run's files (and of nothing else)."""
    for name in MADE_BY_RUNS:
        (folder / name).unlink(missing_ok=True)
    for name in FOLDERS_MADE_BY_RUNS:
        shutil.rmtree(folder / name, ignore_errors=True)
    record = Run(
        id=run_id,
        recipe=recipe.model_dump(mode="json"),
        environment=environment(),
        folder=str(folder),
        started=time.time(),
        process=os.getpid(),
        process_started=psutil.Process().create_time(),
    )
    record.save()
    return record


@contextlib.contextmanager
def recorded(folder: Path, emit: Emit) -> Iterator[Emit]:
    """An emit that also writes each event to `events.jsonl`."""
    with (folder / "events.jsonl").open("w", encoding="utf-8") as file:

        def say(event: Event) -> None:
            file.write(event.model_dump_json() + "\n")
            file.flush()
            emit(event)

        yield say


def surprise(error: Exception) -> str:
    """A sentence for what nobody foresaw; the traceback is in the log."""
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        return "There was not enough memory. Close other programs or choose a smaller model."
    if isinstance(error, OSError) and error.errno == 28:
        return "The disk is full. Free some space, or set BOZZETTO_HOME to a larger disk."
    first = (str(error).strip().splitlines() or [""])[0]
    return f"Something went wrong that Bozzetto did not foresee ({type(error).__name__}: {first}). See the log."
