"""How much each part of a network matters for given data.

For neurons and heads the input `a` of the layer's output projection is watched: removing a unit is
setting its part of `a` to zero, and to first order that changes the loss by a · ∂L/∂a (Molchanov et
al. 2019, arXiv:1906.10771; for heads Michel et al. 2019, arXiv:1905.10650). Without gradients,
|a| times the norm of the outgoing weights serves (Wanda's score summed over a unit).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal

from engine.models.families import Family
from engine.models.surgery import layers_of

if TYPE_CHECKING:
    import torch
    from torch import nn

Kind = Literal["gradient", "activation", "magnitude"]
LossOf = Callable[["nn.Module", object], "torch.Tensor"]
"""(network, batch) → scalar loss."""


def unit_importance(
    network: nn.Module, family: Family, projection: str, batches: Iterable[object], loss_of: LossOf, kind: Kind
) -> list[torch.Tensor]:
    """Importance of every input unit of `projection` (a name within a layer), one tensor [units] a layer."""
    import torch

    linears = [layer.get_submodule(projection) for layer in layers_of(network, family)]
    norms = [linear.weight.detach().norm(dim=0) for linear in linears]
    if kind == "magnitude":
        return norms
    scores = [torch.zeros(linear.in_features) for linear in linears]
    seen: dict[int, torch.Tensor] = {}

    def watch(index: int) -> Callable[[nn.Module, tuple[torch.Tensor, ...]], None]:
        def hook(_: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            if kind == "gradient":
                inputs[0].retain_grad()
            seen[index] = inputs[0]

        return hook

    handles = [linear.register_forward_pre_hook(watch(i)) for i, linear in enumerate(linears)]
    try:
        for batch in batches:
            with torch.set_grad_enabled(kind == "gradient"):
                loss = loss_of(network, batch)
            if kind == "gradient":
                network.zero_grad(set_to_none=True)
                loss.backward()
            for index, units in seen.items():
                flat = units.detach().reshape(-1, units.shape[-1])
                if kind == "gradient":
                    assert units.grad is not None
                    # Summed over a text's tokens first: what the loss would change by for that text.
                    per_text = (units.detach() * units.grad).sum(dim=1)
                    scores[index] += per_text.abs().sum(dim=0)
                else:
                    scores[index] += flat.abs().sum(dim=0) * norms[index]
            seen.clear()
    finally:
        for handle in handles:
            handle.remove()
        network.zero_grad(set_to_none=True)
    return scores


def layer_importance(
    network: nn.Module, family: Family, batches: Iterable[object], loss_of: LossOf, kind: Kind
) -> torch.Tensor:
    """Importance of each layer [layers]: how much it changes the stream that passes through it.

    activation: 1 − cosine of a layer's input and output (block influence, arXiv:2403.03853);
    gradient: |(output − input) · ∂L/∂output|; magnitude: the norm of its weights.
    """
    import torch

    layers = list(layers_of(network, family))
    if kind == "magnitude":
        return torch.stack([sum(p.detach().norm() for p in layer.parameters()) for layer in layers])  # type: ignore[misc]
    scores = torch.zeros(len(layers))
    seen: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def watch(index: int) -> Callable[..., None]:
        def hook(
            _: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor | tuple[torch.Tensor, ...]
        ) -> None:
            after = output[0] if isinstance(output, tuple) else output
            if kind == "gradient":
                after.retain_grad()
            seen[index] = (inputs[0], after)

        return hook

    handles = [layer.register_forward_hook(watch(i)) for i, layer in enumerate(layers)]
    try:
        for batch in batches:
            with torch.set_grad_enabled(kind == "gradient"):
                loss = loss_of(network, batch)
            if kind == "gradient":
                network.zero_grad(set_to_none=True)
                loss.backward()
            for index, (before, after) in seen.items():
                if kind == "gradient":
                    assert after.grad is not None
                    change = (after.detach() - before.detach()) * after.grad
                    scores[index] += change.sum(dim=(1, 2)).abs().sum()
                else:
                    cosine = torch.nn.functional.cosine_similarity(before, after, dim=-1)
                    scores[index] += (1 - cosine).mean()
            seen.clear()
    finally:
        for handle in handles:
            handle.remove()
        network.zero_grad(set_to_none=True)
    return scores


def weight_importance(
    network: nn.Module, family: Family, batches: Iterable[object], loss_of: LossOf, kind: Kind
) -> dict[str, torch.Tensor]:
    """Importance of every single weight in the layers' matrices: name → tensor shaped like the weight.

    gradient: |w · ∂L/∂w|, summed over batches; activation: |w| · ‖x‖₂ (Wanda, arXiv:2306.11695);
    magnitude: |w|.
    """
    import torch

    prefix = family.layers + "."
    names = {
        name: module
        for name, module in network.named_modules()
        if name.startswith(prefix) and isinstance(module, torch.nn.Linear)
    }
    squares = {name: torch.zeros(module.in_features) for name, module in names.items()}
    scores = {name: torch.zeros_like(module.weight) for name, module in names.items()}

    def watch(name: str) -> Callable[[nn.Module, tuple[torch.Tensor, ...]], None]:
        def hook(_: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            squares[name] += inputs[0].detach().reshape(-1, inputs[0].shape[-1]).square().sum(dim=0)

        return hook

    handles = [module.register_forward_pre_hook(watch(name)) for name, module in names.items()]
    try:
        for batch in () if kind == "magnitude" else batches:
            with torch.set_grad_enabled(kind == "gradient"):
                loss = loss_of(network, batch)
            if kind == "gradient":
                network.zero_grad(set_to_none=True)
                loss.backward()
                for name, module in names.items():
                    assert module.weight.grad is not None
                    scores[name] += (module.weight.detach() * module.weight.grad).abs()
    finally:
        for handle in handles:
            handle.remove()
        network.zero_grad(set_to_none=True)
    weights = {name: module.weight.detach().abs() for name, module in names.items()}
    if kind == "magnitude":
        return weights
    if kind == "activation":
        return {name: weights[name] * squares[name].sqrt() for name in names}
    return scores
