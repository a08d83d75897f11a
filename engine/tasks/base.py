"""A task: what is asked of a model, how its answers are judged, and how its speed is taken. Knows no model.

A new task is one file and one line in `engine.tasks.TASKS`. Answers are one float32 array
[rows, figures] for a set of examples; only the task knows what its columns mean, so whoever keeps
the original's answers and compares them with another model's need not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from engine.data.splits import Budget
from engine.run import Comparison, Difference, Measurement, Quality

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn

    from engine.data.splits import Examples, Splits
    from engine.models.profile import Profile
    from engine.runtimes import Runtime
    from engine.tasks.encoding import Encoder

TaskName = Literal["classification", "language modelling", "sentence similarity"]
Done = Callable[[int], None]
"""Told how many examples are answered; raises to cancel."""
Piece = Callable[[str], None]
"""Told each piece of an answer as it is written."""


@dataclass(frozen=True)
class Workload:
    """Something to time: `items` (plain values, for they cross to another process) of `amount` units each."""

    name: str
    unit: str
    amount: int
    items: tuple[Any, ...]
    warm_ups: int
    rounds: int
    size: int
    """Items a round."""


@dataclass(frozen=True)
class TrainingBatch:
    """Tensors of one batch: model inputs, what is wanted of them, and how far training is (0 to 1)."""

    inputs: dict[str, torch.Tensor]
    labels: torch.Tensor
    progress: float


class Reader(ABC):
    """A loaded model as a task asks it: in a fresh process, or in memory for a quick check."""

    @abstractmethod
    def answers(
        self, examples: Examples, done: Done, *, keep: Path | None = None, against: Path | None = None
    ) -> np.ndarray:
        """Answers [rows, figures]. `keep` is where to write what another model's answers will be held
        `against`, for tasks whose answers alone do not say enough."""

    @abstractmethod
    def time(self, item: Any) -> float:
        """Milliseconds for one item of a workload."""

    @abstractmethod
    def respond(self, text: str, piece: Piece, settings: dict[str, Any]) -> dict[str, Any]:
        """An answer to a person's text, as plain values; written answers come piece by piece."""


class Task(ABC):
    """What is asked of a model."""

    name: ClassVar[TaskName]
    title: ClassVar[str]
    technical: ClassVar[str]
    metric: ClassVar[str]
    unit: ClassVar[str]
    """What a loss of quality is counted in: "points", or "%" of the metric."""
    kinds: ClassVar[tuple[str, ...]]
    """The families' kinds that can do this."""
    auto_class: ClassVar[str]
    """The class of `transformers` that opens a model for it."""
    speeds: ClassVar[tuple[str, str]]
    """The two main speeds in words: the one a person waits for, and the one that fills a machine."""
    nouns: ClassVar[str] = "texts"
    batch_size: ClassVar[int] = 32
    """Examples in one step of training."""

    def refusal(self, profile: Profile) -> str | None:
        """Why a model of this profile cannot do the task, or None."""
        return None

    def budget(self, parameters: int) -> Budget:
        """How many examples are kept: what a model of this size answers in bearable time."""
        return Budget()

    @abstractmethod
    def encoder(self, folder: Path) -> Encoder:
        """What turns this task's texts into arrays for the model in `folder`."""

    @abstractmethod
    def load(self, runtime: Runtime, folder: Path, threads: int, *, full_precision: bool) -> Reader:
        """Load a saved folder."""

    @abstractmethod
    def in_memory(self, network: nn.Module, folder: Path, check: Callable[[], None]) -> Reader:
        """A network of torch's; tokenizer and settings come from `folder`."""

    @abstractmethod
    def workloads(self, examples: Examples, folder: Path) -> tuple[Workload, ...]:
        """What to time; the first is the speed a person waits for, the second the one that fills a machine."""

    @abstractmethod
    def qualities(self, answers: np.ndarray, examples: Examples, original: np.ndarray | None = None) -> list[Quality]:
        """The metric, and further ones after it. `original` are the original's answers to the same examples."""

    @abstractmethod
    def differences(self, original: np.ndarray, optimized: np.ndarray, examples: Examples) -> dict[str, Difference]:
        """Metric → paired difference, of which a positive one is better."""

    @abstractmethod
    def same(self, original: np.ndarray, optimized: np.ndarray, examples: Examples) -> tuple[int, int]:
        """How many answers are the same, of how many."""

    @abstractmethod
    def changed(self, original: np.ndarray, optimized: np.ndarray, data: Splits) -> list[dict[str, Any]]:
        """The test examples whose answer changed, worst first; see `engine.serve` for the rows."""

    @abstractmethod
    def disparity(self, wanted: np.ndarray, given: np.ndarray) -> float:
        """How far a folder's answers are from those of the network it was written from: 0 is alike."""

    parity: ClassVar[dict[int, float]]
    """Bits → the largest disparity that is rounding."""

    @abstractmethod
    def in_words(self, baseline: Measurement, optimized: Measurement, comparison: Comparison, meaning: str) -> str:
        """A sentence on quality; `meaning` says whether the difference is real."""

    @abstractmethod
    def to_batch(self, examples: Examples, encoder: Encoder, progress: float, device: Any = "cpu") -> TrainingBatch:
        """Examples as tensors on `device`."""

    def loss(self, network: nn.Module, batch: TrainingBatch) -> torch.Tensor:
        """What training makes small."""
        return self.loss_of(network(**batch.inputs), batch)

    @abstractmethod
    def loss_of(self, outputs: Any, batch: TrainingBatch) -> torch.Tensor:
        """The loss of a network's outputs for `batch`, a scalar."""

    @abstractmethod
    def disagreement(self, given: Any, wanted: Any, batch: TrainingBatch, temperature: float) -> torch.Tensor:
        """How far a student's outputs are from its teacher's, a scalar."""

    def prompts(self, examples: Examples) -> list[str]:
        """What to have continued, where what a model writes should be looked at; nothing for other tasks."""
        return []

    def calibration(self, examples: Examples, encoder: Encoder) -> list[Any]:
        """Batches of one example each, at their natural length, to calibrate by."""
        return [encoder.batch_of(one) for one in examples.batches(1)]

    def weight_of(self, examples: Examples) -> Sequence[int]:
        """Roughly how long each example is, so that alike ones share a batch."""
        return [len(text) for text in examples.texts]
