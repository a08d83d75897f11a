"""What the ONNX and OpenVINO exports share: example inputs, and quiet exporters."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from engine.runtimes.base import Batch


def example_inputs(calibration: Sequence[Batch]) -> dict[str, Any]:
    """A real batch [2 texts, n > 2 tokens] with padding in it, so that no branch is traced away: name → tensor."""
    import numpy as np
    import torch

    batch = max(calibration, key=lambda found: found["input_ids"].shape[1])
    width = max(8, batch["input_ids"].shape[1])
    inputs: dict[str, Any] = {}
    for name, array in batch.items():
        padded = np.zeros((2, width), dtype=np.int64)
        padded[:, : array.shape[1]] = array[:1]
        inputs[name] = torch.from_numpy(padded)
    inputs["attention_mask"][1, width // 2 :] = 0
    return inputs


@contextlib.contextmanager
def without_pooler(network: Any) -> Iterator[None]:
    """A network that gives hidden states needs none: of a small embedder it would be a hundredth of the file."""
    pooler = getattr(network, "pooler", None)
    if pooler is not None:
        network.pooler = None
    try:
        yield
    finally:
        if pooler is not None:
            network.pooler = pooler


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Exporters print progress and version advice; a parity check, not their word, tells if they worked."""
    previous = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(previous)
