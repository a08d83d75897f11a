"""How much each part of a network matters for given data. Padding is no data: it never counts.

For neurons and heads the input `a` of the layer's output projection is watched: removing a unit is
setting its part of `a` to zero, and to first order that changes the loss by a · ∂L/∂a (Molchanov et
al. 2019, arXiv:1906.10771; for heads Michel et al. 2019, arXiv:1905.10650). Without gradients,
|a| times the norm of the outgoing weights serves (Wanda's score summed over a unit).
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from engine.models.families import Family
from engine.models.projection import Projection, is_projection
from engine.models.surgery import layers_of, projection_of

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import PreTrainedModel

Kind = Literal["gradient", "activation", "magnitude"]
BatchT = TypeVar("BatchT")
LossOf = Callable[["PreTrainedModel", BatchT], "torch.Tensor"]
"""(network, batch) → scalar loss."""
RealOf = Callable[[BatchT], "torch.Tensor"]
"""batch → 1 for each real token, 0 for padding [texts, tokens]."""


def unit_importance(
    network: PreTrainedModel,
    family: Family,
    projection: str,
    batches: Iterable[BatchT],
    loss_of: LossOf[BatchT],
    real_of: RealOf[BatchT],
    kind: Kind,
) -> list[torch.Tensor]:
    """Importance of every input unit of `projection` (a name within a layer), one tensor [units] a layer."""
    import torch

    projections = dict(enumerate(projection_of(layer, projection) for layer in layers_of(network, family)))
    norms = [one.weight.norm(dim=0) for one in projections.values()]
    if kind == "magnitude":
        return norms
    scores = [torch.zeros_like(norm) for norm in norms]
    seen: dict[int, torch.Tensor] = {}

    def see(index: int, inputs: tuple[torch.Tensor, ...]) -> None:
        seen[index] = _graded(inputs[0], kind)

    with _watching_inputs(network, projections, see):
        for batch in _passes(network, batches, loss_of, kind):
            real = real_of(batch).unsqueeze(-1)
            for index, units in seen.items():
                if kind == "gradient":
                    # Summed over a text's tokens first: what the loss would change by for that text.
                    scores[index] += (units.detach() * _gradient(units)).sum(dim=1).abs().sum(dim=0)
                else:
                    scores[index] += (units.abs() * real).sum(dim=(0, 1)) * norms[index]
    return scores


def width_importance(
    network: PreTrainedModel,
    family: Family,
    batches: Iterable[BatchT],
    run: Callable[[PreTrainedModel, BatchT], object],
    real_of: RealOf[BatchT],
) -> tuple[torch.Tensor, list[torch.Tensor], list[torch.Tensor]]:
    """By activations, in one pass: importance of each hidden channel [hidden]; and as `unit_importance` has it for
    each layer, of the inputs of its attention's and of its feed-forward part's output projection.

    A channel's is its mean absolute activation behind the norms, where attention and feed-forward parts read it
    (Minitron, arXiv:2407.14679).
    """
    import torch

    read, written = (family.query, family.feed_forward_in), (family.attention_output, family.feed_forward_out)
    watched = {
        f"{number} {part}": projection_of(layer, part)
        for number, layer in enumerate(layers_of(network, family))
        for part in (*read, *written)
    }
    sums = {key: torch.zeros(one.inputs) for key, one in watched.items()}
    tokens, seen = 0.0, dict[str, "torch.Tensor"]()

    def see(key: str, inputs: tuple[torch.Tensor, ...]) -> None:
        seen[key] = inputs[0].detach()

    with _watching_inputs(network, watched, see), torch.no_grad():
        for batch in batches:
            run(network, batch)
            real = real_of(batch).unsqueeze(-1)
            tokens += float(real.sum())
            for key, states in seen.items():
                sums[key] += (states.abs() * real).sum(dim=(0, 1))
    channels = torch.stack([sums[key] for key in watched if key.partition(" ")[2] in read]).mean(dim=0)
    heads, neurons = (
        [sums[key] * one.weight.norm(dim=0) for key, one in watched.items() if key.partition(" ")[2] == part]
        for part in written
    )
    return channels / max(tokens, 1.0), heads, neurons


def layer_importance(
    network: PreTrainedModel,
    family: Family,
    batches: Iterable[BatchT],
    loss_of: LossOf[BatchT],
    real_of: RealOf[BatchT],
    kind: Kind,
) -> torch.Tensor:
    """Importance of each layer [layers]: how much it changes the stream that passes through it.

    activation: 1 − cosine of a layer's input and output, summed over tokens (block influence,
    arXiv:2403.03853); gradient: |(output − input) · ∂L/∂output|; magnitude: the norms of its weights.
    """
    import torch

    layers = list(layers_of(network, family))
    if kind == "magnitude":
        return torch.stack([torch.stack([p.detach().norm() for p in layer.parameters()]).sum() for layer in layers])
    scores = torch.zeros(len(layers))
    seen: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def watch(index: int) -> Callable[..., None]:
        def hook(_: nn.Module, inputs: tuple[torch.Tensor, ...], output: Any) -> None:
            seen[index] = inputs[0], _graded(output[0] if isinstance(output, tuple) else output, kind)

        return hook

    with _hooks(network, [layer.register_forward_hook(watch(index)) for index, layer in enumerate(layers)]):
        for batch in _passes(network, batches, loss_of, kind):
            real = real_of(batch)
            for index, (before, after) in seen.items():
                if kind == "gradient":
                    change = (after.detach() - before.detach()) * _gradient(after)
                    scores[index] += change.sum(dim=(1, 2)).abs().sum()
                else:
                    cosine = torch.nn.functional.cosine_similarity(before, after, dim=-1)
                    scores[index] += ((1 - cosine) * real).sum()
    return scores


def weight_importance(
    network: PreTrainedModel,
    family: Family,
    batches: Iterable[BatchT],
    loss_of: LossOf[BatchT],
    real_of: RealOf[BatchT],
    kind: Kind,
) -> dict[str, torch.Tensor]:
    """Importance of every single weight in the layers' matrices: name → tensor [out, in].

    gradient: |w · ∂L/∂w|, summed over batches; activation: |w| · ‖x‖₂ (Wanda, arXiv:2306.11695);
    magnitude: |w|.
    """
    import torch

    projections = projections_in_layers(network, family)
    weights = {name: one.weight.abs() for name, one in projections.items()}
    if kind == "magnitude":
        return weights
    scores = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    squares = {name: torch.zeros(one.inputs) for name, one in projections.items()}
    seen: dict[str, torch.Tensor] = {}

    def see(name: str, inputs: tuple[torch.Tensor, ...]) -> None:
        seen[name] = inputs[0].detach()

    with _watching_inputs(network, projections, see):
        for batch in _passes(network, batches, loss_of, kind):
            real = real_of(batch).unsqueeze(-1)
            for name, one in projections.items():
                squares[name] += (seen[name].square() * real).sum(dim=(0, 1))
                if kind == "gradient":
                    scores[name] += (one.weight * one.gradient).abs()
    if kind == "activation":
        return {name: weights[name] * squares[name].sqrt() for name in projections}
    return scores


def projections_in_layers(network: PreTrainedModel, family: Family) -> dict[str, Projection]:
    """Name in the network → every matrix inside its layers."""
    inside = family.layers + "."
    found = network.named_modules()
    return {name: Projection(one) for name, one in found if name.startswith(inside) and is_projection(one)}


def _passes(
    network: PreTrainedModel, batches: Iterable[BatchT], loss_of: LossOf[BatchT], kind: Kind
) -> Iterator[BatchT]:
    """Each batch, once it went through the network (and back, for gradients)."""
    import torch

    for batch in batches:
        with torch.set_grad_enabled(kind == "gradient"):
            loss = loss_of(network, batch)
        if kind == "gradient":
            network.zero_grad(set_to_none=True)
            loss.backward()
        yield batch


KeyT = TypeVar("KeyT", int, str)


def _watching_inputs(
    network: PreTrainedModel,
    projections: Mapping[KeyT, Projection],
    see: Callable[[KeyT, tuple[torch.Tensor, ...]], None],
) -> contextlib.AbstractContextManager[None]:
    """Call `see(key, inputs)` before each of these projections runs."""
    return _hooks(network, [one.watch(functools.partial(see, key)) for key, one in projections.items()])


@contextlib.contextmanager
def _hooks(network: PreTrainedModel, handles: list[Any]) -> Iterator[None]:
    """Take the hooks off again, and leave no gradients behind."""
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        network.zero_grad(set_to_none=True)


def _graded(tensor: torch.Tensor, kind: Kind) -> torch.Tensor:
    """The same tensor, which will keep its gradient if gradients are what is asked for."""
    if kind == "gradient":
        tensor.retain_grad()
    return tensor


def _gradient(tensor: torch.Tensor) -> torch.Tensor:
    """What `backward` left there."""
    return cast("torch.Tensor", tensor.grad)
