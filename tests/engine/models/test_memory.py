"""The arithmetic of memory: what is held, and a refusal that shows its sums."""

import pytest

from engine.models.memory import loading_bytes, run_memory
from engine.models.profile import Storage, read_profile


@pytest.mark.parametrize("kind", ["gpt2", "llama", "llama-untied", "qwen3"])
def test_weights_are_what_the_network_holds(tiny_model, open_decoder, kind):
    model = open_decoder(tiny_model(kind))
    held = {value.data_ptr(): value.nbytes for value in model.network.parameters()}
    assert loading_bytes(model.profile) == sum(held.values())


def test_a_narrow_file_lies_beside_what_it_is_widened_to(tiny_model):
    profile = read_profile(tiny_model("llama"))
    narrow = profile.model_copy(update={"storage": Storage(bits=16)})
    assert loading_bytes(narrow) == 6 * profile.parameters
    assert run_memory(narrow, copies=2, tokens=1).peak >= 10 * profile.parameters


def test_the_peak_is_the_sum_that_is_shown(tiny_model):
    profile = read_profile(tiny_model("llama"))
    found = run_memory(profile, copies=3, texts=2, tokens=64, libraries=10**9)
    assert found.weights == 4 * profile.parameters
    assert found.peak == 3 * found.weights + found.beside + 10**9
    assert found.shortfall(found.peak) is None
    reason = found.shortfall(found.peak - 1)
    assert reason is not None
    assert "× 4 bytes" in reason
    assert "3 times" in reason


def test_logits_of_a_language_model_count(tiny_model):
    """Every token has a number for each word known: the most of all where the vocabulary is large."""
    small, large = (read_profile(tiny_model("llama", vocabulary=size)) for size in (400, 4000))
    grown = run_memory(large, texts=2, tokens=64).beside - run_memory(small, texts=2, tokens=64).beside
    assert grown == 4 * 2 * 64 * 3600


@pytest.mark.parametrize("kind", ["gpt2", "llama", "bert"])
def test_training_holds_more(tiny_model, kind):
    profile = read_profile(tiny_model(kind))
    idle, busy = (run_memory(profile, training=training, texts=8, tokens=128) for training in (False, True))
    assert busy.copies == idle.copies + 3
    assert busy.beside > idle.beside
