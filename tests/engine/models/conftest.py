"""Decoders opened as language models, and texts for them."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from engine.models.families import family_of
from engine.models.model import Model, quiet
from engine.models.profile import read_profile

TEXTS = ("a dog near the old river", "warm bread and cheese seen in winter", "the quiet king once kept many sheep")


def open_decoder(folder: Path) -> Model:
    """A folder as a language model, by plain `from_pretrained`."""
    profile = read_profile(folder)
    with quiet():
        network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval()
    return Model(network=network, profile=profile, family=family_of(profile.model_type), folder=folder)


@pytest.fixture(name="open_decoder")
def _open_decoder() -> Callable[[Path], Model]:
    return open_decoder


@pytest.fixture(params=("gpt2", "llama", "llama-untied", "mistral", "qwen2", "qwen3"))
def decoder(request, tiny_model) -> Model:
    """A language model of each kind, with 4 layers."""
    return open_decoder(tiny_model(request.param, layers=4))


@pytest.fixture
def token_batches(tiny_model) -> list[dict[str, torch.Tensor]]:
    """Two texts of one length, then a third alone: no padding. All decoders here share one tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(tiny_model("gpt2"), local_files_only=True)
    rows = [tokenizer(text, return_tensors="pt").input_ids[:, :12] for text in TEXTS]
    pair = torch.cat([row[:, : min(rows[0].shape[1], rows[1].shape[1])] for row in rows[:2]])
    return [{"input_ids": ids, "attention_mask": torch.ones_like(ids)} for ids in (pair, rows[2])]
