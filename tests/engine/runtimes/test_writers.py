"""Text generators in each runtime: the decode loop, what the file weighs, and what is refused."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from engine.errors import Refused
from engine.models.profile import Storage
from engine.runtimes import runtime_named

VOCABULARY, LONGEST = 101, 48
GROUPED = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": LONGEST,
    "vocab_size": VOCABULARY,
    "initializer_range": 0.15,
    "pad_token_id": None,
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}


def gpt2(**changes):
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": LONGEST, "vocab_size": VOCABULARY}
    special = {"bos_token_id": 0, "eos_token_id": 0}
    return GPT2LMHeadModel(GPT2Config(**{**sizes, **special, "initializer_range": 0.15, **changes}))


MAKERS = {
    "gpt2": gpt2,
    "gpt2, other settings": lambda: gpt2(
        activation_function="gelu", n_inner=40, scale_attn_by_inverse_layer_idx=True, tie_word_embeddings=False
    ),
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**GROUPED, tie_word_embeddings=True)),
    "llama, scaled positions and biases": lambda: LlamaForCausalLM(
        LlamaConfig(**GROUPED, rope_parameters=LLAMA3, attention_bias=True, mlp_bias=True, head_dim=16)
    ),
    "mistral": lambda: MistralForCausalLM(MistralConfig(**GROUPED, sliding_window=40)),
    "qwen2": lambda: Qwen2ForCausalLM(Qwen2Config(**GROUPED)),
    "qwen3": lambda: Qwen3ForCausalLM(Qwen3Config(**GROUPED, head_dim=8)),
}


def make(kind: str):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = MAKERS[kind]().eval()
        with torch.no_grad():
            for value in network.parameters():
                if value.dim() == 1:  # biases and norms start at 0 and 1, where an error would not show
                    value.add_(torch.randn_like(value) * 0.1)
    return network


def save(network, folder, runtime: str, **storage):
    folder.mkdir()
    calibration = [{"input_ids": ids[None]} for ids in texts(4, 16)]
    model = SimpleNamespace(network=network, storage=Storage(runtime=runtime, **storage), folder=folder)
    runtime_named(runtime).save(model, folder, calibration, lambda message: None)
    return folder


def texts(count: int, tokens: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, VOCABULARY, (count, tokens))


def size_of(folder) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
@pytest.mark.parametrize("kind", MAKERS)
def test_the_decode_loop_gives_what_the_network_gives(kind, runtime, tmp_path):
    network = make(kind)
    writer = runtime_named(runtime).load_writer(save(network, tmp_path / "saved", runtime), 1)
    ids = texts(2, 30)
    with torch.no_grad():
        wanted = network(torch.from_numpy(ids)).logits.numpy()
    assert writer.vocabulary == VOCABULARY
    np.testing.assert_allclose(writer.logits(ids), wanted, atol=1e-4)
    steps = [writer.start(ids[0, :9]), *(writer.step(int(token)) for token in ids[0, 9:])]
    np.testing.assert_allclose(np.stack(steps), wanted[0, 8:], atol=1e-4)
    again = writer.start(ids[1, :20])  # forgets the first text
    np.testing.assert_allclose(again, wanted[1, 19], atol=1e-4)
    assert again.dtype == np.float32


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
def test_scoring_leaves_the_text_that_is_being_written(runtime, tmp_path):
    writer = runtime_named(runtime).load_writer(save(make("llama"), tmp_path / "saved", runtime), 1)
    ids = texts(1, 20)
    wanted = writer.logits(ids)[0, 10]
    writer.start(ids[0, :10])
    writer.logits(texts(3, 12))
    np.testing.assert_allclose(writer.step(int(ids[0, 10])), wanted, atol=1e-4)


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
@pytest.mark.parametrize(("kind", "longest"), [("gpt2", LONGEST), ("mistral", 40)])
def test_a_text_that_is_too_long_is_refused_in_a_sentence(kind, longest, runtime, tmp_path):
    writer = runtime_named(runtime).load_writer(save(make(kind), tmp_path / "saved", runtime), 1)
    assert writer.longest == longest
    with pytest.raises(Refused, match=f"{longest + 1} tokens"):
        writer.start(texts(1, longest + 1)[0])
    with pytest.raises(Refused, match=f"{longest} at most"):
        writer.logits(texts(1, longest + 1))
    with pytest.raises(Refused, match="no token"):
        writer.start(np.zeros(0, dtype=np.int64))
    writer.start(texts(1, longest)[0])
    with pytest.raises(Refused, match="Shorten it"):
        writer.step(1)


def test_sixteen_bits_keep_far_positions_in_place(tmp_path):
    """Rotary frequencies rounded to 16 bits would turn token 2,000 by a quarter of a radian."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = LlamaForCausalLM(LlamaConfig(**{**GROUPED, "head_dim": 32, "max_position_embeddings": 2048})).eval()
    ids = texts(1, 2000)
    with torch.no_grad():
        wanted = network(torch.from_numpy(ids)).logits.numpy()
    folder = save(network, tmp_path / "saved", "openvino", bits=16)
    error = np.abs(runtime_named("openvino").load_writer(folder, 1, full_precision=True).logits(ids) - wanted)[0]
    assert error[-100:].mean() < 2 * error[:100].mean() < 0.01
