"""Taking a part out is the same as switching it off, and what is left says what it is."""

import pytest
import torch

from engine.artifact import copy_tokenizer
from engine.models import surgery
from engine.models.model import Model, open_kept, open_model
from engine.tasks.encoding import Encoder

FAMILIES = ("bert", "distilbert", "roberta")
TEXTS = ("dog", "a small whale near the old river", "warm bread and cheese in winter")


@pytest.fixture(params=FAMILIES)
def model(request, tiny_model) -> Model:
    return open_model(tiny_model(request.param, layers=4))


@torch.no_grad()
def logits(model: Model) -> torch.Tensor:
    batch = Encoder(model.folder).batch(TEXTS)
    return model.network(**{name: torch.from_numpy(array) for name, array in batch.items()}).logits


def drawn(total: int, kept: int, layers: int) -> list[torch.Tensor]:
    """Other units in each layer."""
    generator = torch.Generator().manual_seed(1)
    return [torch.randperm(total, generator=generator)[:kept].sort().values for _ in range(layers)]


@torch.no_grad()
def switch_off(model: Model, projection: str, kept: list[torch.Tensor]) -> None:
    """Zero what the projection reads from the units that are not kept."""
    for layer, index in zip(surgery.layers_of(model.network, model.family), kept, strict=True):
        weight = surgery.linear_of(layer, projection).weight
        mask = torch.zeros(weight.shape[1])
        mask[index] = 1.0
        weight.mul_(mask)


def test_removed_neurons_are_neurons_switched_off(model):
    kept = drawn(64, 23, 4)
    off = model.copy()
    switch_off(off, model.family.feed_forward_out, kept)
    surgery.keep_neurons(model.network, model.family, kept)
    torch.testing.assert_close(logits(model), logits(off), rtol=1e-5, atol=1e-5)
    assert getattr(model.network.config, model.family.feed_forward_key) == 23


def test_removed_heads_are_heads_switched_off(model):
    heads = drawn(4, 3, 4)
    off = model.copy()
    units = [torch.cat([torch.arange(8) + 8 * int(head) for head in kept]) for kept in heads]
    switch_off(off, model.family.attention_output, units)
    surgery.keep_heads(model.network, model.family, heads)
    torch.testing.assert_close(logits(model), logits(off), rtol=1e-5, atol=1e-5)
    assert surgery.head_size(model.network, model.family) == 8


def test_a_second_removal_of_heads_removes_more(model):
    surgery.keep_heads(model.network, model.family, drawn(4, 3, 4))
    surgery.keep_heads(model.network, model.family, drawn(3, 1, 4))
    layer = surgery.layers_of(model.network, model.family)[0]
    assert surgery.linear_of(layer, model.family.query).weight.shape == (8, 32)
    assert logits(model).shape == (3, 3)


def test_dropped_layers_are_layers_skipped(model):
    skipping = model.copy()

    def skip(_, inputs, output):
        return (inputs[0], *output[1:]) if isinstance(output, tuple) else inputs[0]

    for index in (0, 2):
        surgery.layers_of(skipping.network, model.family)[index].register_forward_hook(skip)
    surgery.keep_layers(model.network, model.family, [1, 3])
    torch.testing.assert_close(logits(model), logits(skipping))
    assert getattr(model.network.config, model.family.layers_key) == 2


def test_kept_weights_open_again(model, tmp_path):
    """Also with fewer heads, which config.json cannot say."""
    from safetensors.torch import save_file

    surgery.keep_heads(model.network, model.family, drawn(4, 2, 4))
    weights = {name: value.contiguous() for name, value in model.network.state_dict().items()}
    save_file(weights, tmp_path / "model.safetensors")
    model.network.config.save_pretrained(tmp_path)
    copy_tokenizer(model.folder, tmp_path)
    kept = open_kept(tmp_path)
    torch.testing.assert_close(logits(kept), logits(model))
    assert (kept.profile.uneven, kept.profile.loads_plainly, kept.profile.heads) == (True, False, 2)


def test_whole_attention_is_left_alone(model):
    before = logits(model)
    assert not surgery.fit_attention(model.network, model.family, model.network.state_dict())
    assert torch.equal(logits(model), before)
