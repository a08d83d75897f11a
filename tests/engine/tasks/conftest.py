"""Texts for windows, and decoders opened the plain way to check against."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from engine.data.splits import Examples
from engine.models.model import quiet


@pytest.fixture
def some_windows(tiny_models) -> Callable[..., Examples]:
    """A function that gives windows of `words` words that are judged after `before` words that are not."""

    def make(count: int, words: int = 12, before: int = 12) -> Examples:
        stream = " ".join(text for text, _ in tiny_models.texts(count * (words + before) // 4)).split()
        labels, texts = [], []
        for start in range(0, count * (words + before), words + before):
            labels.append(" ".join(stream[start : start + before]) if start else "")
            texts.append(" " + " ".join(stream[start + before : start + before + words]))
        return Examples(tuple(texts), tuple(labels))

    return make


@pytest.fixture
def plain_network() -> Callable[[Path], PreTrainedModel]:
    """A function that opens a language model by plain `from_pretrained`."""

    def opened(folder: Path) -> PreTrainedModel:
        with quiet():
            return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval()

    return opened
