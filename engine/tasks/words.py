"""What the tasks have in common: encoders that answer texts with one array, and sentences on shares."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.data.splits import Examples
from engine.run import Comparison, Measurement
from engine.tasks.base import Done, Workload
from engine.tasks.encoding import Encoder

if TYPE_CHECKING:
    from torch import nn

    from engine.runtimes import Batch, Session

BATCH = 32
PIECE = 256
"""Texts between two lines of progress."""


def outputs_of(session: Session, encoder: Encoder, texts: Sequence[str], done: Done, pooled: Pool) -> np.ndarray:
    """`pooled` of the session's output for each text, in batches of alike length, which waste no padding."""
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    found: list[Any] = [None] * len(texts)
    for start in range(0, len(texts), BATCH):
        indices = order[start : start + BATCH]
        batch = encoder.batch([texts[index] for index in indices])
        for row, index in zip(pooled(session(batch), batch), indices, strict=True):
            found[index] = row
        if start % PIECE < BATCH:
            done(start + len(indices))
    return np.stack(found).astype(np.float32)


Pool = Callable[[np.ndarray, "Batch"], np.ndarray]


def network_session(network: nn.Module, check: Callable[[], None], **options: object) -> Session:
    """A network in memory as a session: its first output, in eval mode and without gradients.

    `options` go to the network beside each batch.
    """
    import torch

    def session(batch: Batch) -> np.ndarray:
        check()
        device = next(network.parameters()).device
        was_training = network.training
        network.eval()
        with torch.inference_mode():
            inputs = {name: torch.from_numpy(array).to(device) for name, array in batch.items()}
            found = network(**inputs, **options)[0].float().cpu().numpy()
        network.train(was_training)
        return found

    return session


def text_workloads(examples: Examples) -> tuple[Workload, ...]:
    """One text, and batches of 32 (fewer texts than that are repeated), at their natural length."""
    texts = list(examples.texts)
    repeated = texts * (BATCH // max(len(texts), 1) + 1) if len(texts) < BATCH else texts
    batches = [repeated[start : start + BATCH] for start in range(0, len(repeated) - BATCH + 1, BATCH)]
    return (
        Workload("one text", "texts", 1, tuple([text] for text in texts), warm_ups=10, rounds=15, size=12),
        Workload("batches of 32", "texts", BATCH, tuple(batches), warm_ups=2, rounds=9, size=3),
    )


def timed(answer: Callable[[], object]) -> float:
    """Milliseconds that `answer` takes."""
    start = time.perf_counter()
    answer()
    return (time.perf_counter() - start) * 1000.0


def disparity_of(wanted: np.ndarray, given: np.ndarray) -> float:
    """Relative error ‖given − wanted‖ / ‖wanted − mean‖ over rows [rows, figures]."""
    spread = np.linalg.norm(wanted - wanted.mean(axis=0))
    return float(np.linalg.norm(given - wanted) / max(spread, 1e-9))


def share_in_words(baseline: Measurement, optimized: Measurement, comparison: Comparison, meaning: str) -> str:
    """For metrics that are shares: "996 of 1,000 answers are the same; accuracy 91.2 % → 91.0 %, within noise."."""
    assert baseline.quality and optimized.quality
    return (
        f"{comparison.same_answers:,} of {comparison.answers:,} answers are the same; "
        f"{optimized.quality.metric} {baseline.quality.value:.1%} → {optimized.quality.value:.1%}, {meaning}."
    ).replace("%", " %")


def folder_encoder(folder: Path) -> Encoder:
    """The plain encoder of a folder, its tokenizer already read."""
    encoder = Encoder(folder)
    _ = encoder.tokenizer
    return encoder
