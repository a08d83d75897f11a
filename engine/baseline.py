"""The original, saved and measured once: kept between runs, keyed by everything that could change it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from engine.artifact import size_of
from engine.data.reading import load
from engine.data.source import inspect
from engine.data.splits import Splits
from engine.device import environment, threads
from engine.errors import Refused
from engine.files import sha256_of_all
from engine.measure.referee import Baseline, Say, measure_original
from engine.models.companions import companion_files
from engine.models.model import Model
from engine.models.profile import read_profile
from engine.recipe import Recipe
from engine.run import Measurement, Run
from engine.runtimes import runtime_named
from engine.store import BUILDING, home
from engine.tasks import task_named

DATA = "data.sha256"
FORMAT = "4"
"""Part of the key: raise it when what is measured changes its meaning."""


def baseline_key(folder: Path, data: Splits, preparation: str) -> str:
    """A hash over the model's content, the data, how the original was prepared, machine and versions.

    Training texts count only where the original was trained on them, so that another seed, which
    draws others, finds the same original.
    """
    kinds = (".json", ".safetensors", ".txt", ".model", ".py")
    inside = {path for path in folder.iterdir() if path.is_file() and path.suffix in kinds}
    files = sorted(inside | {folder / name for name in companion_files(folder)})
    parts = [
        FORMAT,
        sha256_of_all(files),
        judged_by(data),
        preparation and preparation + data.key,
        str(threads()),
        json.dumps(environment(), sort_keys=True),
    ]
    return sha256("\n".join(parts).encode()).hexdigest()[:32]


def judged_by(data: Splits) -> str:
    """A hash over what quality is read off: task, labels, validation and test."""
    parts = (data.validation, data.test)
    read = [data.task, data.label_names, *((part.texts, part.labels, part.corpus) for part in parts)]
    return sha256(json.dumps(read).encode()).hexdigest()


def find_baseline(key: str) -> Baseline | None:
    """The kept one, or None where there is none that is whole."""
    place = home() / "baselines" / key
    try:
        measurement = Measurement.model_validate_json((place / "measurement.json").read_text(encoding="utf-8"))
        validation = np.load(place / "validation.npy", allow_pickle=False)
        test = np.load(place / "test.npy", allow_pickle=False)
        whole = size_of(place / "model") == measurement.size_bytes
    except (OSError, ValueError, EOFError):
        return None
    return Baseline(place / "model", key, measurement, validation, test) if whole else None


def make_baseline(key: str, model: Model, data: Splits, check: Callable[[], None], say: Say) -> Baseline:
    """Save `model` as it is, measure it in a fresh process, and keep both under `key`."""
    place = home() / "baselines" / key
    building = place.with_name(f"{BUILDING}{os.getpid()}-{secrets.token_hex(3)}")
    (building / "model").mkdir(parents=True)
    try:
        say(0, 0, "saving the original")
        runtime_named("torch").save(model, building / "model", [], lambda message: say(0, 0, message))
        measurement, validation, test = measure_original(building / "model", data, check, say, keep=building)
        np.save(building / "validation.npy", validation)
        np.save(building / "test.npy", test)
        (building / DATA).write_text(judged_by(data), encoding="utf-8")
        (building / "measurement.json").write_text(measurement.model_dump_json(), encoding="utf-8")
        _put_in_place(building, place)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return Baseline(place / "model", key, measurement, validation, test)


def baseline_of(run: Run) -> Baseline:
    """The kept original that `run` was compared with. Raises `Refused` where it is gone."""
    kept = find_baseline(run.baseline_key) if run.baseline_key else None
    if kept is None:
        raise Refused("The original that this run was measured against is no longer kept here. Run its recipe again.")
    return kept


def load_again(baseline: Baseline, recipe: Recipe, labels: Sequence[str] | None) -> Splits:
    """The data that `baseline` was judged by. Raises `Refused` where they have changed since."""
    found = inspect(recipe.source)
    budget = task_named(found.task).budget(read_profile(baseline.folder).parameters)
    data = load(recipe.source, labels, recipe.seed, budget, found=found)
    if (baseline.folder.parent / DATA).read_text(encoding="utf-8") != judged_by(data):
        raise Refused("The data have changed since this run, so nothing can be compared with it. Run its recipe again.")
    return data


def _put_in_place(building: Path, place: Path) -> None:
    """Another window may have made the same one meanwhile: then that one stays."""
    try:
        os.replace(building, place)
    except OSError:
        if find_baseline(place.name) is None:
            shutil.rmtree(place, ignore_errors=True)
            os.replace(building, place)
