"""The list of well-known models: its figures by arithmetic, and what a machine and a cache make of them."""

import pytest
import torch
from huggingface_hub import constants
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

from engine.device import this_machine
from engine.listing import model_lines, model_values
from engine.models import wellknown
from engine.models.families import family_of
from engine.models.hub import ID
from engine.models.wellknown import WELL_KNOWN, well_known
from engine.tasks import task_named

GPT2 = {"model_type": "gpt2", "n_positions": 1024}
SMOL = {"model_type": "llama", "vocab_size": 49_152, "tie_word_embeddings": True}
BERT = {"hidden_size": 384, "num_attention_heads": 12, "intermediate_size": 1536, "num_hidden_layers": 6}
SHAPES = {
    "distilbert/distilgpt2": GPT2 | {"n_layer": 6},
    "openai-community/gpt2": GPT2,
    "openai-community/gpt2-medium": GPT2 | {"n_layer": 24, "n_embd": 1024, "n_head": 16},
    "openai-community/gpt2-large": GPT2 | {"n_layer": 36, "n_embd": 1280, "n_head": 20},
    "openai-community/gpt2-xl": GPT2 | {"n_layer": 48, "n_embd": 1600, "n_head": 25},
    "HuggingFaceTB/SmolLM2-135M": SMOL
    | {"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30}
    | {"num_attention_heads": 9, "num_key_value_heads": 3},
    "HuggingFaceTB/SmolLM2-360M": SMOL
    | {"hidden_size": 960, "intermediate_size": 2560, "num_hidden_layers": 32}
    | {"num_attention_heads": 15, "num_key_value_heads": 5},
    "HuggingFaceTB/SmolLM2-1.7B": SMOL
    | {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 24}
    | {"num_attention_heads": 32, "num_key_value_heads": 32},
    "Qwen/Qwen3-0.6B": {"model_type": "qwen3", "vocab_size": 151_936, "tie_word_embeddings": True, "head_dim": 128}
    | {"hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28}
    | {"num_attention_heads": 16, "num_key_value_heads": 8},
    "sentence-transformers/all-MiniLM-L6-v2": BERT | {"model_type": "bert"},
    "distilbert/distilbert-base-uncased": {"model_type": "distilbert"},
    "FacebookAI/roberta-base": {"model_type": "roberta", "vocab_size": 50_265, "max_position_embeddings": 514}
    | {"type_vocab_size": 1},
}
"""What each model's config.json says of its shape."""
STORED_TWICE = {"Qwen/Qwen3-0.6B": 151_936 * 1024}
"""Numbers in the file that the parameters count once: a tied head."""


@pytest.mark.parametrize("model", WELL_KNOWN, ids=lambda model: model.name)
def test_parameters_and_download_are_what_the_shape_makes_them(model):
    shape = dict(SHAPES[model.name])
    config = AutoConfig.for_model(shape.pop("model_type"), **shape)
    with torch.device("meta"):
        network = (AutoModelForCausalLM if model.use == "writes" else AutoModel).from_config(config)
    assert sum(parameter.numel() for parameter in network.parameters()) == model.parameters
    masks = config.n_layer * config.n_positions**2 if config.model_type == "gpt2" else 0
    numbers = model.parameters + masks + STORED_TWICE.get(model.name, 0)
    # Besides: names, and of an encoder the head for masked words that its file has as well.
    assert model.download_bytes == pytest.approx(numbers * model.stored_bits / 8, rel=0.01)


@pytest.mark.parametrize("model", WELL_KNOWN, ids=lambda model: model.name)
def test_each_can_be_had_and_is_of_a_family_and_a_task_that_there_is(model):
    assert ID.fullmatch(model.name) and well_known(model.name) is model
    assert family_of(str(SHAPES[model.name]["model_type"]))
    assert task_named(model.task).name == model.task


def test_whether_it_fits_is_said_with_the_arithmetic(monkeypatch):
    gpt2 = well_known("openai-community/gpt2")
    assert gpt2 is not None
    peak = 5 * 4 * 124_439_808 + 1_100_000_000
    assert gpt2.memory.peak == peak
    machine = this_machine()

    def with_memory(there, free):
        monkeypatch.setattr(wellknown, "this_machine", lambda: machine.model_copy(update={"memory": there}))
        monkeypatch.setattr(wellknown, "free_memory", lambda: free)
        return gpt2.fit, gpt2.fit_in_words

    assert with_memory(8_000_000_000, 6_000_000_000) == ("fits", "needs about 3.6 GB of memory: fits here")
    fit, words = with_memory(8_000_000_000, 2_000_000_000)
    assert fit == "close programs" and "2.0 GB are free" in words
    fit, words = with_memory(2_000_000_000, 1_000_000_000)
    assert fit == "too large" and "this machine has 2.0 GB" in words
    assert "124 million numbers; 548 MB, from the network" in gpt2.in_words and "held 5 times" in gpt2.in_words


def test_a_16_bit_file_lies_beside_the_copies():
    small = well_known("HuggingFaceTB/SmolLM2-135M")
    assert small is not None and small.memory.beside == 2 * small.parameters


def test_what_lies_in_the_cache_needs_no_network(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    gpt2 = well_known("openai-community/gpt2")
    assert gpt2 is not None and not gpt2.is_here and gpt2.download_in_words == "548 MB"
    folder = tmp_path / "models--openai-community--gpt2" / "snapshots" / "abc"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    assert not gpt2.is_here  # a download that broke off
    (folder / "model.safetensors").symlink_to(tmp_path / "nowhere")
    assert not gpt2.is_here
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").write_bytes(b"x")
    assert gpt2.is_here and "on this computer already" in gpt2.in_words


def test_the_command_line_lists_them():
    assert [entry["name"] for entry in model_values()["hub"]] == [model.name for model in WELL_KNOWN]
    lines = "\n".join(model_lines())
    assert "openai-community/gpt2  GPT-2, 124 M." in lines and "548 MB from the network" in lines
