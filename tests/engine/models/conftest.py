"""Decoders opened as language models, texts for them, and tiny models written as GGUF files.

The files follow llama.cpp's own rules rather than those of the reader.
"""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from engine.models.families import family_of
from engine.models.model import Model, quiet
from engine.models.profile import read_profile

NAMES = {
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    "transformer.wte": "token_embd", "transformer.wpe": "position_embd", "transformer.ln_f": "output_norm",
    "ln_1": "attn_norm", "ln_2": "ffn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output",
    "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down",
}  # fmt: skip
"""A part's name in transformers → in llama.cpp (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md)."""


def gguf_name(name: str) -> str:
    """`model.layers.0.mlp.up_proj.weight` → `blk.0.ffn_up.weight`."""
    stem, _, ending = name.rpartition(".")
    inside = re.fullmatch(r"(?:model\.layers|transformer\.h)\.(\d+)\.(.+)", stem)
    return f"blk.{inside[1]}.{NAMES[inside[2]]}.{ending}" if inside else f"{NAMES[stem]}.{ending}"


def as_stored(name: str, value: np.ndarray, config) -> np.ndarray:
    """What llama.cpp's converter makes of a weight: Llama's heads reordered, GPT-2's matrices turned."""
    if config.model_type in ("llama", "mistral") and ("q_proj" in name or "k_proj" in name):
        heads = config.num_attention_heads if "q_proj" in name else config.num_key_value_heads
        half = value.shape[0] // heads // 2
        return value.reshape(heads, 2, half, *value.shape[1:]).swapaxes(1, 2).reshape(value.shape)
    return value.T if config.model_type == "gpt2" and ".c_" in name and value.ndim == 2 else value


def settings(writer, config) -> None:
    """The numbers that every file has."""
    gpt2 = config.model_type == "gpt2"
    writer.add_context_length(config.max_position_embeddings)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length((config.n_inner or 4 * config.n_embd) if gpt2 else config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    if gpt2:
        writer.add_layer_norm_eps(config.layer_norm_epsilon)
        return
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    if config.model_type == "qwen3":
        writer.add_key_length(config.head_dim)


def vocabulary(writer, folder: Path) -> None:
    """A byte-level tokenizer as llama.cpp keeps it."""
    import json

    found = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    special = {token["id"] for token in found["added_tokens"] if token["special"]}
    tokens = sorted(found["model"]["vocab"], key=found["model"]["vocab"].get)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if number in special else 1 for number in range(len(tokens))])
    writer.add_token_merges([" ".join(merge) for merge in found["model"]["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)


WriteGguf = Callable[..., dict[str, np.ndarray]]


@pytest.fixture
def write_gguf() -> WriteGguf:
    """A function that writes the model of a folder as a GGUF file; it returns what weights that file stands for."""
    import gguf
    from transformers import AutoConfig

    def write(folder: Path, path: Path, kind: str = "F32", more: Callable = lambda _: None) -> dict[str, np.ndarray]:
        config = AutoConfig.from_pretrained(folder)
        network = AutoModelForCausalLM.from_pretrained(folder)
        writer = gguf.GGUFWriter(path, {"mistral": "llama"}.get(config.model_type, config.model_type))
        settings(writer, config)
        vocabulary(writer, folder)
        meant = {}
        for name, value in network.state_dict().items():
            if name == "lm_head.weight" and config.tie_word_embeddings:
                continue
            stored = np.ascontiguousarray(as_stored(name, value.numpy(), config))
            packed = gguf.GGMLQuantizationType[kind if stored.ndim == 2 else "F32"]
            raw = gguf.quantize(stored, packed)
            writer.add_tensor(gguf_name(name), raw, raw_dtype=packed)
            # Where each stored number came from: the same rearrangement, of the places.
            places = as_stored(name, np.arange(value.numel()).reshape(value.shape), config)
            meant[name] = np.empty(value.shape, np.float32)
            meant[name].ravel()[places.ravel()] = gguf.dequantize(raw, packed).ravel()
        more(writer)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return meant

    return write


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
