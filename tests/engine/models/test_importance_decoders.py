"""Importance in decoders, by the loss of the next token, against masks on single units, layers and weights."""

import contextlib
from collections.abc import Iterator

import pytest
import torch
from torch.nn import functional

from engine.models import importance
from engine.models.surgery import layers_of, projection_of

Tokens = dict[str, torch.Tensor]


def next_token_loss(network, batch: Tokens) -> torch.Tensor:
    """Cross-entropy of every token but the first."""
    logits = network(**batch, use_cache=False).logits[:, :-1]
    return functional.cross_entropy(logits.flatten(0, 1), batch["input_ids"][:, 1:].flatten())


def real(batch: Tokens) -> torch.Tensor:
    return batch["attention_mask"]


@pytest.fixture
def texts(token_batches) -> list[Tokens]:
    """One text a batch, so that nothing is averaged away."""
    ids = [row for batch in token_batches for row in batch["input_ids"].split(1)]
    return [{"input_ids": row, "attention_mask": torch.ones_like(row)} for row in ids]


@contextlib.contextmanager
def hook(handle) -> Iterator[None]:
    yield
    handle.remove()


@pytest.mark.parametrize("part", ["attention_output", "feed_forward_out"])
def test_gradient_is_the_derivative_of_a_mask(decoder, texts, part):
    projection = getattr(decoder.family, part)
    given = (texts, next_token_loss, real, "gradient")
    found = importance.unit_importance(decoder.network, decoder.family, projection, *given)
    for layer, scores in list(zip(layers_of(decoder.network, decoder.family), found, strict=True))[1:3]:
        one, wanted = projection_of(layer, projection), torch.zeros_like(scores)
        for batch in texts:
            mask = torch.ones(one.inputs, requires_grad=True)
            with hook(one.module.register_forward_pre_hook(lambda _, inputs, mask=mask: (inputs[0] * mask,))):
                wanted += torch.autograd.grad(next_token_loss(decoder.network, batch), mask)[0].abs()
        torch.testing.assert_close(scores, wanted, rtol=1e-3, atol=1e-5)


def test_activation_is_input_times_outgoing_weights(decoder, texts):
    name = decoder.family.feed_forward_out
    given = (texts, next_token_loss, real, "activation")
    found = importance.unit_importance(decoder.network, decoder.family, name, *given)
    one, seen = projection_of(layers_of(decoder.network, decoder.family)[1], name), []
    with hook(one.watch(lambda inputs: seen.append(inputs[0][0]))), torch.no_grad():
        for batch in texts:
            next_token_loss(decoder.network, batch)
    outgoing = torch.stack([one.weight[:, unit].norm() for unit in range(one.inputs)])
    torch.testing.assert_close(found[1], torch.cat(seen).abs().sum(dim=0) * outgoing, rtol=1e-3, atol=1e-4)


def test_layers_by_gradient_and_by_change(decoder, texts):
    given = (decoder.network, decoder.family, texts, next_token_loss, real)
    by_gradient, by_change = (importance.layer_importance(*given, kind) for kind in ("gradient", "activation"))
    for index, layer in enumerate(layers_of(decoder.network, decoder.family)):
        slopes, changes = 0.0, 0.0
        for batch in texts:
            share, seen = torch.ones((), requires_grad=True), []

            def mixed(_, inputs, output, share=share, seen=seen):
                seen.append((inputs[0].detach(), output.detach()))
                return inputs[0] + share * (output - inputs[0])

            with hook(layer.register_forward_hook(mixed)):
                slopes += float(torch.autograd.grad(next_token_loss(decoder.network, batch), share)[0].abs())
            changes += float((1 - functional.cosine_similarity(*seen[0], dim=-1)).sum())
        assert float(by_gradient[index]) == pytest.approx(slopes, rel=1e-3, abs=1e-5)
        assert float(by_change[index]) == pytest.approx(changes, rel=1e-3)


@pytest.mark.parametrize("kind", ["activation", "gradient"])
def test_weights_are_seen_as_outputs_by_inputs(decoder, texts, kind):
    """Wanda's score and the gradient's, on the first matrix of a layer."""
    given = (decoder.network, decoder.family, texts, next_token_loss, real)
    name = f"{decoder.family.layers}.1.{decoder.family.query}"
    found = importance.weight_importance(*given, kind)[name]
    one, seen = projection_of(layers_of(decoder.network, decoder.family)[1], decoder.family.query), []
    slopes = torch.zeros_like(one.weight)
    with hook(one.watch(lambda inputs: seen.append(inputs[0][0].detach()))):
        for batch in texts:
            slope = torch.autograd.grad(next_token_loss(decoder.network, batch), one.module.weight)[0]
            term = (slope * one.module.weight).detach().abs()
            slopes += term.T if one.transposed else term
    wanted = slopes if kind == "gradient" else one.weight.abs() * torch.cat(seen).norm(dim=0)
    assert found.shape == (one.outputs, one.inputs)
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-6)


def test_every_matrix_in_the_layers_is_judged(decoder):
    found = importance.projections_in_layers(decoder.network, decoder.family)
    per_layer = len(decoder.family.attention) + len(decoder.family.feed_forward)
    assert len(found) == 4 * per_layer
    counted = sum(one.weight.numel() for one in found.values())
    assert counted == decoder.profile.attention.matrices + decoder.profile.feed_forward.matrices


def test_nothing_is_left_behind(decoder, texts):
    given = (decoder.network, decoder.family, texts, next_token_loss, real, "gradient")
    importance.weight_importance(*given)
    importance.layer_importance(*given)
    assert all(parameter.grad is None for parameter in decoder.network.parameters())
    assert not any(module._forward_pre_hooks or module._forward_hooks for module in decoder.network.modules())
