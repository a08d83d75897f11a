"""Decoders: taking a part out is the same as switching it off, what is left reloads, and generation agrees."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification

from engine.models import surgery
from engine.models.families import family_of
from engine.models.model import Model, open_model, quiet
from engine.models.profile import read_profile

CLOSE = {"rtol": 1e-5, "atol": 1e-5}


@torch.no_grad()
def logits(model: Model, batches: list[dict[str, torch.Tensor]]) -> list[torch.Tensor]:
    return [model.network(**batch, use_cache=False).logits for batch in batches]


def drawn(total: int, kept: int, layers: int) -> list[torch.Tensor]:
    """Other units in each layer."""
    generator = torch.Generator().manual_seed(1)
    return [torch.randperm(total, generator=generator)[:kept].sort().values for _ in range(layers)]


def switch_off(model: Model, projection: str, units: list[torch.Tensor]) -> None:
    """Zero what the projection reads from units that are not among these."""
    for layer, index in zip(surgery.layers_of(model.network, model.family), units, strict=True):
        weight = surgery.projection_of(layer, projection).weight
        mask = torch.zeros(weight.shape[1])
        mask[index] = 1.0
        weight.mul_(mask)


def saved(model: Model, folder: Path) -> None:
    with quiet():
        model.network.save_pretrained(folder)


def test_removed_neurons_are_neurons_switched_off(decoder, token_batches, open_decoder, tmp_path):
    kept, off = drawn(64, 23, 4), decoder.copy()
    switch_off(off, decoder.family.feed_forward_out, kept)
    surgery.keep_neurons(decoder.network, decoder.family, kept)
    wanted = logits(off, token_batches)
    torch.testing.assert_close(logits(decoder, token_batches), wanted, **CLOSE)
    saved(decoder, tmp_path)
    torch.testing.assert_close(logits(open_decoder(tmp_path), token_batches), wanted, **CLOSE)
    assert read_profile(tmp_path).feed_forward_width == 23


def test_removed_groups_are_heads_switched_off(decoder, token_batches, open_decoder, tmp_path):
    family, profile = decoder.family, decoder.profile
    width = profile.heads // profile.head_groups * profile.head_size
    groups, off = drawn(profile.head_groups, 1, 4), decoder.copy()
    switch_off(off, family.attention_output, [torch.arange(width) + width * int(one) for one in groups])
    wanted = logits(off, token_batches)
    surgery.keep_heads(decoder.network, family, groups)
    torch.testing.assert_close(logits(decoder, token_batches), wanted, **CLOSE)
    assert surgery.head_size(decoder.network, family) == profile.head_size
    assert surgery.heads_left(decoder.network, family) == profile.heads // profile.head_groups
    saved(decoder, tmp_path)
    if family.head_size_in_config:
        found = read_profile(tmp_path)
        assert (found.heads, found.kv_heads, found.head_size) == (2, 1, profile.head_size)
        torch.testing.assert_close(logits(open_decoder(tmp_path), token_batches), wanted, **CLOSE)
    else:
        again = from_shapes(decoder)
        torch.testing.assert_close(logits(again, token_batches), wanted, **CLOSE)


def from_shapes(model: Model) -> Model:
    """A network from the config, its attention narrowed to the weights that are put in."""
    weights = {name: value.clone() for name, value in model.network.state_dict().items()}
    with quiet():
        network = AutoModelForCausalLM.from_config(AutoConfig.for_model(**model.network.config.to_dict())).eval()
    assert surgery.fit_attention(network, model.family, weights)
    network.load_state_dict(weights)
    assert not surgery.fit_attention(network, model.family, weights)
    return Model(network=network, profile=model.profile, family=model.family, folder=model.folder)


def test_a_count_that_llama_cannot_say_is_left_to_the_shapes(tiny_model, open_decoder, token_batches):
    """Llama's config refuses 3 heads at 32 numbers, though it says how large a head is; Qwen's does not."""
    for kind, says in (("llama", 4), ("qwen3", 3), ("mistral", 3), ("qwen2", 3)):
        model = open_decoder(tiny_model(kind, layers=2, heads=4, kv_heads=4))
        off, groups, size = model.copy(), drawn(4, 3, 2), model.profile.head_size
        kept = [torch.cat([torch.arange(size) + size * int(one) for one in index]) for index in groups]
        switch_off(off, model.family.attention_output, kept)
        surgery.keep_heads(model.network, model.family, groups)
        wanted = logits(off, token_batches)
        torch.testing.assert_close(logits(model, token_batches), wanted, **CLOSE)
        assert model.network.config.num_attention_heads == says
        assert surgery.heads_left(model.network, model.family) == 3
        model.network.config.validate()
        if says == 4:
            torch.testing.assert_close(logits(from_shapes(model), token_batches), wanted, **CLOSE)


def test_a_second_removal_of_heads_removes_more(decoder, tiny_model, open_decoder, token_batches):
    model = open_decoder(tiny_model(decoder.folder.name, layers=2, kv_heads=4))
    for total, kept in ((4, 3), (3, 2)):
        surgery.keep_heads(model.network, model.family, drawn(total, kept, 2))
    assert surgery.heads_left(model.network, model.family) == 2
    assert surgery.head_size(model.network, model.family) == model.profile.head_size
    assert logits(model, token_batches)[0].isfinite().all()


def test_dropped_layers_are_layers_skipped(decoder, token_batches, open_decoder, tmp_path):
    skipping = decoder.copy()
    for index in (0, 2):
        layer = surgery.layers_of(skipping.network, decoder.family)[index]
        layer.register_forward_hook(lambda _, inputs, output: inputs[0])
    wanted = logits(skipping, token_batches)
    surgery.keep_layers(decoder.network, decoder.family, [1, 3])
    torch.testing.assert_close(logits(decoder, token_batches), wanted, **CLOSE)
    saved(decoder, tmp_path)
    again = open_decoder(tmp_path)
    torch.testing.assert_close(logits(again, token_batches), wanted, **CLOSE)
    assert again.profile.layers == 2


def generated(model: Model, batch: dict[str, torch.Tensor], *, cache: bool) -> torch.Tensor:
    settings = {"max_new_tokens": 12, "min_new_tokens": 12, "do_sample": False, "pad_token_id": 0}
    with quiet():
        return model.network.generate(**batch, **settings, use_cache=cache)


@pytest.mark.parametrize("part", ["layers", "heads", "neurons"])
def test_generation_agrees_with_and_without_a_cache(decoder, token_batches, part):
    network, family = decoder.network, decoder.family
    if part == "layers":
        surgery.keep_layers(network, family, [1, 2])
    elif part == "heads":
        surgery.keep_heads(network, family, drawn(decoder.profile.head_groups, 1, 4))
    else:
        surgery.keep_neurons(network, family, drawn(64, 20, 4))
    for batch in token_batches:
        assert torch.equal(generated(decoder, batch, cache=True), generated(decoder, batch, cache=False))


def test_layers_keep_their_own_window(tiny_model, open_decoder, token_batches, tmp_path):
    """Qwen says for each layer whether it sees all or only the nearest tokens: what stays goes on seeing the same."""
    folder = tiny_model("qwen2", layers=4)
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    config.sliding_window, config.use_sliding_window = 3, True
    config.layer_types = ["full_attention", "sliding_attention"] * 2
    config.save_pretrained(folder)
    model = open_decoder(folder)
    skipping = model.copy()
    for index in (0, 1):
        layer = surgery.layers_of(skipping.network, model.family)[index]
        layer.register_forward_hook(lambda _, inputs, output: inputs[0])
    surgery.keep_layers(model.network, model.family, [2, 3])
    wanted = logits(skipping, token_batches)
    torch.testing.assert_close(logits(model, token_batches), wanted, **CLOSE)
    saved(model, tmp_path)
    torch.testing.assert_close(logits(open_decoder(tmp_path), token_batches), wanted, **CLOSE)
    surgery.keep_layers(model.network, model.family, [1])
    assert model.network.config.layer_types == ["sliding_attention"]


@pytest.mark.parametrize("kind", ["gpt2", "llama", "qwen3"])
def test_a_classifier_on_a_decoder_is_taken_apart_alike(tiny_model, token_batches, kind, tmp_path):
    folder = tiny_model(kind, layers=3, labels=3)
    network = open_model(folder).network
    profile = read_profile(folder)
    family = family_of(profile.model_type)
    surgery.keep_neurons(network, family, drawn(64, 20, 3))
    surgery.keep_layers(network, family, [0, 2])
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(weights, tmp_path / "model.safetensors")
    network.config.save_pretrained(tmp_path)
    with quiet():
        again = AutoModelForSequenceClassification.from_pretrained(tmp_path, local_files_only=True).eval()
    with torch.no_grad():
        torch.testing.assert_close(again(**token_batches[0]).logits, network(**token_batches[0]).logits)
    assert read_profile(tmp_path).labels == profile.labels == ("animal", "food", "place")
