"""Importance against its definition: masks on single units, layers and weights, one text at a time."""

import contextlib
from collections.abc import Iterator

import pytest
import torch
from torch.nn import functional

from engine.data.splits import Examples
from engine.models import importance
from engine.models.model import Model, open_model
from engine.models.surgery import layers_of, linear_of
from engine.tasks.base import TrainingBatch as Batch
from engine.tasks.classification import Classification
from engine.tasks.encoding import Encoder

TASK = Classification()

FAMILIES = ("bert", "distilbert", "roberta")


@pytest.fixture(params=FAMILIES)
def model(request, tiny_model) -> Model:
    return open_model(tiny_model(request.param, layers=2))


@pytest.fixture
def batches(model, tiny_models) -> list[Batch]:
    """Texts of different lengths, one a batch, so that nothing is averaged away."""
    rows = tiny_models.texts(6, labels=3, seed=5)
    encoder = Encoder(model.folder)
    return [TASK.to_batch(Examples((text,), (tiny_models.LABELS.index(label),)), encoder, 0.0) for text, label in rows]


def real(batch: Batch) -> torch.Tensor:
    return batch.inputs["attention_mask"]


@contextlib.contextmanager
def hook(handle) -> Iterator[None]:
    yield
    handle.remove()


@pytest.mark.parametrize("part", ["attention_output", "feed_forward_out"])
def test_gradient_is_the_derivative_of_a_mask(model, batches, part):
    projection = getattr(model.family, part)
    found = importance.unit_importance(model.network, model.family, projection, batches, TASK.loss, real, "gradient")
    for layer, scores in zip(layers_of(model.network, model.family), found, strict=True):
        linear, wanted = linear_of(layer, projection), torch.zeros_like(scores)
        for batch in batches:
            mask = torch.ones(linear.in_features, requires_grad=True)
            with hook(linear.register_forward_pre_hook(lambda _, inputs, mask=mask: (inputs[0] * mask,))):
                wanted += torch.autograd.grad(TASK.loss(model.network, batch), mask)[0].abs()
        torch.testing.assert_close(scores, wanted, rtol=1e-3, atol=1e-5)


def test_activation_is_input_times_outgoing_weights(model, batches):
    name = model.family.feed_forward_out
    found = importance.unit_importance(model.network, model.family, name, batches, TASK.loss, real, "activation")
    linear = linear_of(layers_of(model.network, model.family)[1], name)
    seen: list[torch.Tensor] = []
    with hook(linear.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][0]))), torch.no_grad():
        for batch in batches:
            TASK.loss(model.network, batch)
    wanted = torch.cat(seen).abs().sum(dim=0) * linear.weight.detach().norm(dim=0)
    torch.testing.assert_close(found[1], wanted, rtol=1e-3, atol=1e-4)


def test_layers_by_gradient_and_by_change(model, batches):
    layers = layers_of(model.network, model.family)
    given = (model.network, model.family, batches, TASK.loss, real)
    by_gradient, by_change = (importance.layer_importance(*given, kind) for kind in ("gradient", "activation"))
    for index, layer in enumerate(layers):
        slopes, changes = 0.0, 0.0
        for batch in batches:
            share, seen = torch.ones((), requires_grad=True), []

            def mixed(_, inputs, output, share=share, seen=seen):
                after = output[0] if isinstance(output, tuple) else output
                seen.append((inputs[0].detach(), after.detach()))
                after = inputs[0] + share * (after - inputs[0])
                return (after, *output[1:]) if isinstance(output, tuple) else after

            with hook(layer.register_forward_hook(mixed)):
                slopes += float(torch.autograd.grad(TASK.loss(model.network, batch), share)[0].abs())
            changes += float((1 - functional.cosine_similarity(*seen[0], dim=-1)).sum())
        assert float(by_gradient[index]) == pytest.approx(slopes, rel=1e-3, abs=1e-5)
        assert float(by_change[index]) == pytest.approx(changes, rel=1e-3)


def test_wanda_is_weight_times_norm_of_inputs(model, batches):
    found = importance.weight_importance(model.network, model.family, batches, TASK.loss, real, "activation")
    name = f"{model.family.layers}.1.{model.family.feed_forward_in}"
    linear, seen = model.network.get_submodule(name), []
    with hook(linear.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][0]))), torch.no_grad():
        for batch in batches:
            TASK.loss(model.network, batch)
    wanted = linear.weight.detach().abs() * torch.cat(seen).norm(dim=0)
    torch.testing.assert_close(found[name], wanted, rtol=1e-3, atol=1e-5)


def test_weights_by_gradient(model, batches):
    found = importance.weight_importance(model.network, model.family, batches, TASK.loss, real, "gradient")
    name = f"{model.family.layers}.0.{model.family.query}"
    linear = model.network.get_submodule(name)
    slopes = [torch.autograd.grad(TASK.loss(model.network, batch), linear.weight)[0] for batch in batches]
    wanted = sum((linear.weight.detach() * slope).abs() for slope in slopes)
    torch.testing.assert_close(found[name], wanted, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("kind", ["gradient", "activation"])
def test_padding_does_not_count(model, batches, kind):
    """The same texts in one padded batch score the same (gradients: by the mean of the loss over texts)."""
    width = max(batch.labels.shape[0] and batch.inputs["input_ids"].shape[1] for batch in batches)
    padded = {
        name: torch.cat(
            [functional.pad(batch.inputs[name], (0, width - batch.inputs[name].shape[1])) for batch in batches]
        )
        for name in batches[0].inputs
    }
    together = [Batch(padded, torch.cat([batch.labels for batch in batches]), 0.0)]
    share = len(batches) if kind == "gradient" else 1
    given = (TASK.loss, real, kind)
    one = importance.unit_importance(model.network, model.family, model.family.feed_forward_out, batches, *given)
    all_ = importance.unit_importance(model.network, model.family, model.family.feed_forward_out, together, *given)
    torch.testing.assert_close(all_[0] * share, one[0], rtol=2e-3, atol=1e-4)
    one_layer = importance.layer_importance(model.network, model.family, batches, *given)
    all_layers = importance.layer_importance(model.network, model.family, together, *given)
    torch.testing.assert_close(all_layers * share, one_layer, rtol=2e-3, atol=1e-3)


def test_magnitude_asks_no_data(model):
    def no_data() -> Iterator[Batch]:
        raise AssertionError("data was asked for")
        yield

    given = (TASK.loss, real, "magnitude")
    name = model.family.feed_forward_out
    units = importance.unit_importance(model.network, model.family, name, no_data(), *given)
    linear = linear_of(layers_of(model.network, model.family)[0], name)
    torch.testing.assert_close(units[0], linear.weight.detach().norm(dim=0))
    layers = importance.layer_importance(model.network, model.family, no_data(), *given)
    first = sum(p.detach().norm() for p in layers_of(model.network, model.family)[0].parameters())
    torch.testing.assert_close(layers[0], first)


def test_nothing_is_left_behind(model, batches):
    importance.weight_importance(model.network, model.family, batches, TASK.loss, real, "gradient")
    assert all(parameter.grad is None for parameter in model.network.parameters())
    assert not any(module._forward_pre_hooks for module in model.network.modules())
