"""Runs on disk: one folder a run is the truth. History, and cleaning up.

    home/runs/<id>/run.json  events.jsonl  changed.jsonl  model/  weights/   (or elsewhere.txt, with --out)
    home/baselines/<key>/    the original as saved and measured
    home/models/             materialised starters

Several windows may share a home: every run has a folder of its own, files are written whole or not
at all, and a run whose process is gone is shown as failed.
"""

from __future__ import annotations

import secrets
import shutil
import time
from pathlib import Path

import psutil

from engine.errors import Refused
from engine.files import home
from engine.run import Run, Status

ELSEWHERE = "elsewhere.txt"
BUILDING = ".building-"
"""Begins the name of an original that is being made; the process that makes it comes next."""


def runs_folder() -> Path:
    """The folder of all runs (it may not exist yet)."""
    return home() / "runs"


def new_run_folder(out: Path | None = None) -> tuple[str, Path]:
    """A new id and its folder, made. With `out`, the run lies there and the history points to it."""
    run_id = time.strftime("%Y%m%d-%H%M%S-") + secrets.token_hex(3)
    own = runs_folder() / run_id
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    own.mkdir(parents=True)
    if out is None:
        return run_id, own
    (own / ELSEWHERE).write_text(str(out.resolve()), encoding="utf-8")
    return run_id, out


def run_in(folder: Path) -> Run | None:
    """The run whose record lies in `folder`, as it stands; None where there is none that can be read."""
    try:
        run = Run.model_validate_json((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if run.status is Status.RUNNING and not _alive(run):
        reason = "The engine's process ended before the run did (killed, or out of memory)."
        run = run.model_copy(update={"status": Status.FAILED, "reason": reason})
    return run.model_copy(update={"folder": str(folder)})


def tidy() -> None:
    """Remove what killed processes left behind: half-made originals, and the scratch folders of dead runs."""
    for place in (home() / "baselines").glob(f"{BUILDING}*"):
        if not psutil.pid_exists(int(place.name.removeprefix(BUILDING).partition("-")[0])):
            shutil.rmtree(place, ignore_errors=True)
    for run in list_runs():
        work = Path(run.folder) / "work"
        if run.status is Status.FAILED and work.is_dir():
            shutil.rmtree(work, ignore_errors=True)


def list_runs() -> list[Run]:
    """All runs that can be read, newest first. A run whose process died is told as failed."""
    found = [_read(folder) for folder in sorted(runs_folder().glob("*"), reverse=True)]
    # By the clock, not by the id, whose time is in whole seconds.
    return sorted((run for run in found if run is not None), key=lambda run: run.started, reverse=True)


def read_run(run_id: str) -> Run:
    """One run; raises `Refused` where there is none of that id."""
    run = _read(runs_folder() / Path(run_id).name)
    if run is None:
        raise Refused(f"There is no run '{run_id}' in {runs_folder()}. `bozzetto runs` lists those there are.")
    return run


def delete_run(run_id: str) -> None:
    """Remove a run and its folder; a run still going is refused. What lies under `--out` is left alone."""
    run = read_run(run_id)
    if run.status is Status.RUNNING:
        raise Refused(f"Run {run_id} is still going. Cancel it first, then delete it.")
    own = runs_folder() / Path(run_id).name
    # Renamed first: another window sees the run or does not, never half of it.
    doomed = own.with_name(f".deleted-{own.name}-{secrets.token_hex(3)}")
    own.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def _read(folder: Path) -> Run | None:
    if folder.name.startswith("."):
        return None
    pointer = folder / ELSEWHERE
    try:
        place = Path(pointer.read_text(encoding="utf-8")) if pointer.is_file() else folder
    except (OSError, UnicodeDecodeError):
        return None
    run = run_in(place)
    if run is not None and pointer.is_file() and run.id != folder.name:
        return None  # a later run was written to the same --out folder
    return run


def _alive(run: Run) -> bool:
    """Whether the very process that wrote the record still lives (ids are used again, so the start time counts)."""
    try:
        return abs(psutil.Process(run.process).create_time() - run.process_started) < 2.0
    except (psutil.Error, ValueError):
        return False
