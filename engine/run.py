"""A run and its figures: plain numbers, JSON in and out. `run.json` holds exactly a `Run`.

    {"id": "...", "recipe": {...}, "environment": {...}, "status": "finished", "reason": "",
     "verified": true, "baseline": {...}, "optimized": {...}, "comparison": {...},
     "steps": [...], "folder": "...", "model_folder": "model", "started": 1e9, "seconds": 41.2}

Units: bytes, milliseconds, texts per second, shares between 0 and 1. A quality difference is
optimized minus original, in the metric's own unit (0.002 is 0.2 points of accuracy).
"""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Any

from engine.files import write_text_atomically
from engine.technique import Frozen


class Status(StrEnum):
    """Why a run ended (or that it has not)."""

    RUNNING = "running"
    FINISHED = "finished"
    FLOOR_BROKEN = "floor_broken"
    OVER_LIMIT = "over_limit"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Quality(Frozen):
    """A metric on `count` examples with its 95 % interval."""

    metric: str
    value: float
    low: float
    high: float
    count: int


class Latency(Frozen):
    """Time to answer one text (batch 1), tokenizing included, in milliseconds."""

    median_ms: float
    p95_ms: float
    repeats: int


class Throughput(Frozen):
    """Texts answered in a second in batches of `batch`, padded to the longest of each; 95 % interval."""

    batch: int
    per_second: float
    low: float
    high: float
    repeats: int


class Memory(Frozen):
    """Peak resident memory of the measuring process, and what its libraries took before the model was loaded."""

    peak_bytes: int
    libraries_bytes: int


class Measurement(Frozen):
    """What was read off a saved folder in a fresh process; a quick check fills in only what it measured."""

    runtime: str
    precision: str
    size_bytes: int | None = None
    quality: Quality | None = None
    latency: Latency | None = None
    throughput: Throughput | None = None
    memory: Memory | None = None
    threads: int = 0
    busy: float = 0.0
    """Share of the processor that other programs used just before timing; above 0.25 speeds are rough."""


class Ratio(Frozen):
    """How many times better than the original, with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


class Difference(Frozen):
    """Paired difference (optimized − original), its 95 % interval and two-sided p-value."""

    value: float
    low: float
    high: float
    p_value: float


class Comparison(Frozen):
    """Optimized against original; ratios above 1 are better (smaller, faster)."""

    size: float | None = None
    latency: Ratio | None = None
    throughput: Ratio | None = None
    quality: Difference | None = None
    same_answers: int = 0
    answers: int = 0
    verdict: str = ""


class StepRecord(Frozen):
    """What one step did: how long it took, and the quick check after it (on validation data)."""

    name: str
    title: str
    seconds: float
    note: str = ""
    check: Quality | None = None
    difference: Difference | None = None


class Certificate(Frozen):
    """`bozzetto.json` inside a shipped folder: what it is, how it was made, what was measured."""

    recipe: dict[str, Any]
    environment: dict[str, str]
    baseline: Measurement
    optimized: Measurement
    comparison: Comparison
    sha256: dict[str, str]


class Run(Frozen):
    """One run, whatever its end; see the module's docstring for the JSON."""

    id: str
    recipe: dict[str, Any]
    environment: dict[str, str]
    status: Status = Status.RUNNING
    reason: str = ""
    verified: bool = False
    baseline: Measurement | None = None
    optimized: Measurement | None = None
    comparison: Comparison | None = None
    steps: tuple[StepRecord, ...] = ()
    folder: str
    model_folder: str = "model"
    baseline_key: str = ""
    started: float
    seconds: float = 0.0
    process: int = 0
    process_started: float = 0.0

    @property
    def model_path(self) -> Path:
        """Where the optimized model lies (it exists only where a step succeeded)."""
        return Path(self.folder) / self.model_folder

    def save(self) -> None:
        """Write `run.json` in the run's folder, whole or not at all."""
        write_text_atomically(Path(self.folder) / "run.json", json.dumps(self.model_dump(mode="json"), indent=1))
