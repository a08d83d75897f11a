"""Texts for windows, and decoders opened the plain way to check against."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, PreTrainedModel

from engine.data.splits import Examples
from engine.models.model import quiet
from engine.runtimes import runtime_of
from engine.tasks.language_modelling import LanguageModelling

TASK = LanguageModelling()


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


def answers_of(folder: Path, examples: Examples, **files: Path) -> np.ndarray:
    return TASK.load(runtime_of(folder), folder, 1, full_precision=True).answers(examples, lambda done: None, **files)


def by_hand(network, folder: Path, examples: Examples) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each window: log-probabilities [judged tokens, vocabulary] in float64, and the judged ids."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    found = []
    for before, judged in zip(examples.labels, examples.texts, strict=True):
        read, asked = [0, *tokenizer.encode(before).ids], tokenizer.encode(judged).ids
        with torch.no_grad():
            logits = network(torch.tensor([read + asked])).logits[0].double()
        shares = torch.log_softmax(logits, dim=-1).numpy()
        found.append((shares[len(read) - 1 : -1], np.array(asked)))
    return found


def fewer_tokens(folder: Path) -> Path:
    """The same model with a tokenizer that has unlearned its merges: each byte is a token."""
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    tokenizer["model"]["merges"] = []
    path.write_text(json.dumps(tokenizer), encoding="utf-8")
    return folder


@pytest.fixture(name="answers_of")
def _answers_of():
    return answers_of


@pytest.fixture(name="by_hand")
def _by_hand():
    return by_hand


@pytest.fixture(name="fewer_tokens")
def _fewer_tokens():
    return fewer_tokens
