"""Weight-bearing layers seen alike: `nn.Linear` keeps [out, in], GPT-2's `Conv1D` keeps [in, out].

Everything in `engine.methods` that works on weights sees them as [out, in] through `weight_of`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from engine.errors import Refused
from engine.models.projection import Projection, is_projection

Layers = Sequence[tuple[str, nn.Module]]
"""(dotted name in the network, module) of `nn.Linear` or `Conv1D`, in the order in which a text passes them."""


def is_transposed(module: nn.Module) -> bool:
    """Whether the weight is kept as [in, out]; raises `Refused` where the module is no linear layer."""
    return _projection(module).transposed


def weight_of(module: nn.Module) -> torch.Tensor:
    """The layer's weight as a view [out, in], without gradient: what is written into it changes the layer."""
    return _projection(module).weight


def bias_of(module: nn.Module) -> torch.Tensor | None:
    """The layer's bias [out], or None."""
    return _projection(module).bias


def _projection(module: nn.Module) -> Projection:
    if is_projection(module):
        return Projection(module)
    raise Refused(
        f"A layer of type {type(module).__name__} cannot be changed here: only linear layers (Linear, Conv1D) can. "
        "Leave it out."
    )


def replace_module(network: nn.Module, name: str, module: nn.Module) -> None:
    """Put `module` where the network has the one called `name`."""
    owner, _, last = name.rpartition(".")
    setattr(network.get_submodule(owner), last, module)


def relative_error(weight: torch.Tensor, changed: torch.Tensor, gram: torch.Tensor) -> float:
    """‖(W − W')X‖_F / ‖WX‖_F for weights [out, in] and the inputs' gram matrix XXᵀ [in, in]."""
    difference = (weight - changed).float()
    lost = ((difference @ gram) * difference).sum().clamp(min=0)
    whole = ((weight.float() @ gram) * weight.float()).sum()
    return float((lost / whole).sqrt())
