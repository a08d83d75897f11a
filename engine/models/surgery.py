"""Taking parts out of a network for real: smaller tensors, and a config that says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from engine.models.families import Family

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import PreTrainedModel


def layers_of(network: PreTrainedModel, family: Family) -> nn.ModuleList:
    """The list of the network's layers."""
    return cast("nn.ModuleList", network.get_submodule(family.layers))


def linear_of(layer: nn.Module, name: str) -> nn.Linear:
    """The projection that a family calls `name` within a layer."""
    return cast("nn.Linear", layer.get_submodule(name))


def keep_neurons(network: PreTrainedModel, family: Family, kept: Sequence[torch.Tensor]) -> None:
    """Keep the feed-forward neurons `kept[layer]` (indices, the same count in every layer)."""
    for layer, index in zip(layers_of(network, family), kept, strict=True):
        _keep_rows(linear_of(layer, family.feed_forward_in), index)
        _keep_columns(linear_of(layer, family.feed_forward_out), index)
    setattr(network.config, family.feed_forward_key, len(kept[0]))


def keep_heads(network: PreTrainedModel, family: Family, kept: Sequence[torch.Tensor]) -> None:
    """Keep the attention heads `kept[layer]`; the size of a head stays."""
    import torch

    for layer, heads in zip(layers_of(network, family), kept, strict=True):
        size = head_size(network, family)
        index = torch.cat([torch.arange(int(head) * size, (int(head) + 1) * size) for head in heads])
        for name in (family.query, family.key, family.value):
            _keep_rows(linear_of(layer, name), index)
        _keep_columns(linear_of(layer, family.attention_output), index)


def keep_layers(network: PreTrainedModel, family: Family, kept: Sequence[int]) -> None:
    """Keep the layers `kept`, in their order, and drop the others."""
    from torch import nn

    layers = layers_of(network, family)
    owner, _, name = family.layers.rpartition(".")
    setattr(network.get_submodule(owner), name, nn.ModuleList([layers[index] for index in kept]))
    setattr(network.config, family.layers_key, len(kept))


def fit_attention(network: PreTrainedModel, family: Family, weights: Mapping[str, torch.Tensor]) -> bool:
    """Narrow the attention projections to the shapes of `weights`; whether any of them had to change."""
    import torch

    changed = False
    for number, layer in enumerate(layers_of(network, family)):
        width = weights[f"{family.layers}.{number}.{family.query}.weight"].shape[0]
        if width == linear_of(layer, family.query).weight.shape[0]:
            continue
        changed = True
        for name in (family.query, family.key, family.value):
            _keep_rows(linear_of(layer, name), torch.arange(width))
        _keep_columns(linear_of(layer, family.attention_output), torch.arange(width))
    return changed


def head_size(network: PreTrainedModel, family: Family) -> int:
    """Width of one attention head."""
    config = network.config
    return int(getattr(config, family.hidden_key)) // int(getattr(config, family.heads_key))


def _keep_rows(linear: nn.Linear, index: torch.Tensor) -> None:
    from torch import nn

    linear.weight = nn.Parameter(linear.weight.detach()[index].clone())
    if linear.bias is not None:
        linear.bias = nn.Parameter(linear.bias.detach()[index].clone())
    linear.out_features = len(index)


def _keep_columns(linear: nn.Linear, index: torch.Tensor) -> None:
    from torch import nn

    linear.weight = nn.Parameter(linear.weight.detach()[:, index].clone())
    linear.in_features = len(index)
