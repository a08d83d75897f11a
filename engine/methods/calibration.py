"""What reaches each layer: sums over the inputs of calibration texts. Padding never counts.

`walk` visits layers block by block (a block is one transformer layer), so that what a later block is
given has already passed the changed earlier ones, as in Wanda and SparseGPT. The texts' states after
each block are kept: when the network runs for the next one, finished blocks hand on what is kept
rather than work it out again, and it stops once the block's layers were reached. Every architecture
builds its own masks and positions so, and all blocks together cost two passes over the texts. Kept in
32 bits: the sums of one block, and one state [hidden] for each token of the texts.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from typing import Any

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


def blocks_of(layers: Layers) -> list[tuple[str, list[tuple[str, nn.Module]]]]:
    """(name of a transformer layer, the linear layers in it), in their order.

    The first number in a layer's name tells; a layer without one is a block by itself.
    """
    blocks: dict[str, list[tuple[str, nn.Module]]] = {}
    for name, module in layers:
        numbered = re.match(r"(?:[^.]+\.)*?\d+(?=\.)", name)
        blocks.setdefault(numbered.group() if numbered else name, []).append((name, module))
    return list(blocks.items())


def squares(inputs: torch.Tensor) -> torch.Tensor:
    """Σ x² over tokens, of inputs [tokens, in]: [in]."""
    return inputs.square().sum(dim=0)


def gram(inputs: torch.Tensor) -> torch.Tensor:
    """Σ x xᵀ over tokens, of inputs [tokens, in]: [in, in]."""
    return inputs.T @ inputs


def walk(
    network: nn.Module, layers: Layers, batches: Batches, of: Contribution, check: Check = never
) -> Iterator[tuple[list[tuple[str, nn.Module]], dict[str, torch.Tensor]]]:
    """For each block, in order: its layers, and layer name → the sum of `of` over all inputs.

    What the caller changes in a block before asking for the next is what the next one is given. Layers
    that no token reaches are left out of the sums. `layers` must be in the order in which a text passes them.
    """
    batches = list(batches)
    stream = _Stream(network)
    blocks = blocks_of(layers)
    for name, block in blocks:
        with stream.skipping():
            sums = _gather(network, block, stream.counted(batches), of, check)
        yield block, sums
        if sums and name != blocks[-1][0]:
            with stream.skipping():
                stream.finish(name, _outputs(network, name, stream.counted(batches), check))


def from_each_block(
    network: nn.Module, layers: Layers, batches: Batches, check: Check = never
) -> Generator[tuple[list[tuple[str, nn.Module]], Callable[[], Batches]]]:
    """For each block, in order: its layers, and a way to get the batches, for which blocks before it do no work.

    So a change in one block is followed to the end without what comes before it; to be closed where it is left early.
    """
    batches = list(batches)
    stream = _Stream(network)
    for name, block in blocks_of(layers):
        with stream.skipping():
            yield block, functools.partial(stream.counted, batches)
            stream.finish(name, _outputs(network, name, stream.counted(batches), check))


class _Stream:
    """Texts on their way through a network: what each finished block gave for each batch."""

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._batch = 0
        self._given: dict[str, list[Any]] = {}
        """Name without the number → outputs of the last finished block; those before it are never asked for."""
        self._finished: list[str] = []

    def counted(self, batches: list[Mapping[str, torch.Tensor]]) -> Iterator[Mapping[str, torch.Tensor]]:
        """The batches, while keeping in mind which of them is on its way."""
        for self._batch, batch in enumerate(batches):
            yield batch

    def finish(self, name: str, outputs: list[Any] | None) -> None:
        """From now on this block hands on `outputs`; None where it was not reached: then it goes on as it does."""
        if outputs is not None:
            self._given[_series(name)] = outputs
            self._finished.append(name)

    @contextlib.contextmanager
    def skipping(self) -> Iterator[None]:
        """Finished blocks do no work."""
        modules = [(self._network.get_submodule(name), _series(name)) for name in self._finished]
        for module, series in modules:
            module.forward = functools.partial(self._hand_on, series)
        try:
            yield
        finally:
            for module, _ in modules:
                del module.forward

    def _hand_on(self, series: str, *_: Any, **__: Any) -> Any:
        return _copied(self._given[series][self._batch])


def _series(name: str) -> str:
    """The blocks that follow one another: "encoder.layer" of "encoder.layer.3"."""
    return re.sub(r"\.?\d+$", "", name)


def _copied(output: Any) -> Any:
    """A block may work in place on what it is given."""
    if isinstance(output, torch.Tensor):
        return output.clone()
    return tuple(map(_copied, output)) if isinstance(output, tuple) else output


@torch.no_grad()
def _outputs(network: nn.Module, name: str, batches: Batches, check: Check) -> list[Any] | None:
    """What the module gives for each batch, or None where one of them does not reach it."""
    found: list[Any] = []

    def keep(_: nn.Module, __: Any, output: Any) -> None:
        found.append(output)
        raise _Enough

    missed = False
    with _evaluating(network, [network.get_submodule(name).register_forward_hook(keep)]):
        for batch in batches:
            check()
            with contextlib.suppress(_Enough):
                network(**_placed(batch, network))
                missed = True
    return None if missed else found


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

    handles = [module.register_forward_pre_hook(watch(name)) for name, module in layers]
    with _evaluating(network, handles):
        for batch in batches:
            check()
            reached.clear()
            last = None
            placed = _placed(batch, network)
            real = placed.get("attention_mask")
            with contextlib.suppress(_Enough):
                network(**placed)
    return sums


def _placed(batch: Mapping[str, torch.Tensor], network: nn.Module) -> dict[str, torch.Tensor]:
    device = next(network.parameters()).device
    return {key: value.to(device) for key, value in batch.items()}


def _real_tokens(inputs: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """The layer's inputs [tokens, in] in 32 bits, without padding where they are laid out as the mask is."""
    flat = inputs.reshape(-1, inputs.shape[-1]).float()
    laid_out_alike = mask is not None and inputs.shape[:-1] in (mask.shape, (mask.numel(),))
    return flat[mask.flatten().bool()] if mask is not None and laid_out_alike else flat


@contextlib.contextmanager
def _evaluating(network: nn.Module, handles: list[torch.utils.hooks.RemovableHandle]) -> Iterator[None]:
    """Without dropout and without a key-value cache; afterwards hooks are gone and all is as it was."""
    training = network.training
    config: Any = getattr(network, "config", None)
    caching = getattr(config, "use_cache", False)
    network.eval()
    if caching:
        config.use_cache = False
    try:
        yield
    finally:
        network.train(training)
        if caching:
            config.use_cache = caching
        for handle in handles:
            handle.remove()
