"""The original, saved and measured once: kept between runs, keyed by everything that could change it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np

from engine.data.splits import Splits
from engine.device import environment, threads
from engine.errors import Refused
from engine.files import sha256_of_all
from engine.measure.referee import Baseline, Say, measure_original
from engine.models.model import Model
from engine.run import Measurement, Run
from engine.runtimes import runtime_named
from engine.store import home

FORMAT = "1"
"""Part of the key: raise it when what is measured changes its meaning."""


def baseline_key(folder: Path, data: Splits, preparation: str) -> str:
    """A hash over the model's content, the data, how the original was prepared, machine and versions."""
    files = sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and path.suffix in (".json", ".safetensors", ".txt", ".model")
    )
    parts = [
        FORMAT,
        sha256_of_all(files),
        data.key,
        preparation,
        str(threads()),
        json.dumps(environment(), sort_keys=True),
    ]
    return sha256("\n".join(parts).encode()).hexdigest()[:32]


def find_baseline(key: str) -> Baseline | None:
    """The kept one, or None where there is none that can be read."""
    place = home() / "baselines" / key
    try:
        measurement = Measurement.model_validate_json((place / "measurement.json").read_text(encoding="utf-8"))
        validation = np.load(place / "validation.npy", allow_pickle=False)
        test = np.load(place / "test.npy", allow_pickle=False)
    except (OSError, ValueError):
        return None
    if not (place / "model" / "config.json").is_file():
        return None
    return Baseline(place / "model", key, measurement, validation, test)


def make_baseline(key: str, model: Model, data: Splits, check: Callable[[], None], say: Say) -> Baseline:
    """Save `model` as it is, measure it in a fresh process, and keep both under `key`."""
    place = home() / "baselines" / key
    building = place.with_name(f".building-{key}-{secrets.token_hex(3)}")
    (building / "model").mkdir(parents=True)
    try:
        say(0, 0, "saving the original")
        runtime_named("torch").save(model, building / "model", [], lambda message: say(0, 0, message))
        measurement, validation, test = measure_original(building / "model", data, check, say)
        np.save(building / "validation.npy", validation)
        np.save(building / "test.npy", test)
        (building / "measurement.json").write_text(measurement.model_dump_json(), encoding="utf-8")
        _put_in_place(building, place)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return Baseline(place / "model", key, measurement, validation, test)


def baseline_of(run: Run) -> Baseline:
    """The kept original that `run` was compared with; raises `Refused` where it is gone."""
    kept = find_baseline(run.baseline_key)
    if kept is None:
        raise Refused(
            "The original that this run was measured against is no longer kept here. Run its recipe again, then export."
        )
    return kept


def _put_in_place(building: Path, place: Path) -> None:
    """Another window may have made the same one meanwhile: then that one stays."""
    try:
        os.replace(building, place)
    except OSError:
        if find_baseline(place.name) is None:
            shutil.rmtree(place, ignore_errors=True)
            os.replace(building, place)
