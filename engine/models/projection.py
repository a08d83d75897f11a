"""A `Linear` or GPT-2's `Conv1D` behind one face: the weight is seen as [out, in] however it is stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from transformers.pytorch_utils import Conv1D

if TYPE_CHECKING:
    import torch
    from torch import nn

REDUCE, EXPAND = "reduce", "expand"
"""The two thin layers that may stand for a wide one (`engine.methods.low_rank`)."""


class Projection:
    """One matrix of a network, with its bias if it has one."""

    def __init__(self, module: nn.Module) -> None:
        self.module: Any = module
        self.transposed = isinstance(module, Conv1D)

    @property
    def weight(self) -> torch.Tensor:
        """[out, in], without gradient; a view: what is written into it in place is written into the module."""
        return self._seen(self.module.weight.detach())

    @property
    def gradient(self) -> torch.Tensor:
        """What `backward` left for the weight [out, in]."""
        return self._seen(self.module.weight.grad)

    @property
    def bias(self) -> torch.Tensor | None:
        """[out], without gradient."""
        bias = getattr(self.module, "bias", None)
        return None if bias is None else bias.detach()

    @property
    def outputs(self) -> int:
        """Numbers that come out for a token."""
        return int(self.weight.shape[0])

    @property
    def inputs(self) -> int:
        """Numbers that go in for a token."""
        return int(self.weight.shape[1])

    def keep_outputs(self, index: torch.Tensor) -> None:
        """Keep these rows [kept] of weight and bias, in this order."""
        from torch import nn

        bias = self.bias
        self._put(self.weight[index])
        if bias is not None:
            self.module.bias = nn.Parameter(bias[index].clone())

    def keep_inputs(self, index: torch.Tensor) -> None:
        """Keep these columns [kept] of the weight, in this order."""
        self._put(self.weight[:, index])

    def watch(self, see: Callable[[tuple[torch.Tensor, ...]], None]) -> Any:
        """Call `see(inputs)` before each pass; returns the handle that takes it off again."""
        return self.module.register_forward_pre_hook(lambda _, inputs: see(inputs))

    def _seen(self, weight: torch.Tensor) -> torch.Tensor:
        return weight.T if self.transposed else weight

    def _put(self, weight: torch.Tensor) -> None:
        from torch import nn

        self.module.weight = nn.Parameter(self._seen(weight).contiguous().clone())
        names = ("nf", "nx") if self.transposed else ("out_features", "in_features")
        for name, size in zip(names, weight.shape, strict=True):
            setattr(self.module, name, int(size))


def is_projection(module: nn.Module) -> bool:
    """Whether a module is a matrix that `Projection` knows."""
    from torch import nn

    return isinstance(module, (nn.Linear, Conv1D))
