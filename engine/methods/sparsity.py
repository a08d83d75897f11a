"""Unstructured and N:M sparsity: which single weights become zero.

Magnitude (of one layer, or under one threshold over all), Wanda (Sun et al. 2023, arXiv:2306.11695)
and SparseGPT (Frantar and Alistarh 2023, arXiv:2301.00774; in `sparsegpt`). N:M after Mishra et al.
2021 (arXiv:2104.08378): of every M neighbouring inputs of a neuron, N weights stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from engine.methods.calibration import (
    Batches,
    Check,
    Progress,
    blocks_of,
    gram,
    never,
    silent,
    squares,
    walk,
)
from engine.methods.sparsegpt import solve
from engine.methods.weights import Layers, weight_of

Method = Literal["magnitude", "magnitude over all layers", "wanda", "sparsegpt"]
Masks = dict[str, torch.Tensor]
"""Layer name → True where the weight stays [out, in]."""


@dataclass(frozen=True)
class NofM:
    """`stay` of every `of` neighbouring inputs stay; 2:4 is what graphics cards have kernels for."""

    stay: int = 2
    of: int = 4

    def __post_init__(self) -> None:
        if not 0 < self.stay <= self.of:
            raise ValueError(f"{self.stay} of {self.of} cannot stay")


Amount = float | NofM
"""A share of weights that become zero (0 to 1), or a pattern."""


def sparsify(
    network: nn.Module,
    layers: Layers,
    batches: Batches,
    method: Method,
    amount: Amount,
    *,
    check: Check = never,
    progress: Progress = silent,
) -> Masks:
    """Set weights of `layers` to zero in place and say which stay; SparseGPT changes those that stay, too.

    Magnitude looks at no batch. For Wanda and SparseGPT a layer that no token reaches (an unused
    head) is left whole and is not among the masks. Raises `Refused` where activations are not finite.
    """
    if not isinstance(amount, NofM) and not 0.0 <= amount <= 1.0:
        raise ValueError(f"a sparsity of {amount} is not between 0 and 1")
    if method == "magnitude over all layers" and not isinstance(amount, NofM):
        return _smallest_of_all(layers, amount, check, progress)
    if method.startswith("magnitude"):
        return _by_magnitude(layers, amount, check, progress)
    return _by_block(network, layers, batches, method, amount, check, progress)


def hold(layers: Layers, masks: Mapping[str, torch.Tensor]) -> Callable[[], None]:
    """A function that sets the masked weights to zero again, to be called after each training step."""
    held = [(module, masks[name]) for name, module in layers if name in masks]

    def zero() -> None:
        for module, mask in held:
            weight = weight_of(module)
            weight.mul_(mask.to(weight.device))

    return zero


def sparsity_of(masks: Mapping[str, torch.Tensor]) -> float:
    """The share of masked weights that do not stay, over all layers."""
    total = sum(mask.numel() for mask in masks.values())
    return 1.0 - sum(int(mask.sum()) for mask in masks.values()) / total if total else 0.0


def mask_of(scores: torch.Tensor, amount: Amount, *, by_row: bool) -> torch.Tensor:
    """True where the weight stays, by scores [out, in]: the lowest go, of each row or of the whole matrix.

    Exactly round(share · count) go, whatever ties there are. With a pattern, each group is judged by
    itself; inputs beyond the last whole group stay.
    """
    if isinstance(amount, NofM):
        return _best_of_groups(scores, amount)
    pools = scores if by_row else scores.reshape(1, -1)
    lowest = pools.topk(round(pools.shape[1] * amount), dim=1, largest=False).indices
    return torch.ones_like(pools, dtype=torch.bool).scatter_(1, lowest, False).reshape(scores.shape)


def _best_of_groups(scores: torch.Tensor, pattern: NofM) -> torch.Tensor:
    rows, columns = scores.shape
    whole = columns // pattern.of * pattern.of
    groups = scores[:, :whole].reshape(rows, -1, pattern.of)
    best = groups.topk(pattern.stay, dim=-1).indices
    mask = torch.ones_like(scores, dtype=torch.bool)
    mask[:, :whole] = torch.zeros_like(groups, dtype=torch.bool).scatter_(-1, best, True).reshape(rows, whole)
    return mask


def _by_magnitude(layers: Layers, amount: Amount, check: Check, progress: Progress) -> Masks:
    masks: Masks = {}
    for number, (name, module) in enumerate(layers):
        check()
        progress(number, len(layers), f"zeroing {name}")
        weight = weight_of(module)
        masks[name] = mask_of(weight.abs(), amount, by_row=False)
        weight.mul_(masks[name])
    return masks


def _smallest_of_all(layers: Layers, share: float, check: Check, progress: Progress) -> Masks:
    """One threshold for all layers, exact without ever holding all weights at once in order."""
    wanted = round(share * sum(weight_of(module).numel() for _, module in layers))
    threshold = _kth_smallest(layers, wanted, check)
    below = sum(int((_magnitude_bits(module) < threshold).sum()) for _, module in layers)
    ties = wanted - below  # so many of those that equal the threshold go with them
    masks: Masks = {}
    for number, (name, module) in enumerate(layers):
        check()
        progress(number, len(layers), f"zeroing {name}")
        bits = _magnitude_bits(module)
        equal = bits == threshold
        going = equal & (equal.flatten().cumsum(0).reshape(equal.shape) <= ties)
        ties -= int(going.sum())
        masks[name] = (bits >= threshold) & ~going
        weight_of(module).mul_(masks[name])
    return masks


def _kth_smallest(layers: Layers, rank: int, check: Check) -> int:
    """The smallest threshold with at least `rank` weights at or below it, as the bits of a 32-bit float."""
    low, high = 0, 0x7F800000  # zero and infinity: the bits of floats ≥ 0 are in the order of their values
    while low < high:
        check()
        middle = (low + high) // 2
        if sum(int((_magnitude_bits(module) <= middle).sum()) for _, module in layers) >= rank:
            high = middle
        else:
            low = middle + 1
    return low


def _magnitude_bits(module: nn.Module) -> torch.Tensor:
    return weight_of(module).float().abs().contiguous().view(torch.int32)


def _by_block(
    network: nn.Module,
    layers: Layers,
    batches: Batches,
    method: Method,
    amount: Amount,
    check: Check,
    progress: Progress,
) -> Masks:
    """Block after block, each judged by what the sparse blocks before it give."""
    masks: Masks = {}
    total = len(blocks_of(layers))
    visits = walk(network, layers, batches, squares if method == "wanda" else gram, check)
    progress(0, total, "reading what reaches each layer")
    for number, (block, seen) in enumerate(visits):
        for name, module in block:
            if name not in seen:
                continue
            check()
            weight = weight_of(module)
            if method == "wanda":
                masks[name] = mask_of(weight.abs() * seen[name].sqrt(), amount, by_row=True)
                weight.mul_(masks[name])
            else:
                pattern = (amount.stay, amount.of) if isinstance(amount, NofM) else None
                share = 0.0 if isinstance(amount, NofM) else amount
                solved, masks[name] = solve(weight, seen.pop(name), share, pattern, check=check)
                weight.copy_(solved)
        progress(number + 1, total, f"weights of layer {number + 1} of {total} chosen")
    return masks
