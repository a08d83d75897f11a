"""A run and its figures: plain numbers, JSON in and out. `run.json` holds exactly a `Run`.

    {"id": "...", "recipe": {...}, "environment": {...}, "status": "finished", "reason": "",
     "verified": true, "baseline": {...}, "optimized": {...}, "comparison": {...},
     "steps": [...], "folder": "...", "model_folder": "model", "started": 1e9, "seconds": 41.2}

Units: bytes, milliseconds, texts (or tokens) per second, shares between 0 and 1. A quality difference
is optimized minus original, in the metric's own unit (0.002 is 0.2 points of accuracy); for perplexity
it is the share by which it fell (-0.01 is one percent worse). Positive is always better.
"""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import Field

from engine.files import write_text_atomically
from engine.technique import Frozen

RAW_METRICS = ("perplexity", "KL divergence", "loss")
"""Metrics that are no share of answers: written as they are, not in percent. Lower is better."""


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

    @property
    def in_words(self) -> str:
        """The metric and its value: "accuracy 91.2 %", "perplexity 31.40"."""
        return f"{self.metric} {self.written}"

    @property
    def written(self) -> str:
        """The value alone: a share in percent, anything else as it is."""
        return f"{self.value:.2f}" if self.metric in RAW_METRICS else f"{self.value:.1%}".replace("%", " %")


class Latency(Frozen):
    """Time of one text (batch 1), tokenizing included; for language models, of one token written. Milliseconds."""

    median_ms: float
    p95_ms: float
    repeats: int


class Throughput(Frozen):
    """Texts answered in a second in batches of `batch`, padded to the longest of each; 95 % interval.

    For language models: tokens of a prompt of `batch` tokens read in a second.
    """

    batch: int
    per_second: float
    low: float
    high: float
    repeats: int


class Speed(Frozen):
    """How fast one kind of work is done: units ("texts", "tokens") a second, and milliseconds a unit."""

    name: str
    unit: str
    per_second: float
    low: float
    high: float
    median_ms: float
    p95_ms: float
    repeats: int


class Written(Frozen):
    """What a language model wrote after a few prompts: shares between 0 and 1.

    `distinct` are the shares of different 1-, 2- and 3-grams; `repeated` is the share of tokens that
    only repeat the span just before them.
    """

    distinct: tuple[float, float, float]
    repeated: float
    samples: tuple[str, ...]
    tokens: int


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
    task: str = "classification"
    qualities: tuple[Quality, ...] = ()
    """All metrics, `quality` first."""
    speeds: tuple[Speed, ...] = ()
    """All kinds of work; `latency` and `throughput` are the first two."""
    written: Written | None = None
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
    qualities: dict[str, Difference] = Field(default_factory=dict)
    """Metric → difference, for all metrics that can be paired."""
    speeds: dict[str, Ratio] = Field(default_factory=dict)
    collapse: str = ""
    """A sentence where what the model writes has fallen into a loop."""
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
