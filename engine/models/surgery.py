"""Taking parts out of a network for real: smaller tensors, and a config that says so.

Where several query heads share one head of keys and values (grouped queries, arXiv:2305.13245), whole
groups leave: keys and values shrink with the queries, so the cache that generation reads at every token
shrinks too, the groups stay as large as they were, and config.json can say what is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from engine.models.families import Family
from engine.models.projection import EXPAND, REDUCE, Projection

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import PreTrainedModel


def layers_of(network: PreTrainedModel, family: Family) -> nn.ModuleList:
    """The list of the network's layers."""
    return cast("nn.ModuleList", network.get_submodule(family.layers))


def linear_of(layer: nn.Module, name: str) -> nn.Linear:
    """The module that a family calls `name` within a layer; `projection_of` also knows which way it is stored."""
    return cast("nn.Linear", layer.get_submodule(name))


def projection_of(layer: nn.Module, name: str) -> Projection:
    """The projection that a family calls `name` within a layer."""
    return Projection(layer.get_submodule(name))


def keep_neurons(network: PreTrainedModel, family: Family, kept: Sequence[torch.Tensor]) -> None:
    """Keep the feed-forward neurons `kept[layer]` (indices, the same count in every layer)."""
    for layer, index in zip(layers_of(network, family), kept, strict=True):
        for name in family.feed_forward_inputs:
            projection_of(layer, name).keep_outputs(index)
        projection_of(layer, family.feed_forward_out).keep_inputs(index)
    setattr(network.config, family.feed_forward_key, len(kept[0]))


def keep_heads(network: PreTrainedModel, family: Family, kept: Sequence[torch.Tensor]) -> None:
    """Keep the attention heads `kept[layer]`, or with grouped queries these whole groups; a head's size stays.

    config.json is changed where it can say what is left (`Family.says_heads`).
    """
    size, group = head_size(network, family), group_size(network, family)
    for layer, groups in zip(layers_of(network, family), kept, strict=True):
        _keep_attention(layer, family, spread(groups, size * group), spread(groups, size))
    config, groups = network.config, len(kept[0])
    if family.says_heads(groups * group, int(getattr(config, family.hidden_key))):
        setattr(config, cast("str", family.head_size_key), size)
        setattr(config, family.heads_key, groups * group)
        if family.kv_heads_key:
            setattr(config, family.kv_heads_key, groups)


def keep_layers(network: PreTrainedModel, family: Family, kept: Sequence[int]) -> None:
    """Keep the layers `kept`, in their order, and drop the others.

    Their numbers, by which they find their place in the cache of keys and values, are counted anew.
    """
    from torch import nn

    layers, config = layers_of(network, family), network.config
    owner, _, name = family.layers.rpartition(".")
    left = nn.ModuleList([layers[index] for index in kept])
    setattr(network.get_submodule(owner), name, left)
    for number, layer in enumerate(left):
        for module in layer.modules():
            if hasattr(module, "layer_idx"):
                module.layer_idx = number  # type: ignore[assignment] # a plain number, no parameter
    kinds = getattr(config, "layer_types", None)
    if kinds:
        config.layer_types = [kinds[index] for index in kept]
    setattr(config, family.layers_key, len(kept))


def fit_attention(network: PreTrainedModel, family: Family, weights: Mapping[str, torch.Tensor]) -> bool:
    """Narrow the attention projections to the shapes of `weights`; whether any of them had to change."""
    import torch

    changed = False
    for number, layer in enumerate(layers_of(network, family)):
        stored = f"{family.layers}.{number}."
        # The output's columns are the query's width, also where query, key and value are fused.
        width = _stored_shape(weights, f"{stored}{family.attention_output}", family)[1]
        if width == projection_of(layer, family.attention_output).inputs:
            continue
        changed = True
        shared = width if family.fused else _stored_shape(weights, f"{stored}{family.key}", family)[0]
        _keep_attention(layer, family, torch.arange(width), torch.arange(shared))
    return changed


def _stored_shape(weights: Mapping[str, torch.Tensor], name: str, family: Family) -> tuple[int, int]:
    """(out, in) of a stored projection, which may have become two thin ones."""
    if (whole := weights.get(f"{name}.weight")) is not None:
        out, width = reversed(whole.shape) if family.transposed else whole.shape
        return out, width
    return weights[f"{name}.{EXPAND}.weight"].shape[0], weights[f"{name}.{REDUCE}.weight"].shape[1]


def head_size(network: PreTrainedModel, family: Family) -> int:
    """Width of one attention head."""
    config = network.config
    said = getattr(config, family.head_size_key, None) if family.head_size_key else None
    return int(said or int(getattr(config, family.hidden_key)) // int(getattr(config, family.heads_key)))


def group_size(network: PreTrainedModel, family: Family) -> int:
    """Query heads that share one head of keys and values; 1 where each has its own."""
    config = network.config
    shared = getattr(config, family.kv_heads_key, None) if family.kv_heads_key else None
    return int(getattr(config, family.heads_key)) // int(shared) if shared else 1


def heads_left(network: PreTrainedModel, family: Family) -> int:
    """Query heads a layer, counted on the weights: config.json cannot always say it."""
    return projection_of(layers_of(network, family)[0], family.attention_output).inputs // head_size(network, family)


def _keep_attention(layer: nn.Module, family: Family, queries: torch.Tensor, shared: torch.Tensor) -> None:
    """Keep the outputs `queries` of the query and `shared` of key and value."""
    import torch

    output = projection_of(layer, family.attention_output)
    if family.fused:
        width = output.inputs
        projection_of(layer, family.query).keep_outputs(torch.cat([queries + part * width for part in range(3)]))
        owner, _, name = cast("str", family.fused_width).rpartition(".")
        setattr(layer.get_submodule(owner), name, len(queries))
    else:
        projection_of(layer, family.query).keep_outputs(queries)
        for part in (family.key, family.value):
            projection_of(layer, part).keep_outputs(shared)
    output.keep_inputs(queries)


def spread(units: torch.Tensor, size: int) -> torch.Tensor:
    """Places of all numbers of these units, `size` numbers each."""
    import torch

    return (units.unsqueeze(1) * size + torch.arange(size)).flatten()
