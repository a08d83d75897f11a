"""Text classification: which label fits this text? Knows no model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

NAME = "classification"
TITLE = "Which kind is this text?"
METRIC = "accuracy"


def scores(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """1.0 where the answer is right, else 0.0. Shapes [texts, labels], [texts] → [texts]."""
    return (logits.argmax(axis=1) == labels).astype(np.float64)


def confidences(logits: np.ndarray) -> np.ndarray:
    """Softmax over labels, [texts, labels]."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy, averaged over the batch."""
    from torch.nn import functional

    return functional.cross_entropy(logits, labels)
