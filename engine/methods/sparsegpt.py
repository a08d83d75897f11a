"""SparseGPT on one matrix: choose what becomes zero and make up for it with what stays.

Frantar and Alistarh 2023, arXiv:2301.00774. Columns (inputs) are decided from left to right. Zeroing
weight p costs w_p² / [H⁻¹]_pp, where H is the inputs' gram matrix of the columns not yet decided, and
the optimal brain surgeon's update (Hassibi et al. 1993) of those to its right makes up for it. All the
inverses that are needed, one for each column, are rows of a single Cholesky factor of H⁻¹.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from engine.errors import Refused

BLOCK = 128
DAMPING = 0.01
"""Share of the gram matrix's mean diagonal that is added to the diagonal."""


def solve(
    weight: torch.Tensor,
    gram: torch.Tensor,
    sparsity: float,
    pattern: tuple[int, int] | None = None,
    *,
    block: int = BLOCK,
    damping: float = DAMPING,
    check: Callable[[], None] = lambda: None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The sparse weights [out, in] in 32 bits, and True where they stay [out, in].

    `gram` is Σ x xᵀ over the layer's inputs [in, in]. `sparsity` is the share that becomes zero, unless
    a `pattern` (stay, of) is given: columns beyond its last whole group stay. What is zeroed is chosen
    within blocks of `block` columns over all rows, each block's share exact up to rounding.
    """
    weight = weight.float().clone()
    rows, columns = weight.shape
    factor = inverse_factor(gram, damping)
    unused = gram.diagonal() == 0
    stays = torch.ones_like(weight, dtype=torch.bool)
    width = block if pattern is None else max(1, block // pattern[1]) * pattern[1]
    for start in range(0, columns, width):
        check()
        end = min(start + width, columns)
        if pattern is None:
            going = round(sparsity * rows * end) - round(sparsity * rows * start)
            cost = _cost(weight[:, start:end], factor.diagonal()[start:end], unused[start:end]).flatten()
            chosen = cost.topk(going, largest=False).indices
            stays[:, start:end] = torch.ones_like(cost, dtype=torch.bool).scatter_(0, chosen, False).view(rows, -1)
        errors = _decide(weight, factor, unused, stays, (start, end), pattern)
        weight[:, end:] -= errors @ factor[start:end, end:]
    return weight, stays


def inverse_factor(gram: torch.Tensor, damping: float) -> torch.Tensor:
    """Upper triangular U [in, in] with UᵀU = (H + damping · mean(diag H) · I)⁻¹; inputs never used count as 1.

    Damping grows tenfold where the matrix is not positive definite in 32 bits. Raises `Refused` where it
    holds NaN or infinity.
    """
    if not torch.isfinite(gram).all():
        raise Refused(
            "The model's activations on the calibration texts are not finite numbers (NaN or infinity), so nothing can "
            "be judged by them. Check the model on these texts, or prune by magnitude."
        )
    hessian = gram.float().clone()
    hessian.diagonal()[hessian.diagonal() == 0] = 1.0
    step = float(hessian.diagonal().mean()) * (damping or DAMPING)
    hessian.diagonal().add_(step if damping else 0.0)
    while True:
        lower, failed = torch.linalg.cholesky_ex(hessian)
        if not failed:
            upper, failed = torch.linalg.cholesky_ex(torch.cholesky_inverse(lower), upper=True)
            if not failed:
                return upper
        step *= 10
        hessian.diagonal().add_(step)


def _cost(weight: torch.Tensor, diagonal: torch.Tensor, unused: torch.Tensor) -> torch.Tensor:
    """What zeroing each weight costs by itself [out, columns]; one whose input is always zero costs less than any."""
    return ((weight / diagonal) ** 2).masked_fill_(unused, -1.0)


def _decide(
    weight: torch.Tensor,
    factor: torch.Tensor,
    unused: torch.Tensor,
    stays: torch.Tensor,
    span: tuple[int, int],
    pattern: tuple[int, int] | None,
) -> torch.Tensor:
    """Zero what goes in columns `span` in place, make up for it within them; the errors [out, span] are left over."""
    start, end = span
    errors = torch.zeros_like(weight[:, start:end])
    for column in range(start, end):
        if pattern is not None and (column - start) % pattern[1] == 0 and column + pattern[1] <= weight.shape[1]:
            group = slice(column, column + pattern[1])
            cost = _cost(weight[:, group], factor.diagonal()[group], unused[group])
            going = cost.topk(pattern[1] - pattern[0], dim=1, largest=False).indices
            stays[:, group] = torch.ones_like(cost, dtype=torch.bool).scatter_(1, going, False)
        kept = weight[:, column] * stays[:, column]
        error = (weight[:, column] - kept) / factor[column, column]
        weight[:, column:end] -= torch.outer(error, factor[column, column:end])
        weight[:, column] = kept  # exactly zero, not zero up to rounding
        errors[:, column - start] = error
    return errors
