"""Which layers suffer most from 4 bits: each is rounded alone, and the model's words are compared.

The measure is the mean Kullback–Leibler divergence (nats a token) of the next token's distribution
from the untouched model's, on calibration texts; rounding is to the nearest of 16 steps a group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import torch

from engine.methods.calibration import from_each_block
from engine.models.importance import projections_in_layers
from engine.runtimes.decoder_size import fitting_group

if TYPE_CHECKING:
    from engine.models.model import Model
    from engine.runtimes import Batch

MOST_TOKENS = 128
"""Calibration tokens that are read again for every layer: they set how long this takes."""


def layer_sensitivity(
    model: Model, calibration: Sequence[Batch], group_size: int, progress: Callable[[int, int], None]
) -> list[tuple[str, float]]:
    """(layer name, KL in nats a token) for every matrix inside the layers, in the order in which a text passes them.

    The network is left as it was. `progress(done, total)` is called before each layer.
    """
    projections = projections_in_layers(model.network, model.family)
    layers = [(name, model.network.get_submodule(name)) for name in projections]
    ids = _some_tokens(calibration)
    found: list[tuple[str, float]] = []
    with torch.inference_mode():
        wanted = [_log_shares(model, batch) for batch in ids]
        with closing(from_each_block(model.network, layers, ids)) as blocks:
            for block, batches in blocks:
                for name, _ in block:
                    progress(len(found), len(projections))
                    weight = projections[name].weight
                    before = weight.clone()
                    try:
                        weight.copy_(rounded_to_nearest(weight, group_size))
                        found.append((name, _divergence(model, batches(), wanted)))
                    finally:
                        weight.copy_(before)
    return found


def most_sensitive(model: Model, sensitivity: Sequence[tuple[str, float]], share: float) -> tuple[str, ...]:
    """Names of the layers that gain most for each weight kept, as many as fit in `share` of the layers' weights."""
    numbers = {
        name: projection.weight.numel()
        for name, projection in projections_in_layers(model.network, model.family).items()
    }
    room = share * sum(numbers.values())
    kept: list[str] = []
    for name, _ in sorted(sensitivity, key=lambda entry: entry[1] / numbers[entry[0]], reverse=True):
        if numbers[name] <= room:
            kept.append(name)
            room -= numbers[name]
    return tuple(sorted(kept, key=[name for name, _ in sensitivity].index))


def rounded_to_nearest(weight: torch.Tensor, group_size: int) -> torch.Tensor:
    """[out, in] with every group of neighbours in a row on 16 even steps from its least to its greatest, 0 included."""
    group = fitting_group(weight.shape[1], group_size)
    steps = 15 if group else 255  # rows that no group divides get 8 bits
    grouped = weight.reshape(weight.shape[0], -1, group or weight.shape[1])
    low = grouped.amin(dim=-1, keepdim=True).clamp(max=0)
    high = grouped.amax(dim=-1, keepdim=True).clamp(min=0)
    scale = ((high - low) / steps).clamp(min=torch.finfo(weight.dtype).tiny)
    zero = (-low / scale).round()
    steps_up = (grouped / scale + zero).round().clamp(0, steps)
    return ((steps_up - zero) * scale).reshape(weight.shape)


def _some_tokens(calibration: Sequence[Batch]) -> list[Mapping[str, torch.Tensor]]:
    found: list[Mapping[str, torch.Tensor]] = []
    room = MOST_TOKENS
    for batch in calibration:
        ids = torch.from_numpy(batch["input_ids"])[:, :room]
        if room <= 0 or ids.shape[1] == 0:
            break
        found.append({"input_ids": ids})
        room -= ids.numel()
    return found


def _log_shares(model: Model, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    return model.network(**batch, use_cache=False).logits.log_softmax(dim=-1)


def _divergence(model: Model, batches: Iterable[Mapping[str, torch.Tensor]], wanted: list[torch.Tensor]) -> float:
    total = sum(
        float((log_shares.exp() * (log_shares - _log_shares(model, batch))).sum())
        for batch, log_shares in zip(batches, wanted, strict=True)
    )
    return max(0.0, total / sum(log_shares.shape[:-1].numel() for log_shares in wanted))
