"""A narrower network: fewer hidden channels, heads and neurons, the same in every layer.

The network is built anew from a config that says the smaller sizes, and the numbers that stay are put
into it: so it is what plain `from_pretrained` builds. Which they are is said for each side of each
tensor by `engine.models.sides`. What is left computes as the wide network would if its norms looked
at the kept channels alone and nothing read the others; a norm's mean and variance are over fewer
channels now, so the answers change even where nothing but zeros leaves, and training must follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.models.families import Family
from engine.models.sides import Side, sides
from engine.models.surgery import group_size, head_size, spread

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig, PreTrainedModel


@dataclass(frozen=True)
class Kept:
    """What stays, as rising indices: hidden channels [hidden]; for each layer groups of heads, and neurons."""

    channels: torch.Tensor
    groups: Sequence[torch.Tensor]
    neurons: Sequence[torch.Tensor]


def narrow(network: PreTrainedModel, family: Family, kept: Kept) -> PreTrainedModel:
    """A new network, in eval mode, with the parts of `network` that are `kept`; `network` stays as it is."""
    narrower = type(network)(_config(network, family, kept)).eval()
    stored = network.state_dict()
    narrower.load_state_dict({name: _cut(name, stored[name], network, family, kept) for name in narrower.state_dict()})
    if network.can_generate():
        narrower.generation_config = deepcopy(network.generation_config)
    return narrower


def _config(network: PreTrainedModel, family: Family, kept: Kept) -> PretrainedConfig:
    size, group, groups = head_size(network, family), group_size(network, family), len(kept.groups[0])
    changed = {
        family.hidden_key: len(kept.channels),
        family.heads_key: groups * group,
        family.feed_forward_key: len(kept.neurons[0]),
    }
    if family.kv_heads_key:
        changed[family.kv_heads_key] = groups
    if family.head_size_key:
        changed[family.head_size_key] = size
    config = deepcopy(network.config)
    for key, value in changed.items():
        setattr(config, key, value)
    return config


def _cut(name: str, weight: torch.Tensor, network: PreTrainedModel, family: Family, kept: Kept) -> torch.Tensor:
    """The part of one tensor that stays."""
    inside = f"{family.layers}."
    layer = int(name.removeprefix(inside).split(".")[0]) if name.startswith(inside) else 0
    for dimension, side in enumerate(sides(name, weight.dim(), family)):
        if side != "fixed":
            weight = weight.index_select(dimension, _places(side, layer, network, family, kept))
    return weight.clone()


def _places(side: Side, layer: int, network: PreTrainedModel, family: Family, kept: Kept) -> torch.Tensor:
    """Which of a side's numbers stay."""
    import torch

    if side == "channels":
        return kept.channels
    if side == "neurons":
        return kept.neurons[layer]
    size = head_size(network, family)
    if side == "shared":
        return spread(kept.groups[layer], size)
    queries = spread(kept.groups[layer], size * group_size(network, family))
    if side == "queries":
        return queries
    whole = size * int(getattr(network.config, family.heads_key))
    return torch.cat([queries + part * whole for part in range(3)])
