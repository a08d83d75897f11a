"""A random-weight Llama of SmolLM2-135M's shape: speed and size do not depend on what the weights say."""

from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from engine.models.families import family_of
from engine.models.model import Model
from engine.models.profile import read_profile


def random_llama(folder: Path) -> Model:
    """Save it under `folder` and give it back, open."""
    config = LlamaConfig(
        hidden_size=576,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        intermediate_size=1536,
        vocab_size=49152,
        tie_word_embeddings=True,
        max_position_embeddings=8192,
        pad_token_id=None,
    )
    torch.manual_seed(0)
    network = LlamaForCausalLM(config).eval()
    network.save_pretrained(folder / "plain")
    (folder / "plain" / "tokenizer.json").write_text("{}", encoding="utf-8")
    return Model(network, read_profile(folder / "plain"), family_of("llama"), folder / "plain")
