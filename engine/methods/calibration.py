"""What reaches each layer: sums over the inputs of calibration texts. Padding never counts.

Layers are visited block by block (a block is one transformer layer), so that what a later block is
given has already passed the changed earlier ones, as in Wanda and SparseGPT. Each visit runs the
texts through the network from the start and stops once the block's layers were reached: simple and
right for every architecture, at the cost of (blocks + 1) / 2 whole passes over the texts (3.5 for
6 layers, 15.5 for 30). Sums are kept in 32 bits, for the layers of one block at a time.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

import torch
from torch import nn

from engine.methods.weights import Layers

Batches = Iterable[Mapping[str, torch.Tensor]]
"""What the network is called with; `attention_mask` [texts, tokens], where there is one, tells padding."""
Check = Callable[[], None]
"""Raises `Cancelled` if the user asked to stop."""
Progress = Callable[[float, float, str], None]
"""(done, total, message)."""
Contribution = Callable[[torch.Tensor], torch.Tensor]


class _Enough(Exception):
    """Every watched layer was reached: the rest of the network need not run."""


def never() -> None:
    """A check that never stops anything."""


def silent(done: float, total: float, message: str) -> None:
    """Progress that nobody listens to."""


def blocks_of(layers: Layers) -> list[list[tuple[str, nn.Module]]]:
    """Layers grouped by the transformer layer they stand in (the first number in their name), in their order."""
    blocks: dict[str, list[tuple[str, nn.Module]]] = {}
    for name, module in layers:
        numbered = re.match(r"(?:[^.]+\.)*?\d+(?=\.)", name)
        blocks.setdefault(numbered.group() if numbered else name, []).append((name, module))
    return list(blocks.values())


def input_squares(
    network: nn.Module, layers: Layers, batches: Batches, check: Check = never
) -> dict[str, torch.Tensor]:
    """Name → Σ x² over the tokens that reach the layer [in]; layers that no token reaches are left out."""
    return _gather(network, layers, batches, lambda x: x.square().sum(dim=0), check)


def input_grams(network: nn.Module, layers: Layers, batches: Batches, check: Check = never) -> dict[str, torch.Tensor]:
    """Name → Σ x xᵀ over the tokens that reach the layer [in, in]; layers that no token reaches are left out."""
    return _gather(network, layers, batches, lambda x: x.T @ x, check)


@torch.no_grad()
def _gather(
    network: nn.Module, layers: Layers, batches: Batches, contribution: Contribution, check: Check
) -> dict[str, torch.Tensor]:
    """Name → the sum of what `contribution` makes of the layer's inputs [tokens, in] of each batch."""
    sums: dict[str, torch.Tensor] = {}
    reached: set[str] = set()
    real: torch.Tensor | None = None
    # Query, key and value are given the same tensor: its contribution is worked out once.
    last: tuple[torch.Tensor, torch.Tensor] | None = None

    def watch(name: str) -> Callable[[nn.Module, tuple[torch.Tensor, ...]], None]:
        def hook(_: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            nonlocal last
            if last is None or last[0] is not inputs[0]:
                last = inputs[0], contribution(_real_tokens(inputs[0], real))
            if name in sums:
                sums[name] += last[1]
            else:
                sums[name] = last[1].clone()
            reached.add(name)
            if len(reached) == len(layers):
                raise _Enough

        return hook

    device = next(network.parameters()).device
    handles = [module.register_forward_pre_hook(watch(name)) for name, module in layers]
    with _evaluating(network, handles):
        for batch in batches:
            check()
            reached.clear()
            last = None
            placed = {key: value.to(device) for key, value in batch.items()}
            real = placed.get("attention_mask")
            with contextlib.suppress(_Enough):
                network(**placed)
    return sums


def _real_tokens(inputs: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """The layer's inputs [tokens, in] in 32 bits, without padding where they are laid out as the mask is."""
    flat = inputs.reshape(-1, inputs.shape[-1]).float()
    laid_out_alike = mask is not None and inputs.shape[:-1] in (mask.shape, (mask.numel(),))
    return flat[mask.flatten().bool()] if mask is not None and laid_out_alike else flat


@contextlib.contextmanager
def _evaluating(network: nn.Module, handles: list[torch.utils.hooks.RemovableHandle]) -> Iterator[None]:
    """Without dropout; afterwards the hooks are gone and the network is in the mode it was in."""
    training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(training)
        for handle in handles:
            handle.remove()
