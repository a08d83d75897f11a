"""Two thin layers in place of a wide one: activation-whitened SVD (SVD-LLM, Wang et al. 2024, arXiv:2403.07378).

Of all matrices of rank r, the one found here errs least on what reaches the layer: with X Xᵀ = S Sᵀ,
‖(W − W')X‖_F = ‖(W − W')S‖_F, so the truncated SVD of W S, times S⁻¹, is the optimum (Eckart and
Young), and what it loses is the root of the sum of the squared singular values left out. Blocks are
visited in order, each judged by what the factored blocks before it give.

A factored network cannot be loaded by `from_pretrained`, which builds layers from config.json, and that
has no word for them. So there are two ways to keep one: its state dict, which `restore` puts into a
network built from the config (the ranks are read off the shapes), or `merged`, which multiplies the
factors out: that loads anywhere, and is as large as the original.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from engine.errors import Refused
from engine.methods.calibration import Batches, Check, Progress, blocks_of, gram, never, silent, walk
from engine.methods.weights import Layers, bias_of, is_transposed, replace_module, weight_of
from engine.models.projection import EXPAND, REDUCE

DAMPING = 1e-4
"""Share of the gram matrix's mean diagonal that is added to the diagonal, for inputs that texts hardly use."""


class Factored(nn.Sequential):
    """`reduce` (in → rank, no bias), then `expand` (rank → out, with the bias that the layer had)."""

    def __init__(self, inputs: int, outputs: int, rank: int, *, bias: bool, transposed: bool) -> None:
        super().__init__(
            OrderedDict([(REDUCE, nn.Linear(inputs, rank, bias=False)), (EXPAND, nn.Linear(rank, outputs, bias=bias))])
        )
        self.transposed = transposed
        """Whether the layer it stands for was a `Conv1D`."""

    @property
    def rank(self) -> int:
        """The width between the two."""
        return self.get_parameter(f"{REDUCE}.weight").shape[0]

    def fill(self, reduce: torch.Tensor, expand: torch.Tensor, bias: torch.Tensor | None) -> Factored:
        """Take these weights [rank, in], [out, rank], [out]."""
        with torch.no_grad():
            self.get_parameter(f"{REDUCE}.weight").copy_(reduce)
            self.get_parameter(f"{EXPAND}.weight").copy_(expand)
            if bias is not None:
                self.get_parameter(f"{EXPAND}.bias").copy_(bias)
        return self


@dataclass(frozen=True)
class Factorization:
    """What became of the layers. `ranks`: those that were replaced; `kept`: two thin ones would not be smaller."""

    ranks: dict[str, int]
    kept: tuple[str, ...]


def factorize(
    network: nn.Module,
    layers: Layers,
    batches: Batches,
    energy: float,
    *,
    check: Check = never,
    progress: Progress = silent,
) -> Factorization:
    """Replace each of `layers` in `network` by two thin ones that keep this share of the output's energy.

    `energy` (0 to 1) is the share of the squared singular values of the whitened weight: the smallest even
    rank that keeps it is taken. A layer is left alone where rank · (in + out) ≥ in · out, or
    where no token reaches it. A weight shared with another layer (a tied head) would be untied: leave it out.
    """
    if not 0.0 < energy <= 1.0:
        raise ValueError(f"an energy of {energy} is not above 0 and at most 1")
    ranks: dict[str, int] = {}
    kept: list[str] = []
    total = len(blocks_of(layers))
    progress(0, total, "reading what reaches each layer")
    for number, (block, grams) in enumerate(walk(network, layers, batches, gram, check)):
        for name, module in block:
            check()
            factored = _factored(module, grams.pop(name), energy) if name in grams else None
            if factored is None:
                kept.append(name)
                continue
            replace_module(network, name, factored)
            ranks[name] = factored.rank
        progress(number + 1, total, f"layer {number + 1} of {total} factored")
    return Factorization(ranks, tuple(kept))


def whitened_svd(
    weight: torch.Tensor, gram: torch.Tensor, damping: float = DAMPING
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(U [out, k], s [k], V [k, in]) with W = U diag(s) V, where s_i² is what leaving out part i loses in ‖WX‖².

    `gram` is Σ x xᵀ over the inputs [in, in]. Raises `Refused` where it is not finite.
    """
    root, inverse = _whitening(gram, damping)
    left, sigma, right = torch.linalg.svd(weight.float() @ root, full_matrices=False)
    return left, sigma, right @ inverse


def rank_for(sigma: torch.Tensor, energy: float) -> int:
    """The fewest singular values (in falling order) whose squares add up to this share of all, at least 1."""
    squares = sigma.double().square()
    reached = squares.cumsum(0) >= energy * squares.sum() * (1 - 1e-12)
    return int(reached.to(torch.int8).argmax()) + 1


def fit_factors(network: nn.Module, weights: Mapping[str, torch.Tensor]) -> dict[str, int]:
    """Give a network built from its config the factored layers that `weights` has; their names and ranks.

    Raises `Refused` where the factors do not belong to a linear layer of the network.
    """
    ranks: dict[str, int] = {}
    suffix = f".{REDUCE}.weight"
    modules = dict(network.named_modules())
    for name in [key.removesuffix(suffix) for key in weights if key.endswith(suffix)]:
        reduce, expand = weights[name + suffix], weights.get(f"{name}.{EXPAND}.weight")
        module = modules.get(name)
        if not isinstance(module, nn.Linear | Conv1D) or expand is None or not _fit(module, reduce, expand):
            raise Refused(
                f"The low-rank weights of '{name}' do not fit the model that config.json describes. "
                "Keep config.json and weights of the same run together."
            )
        replace_module(network, name, _empty_factors(module, len(reduce)))
        ranks[name] = len(reduce)
    return ranks


def restore(network: nn.Module, weights: Mapping[str, torch.Tensor]) -> dict[str, int]:
    """Load the state dict of a factored network into one built from its config; names and ranks of the factors.

    Weights that a file leaves out because they are tied to others may be missing; anything else raises `Refused`.
    """
    ranks = fit_factors(network, weights)
    given = {id(parameter) for name, parameter in _all_parameters(network) if name in weights}
    # Of tied weights a file holds one name; which are missing is told by identity.
    missing, unexpected = network.load_state_dict(weights, strict=False)
    state = dict(_all_parameters(network))
    lacking = [name for name in missing if name not in state or id(state[name]) not in given]
    if lacking or unexpected:
        raise Refused(
            f"The weights do not fit the model that config.json describes: {(lacking + unexpected)[0]}. "
            "Keep config.json and weights of the same run together."
        )
    return ranks


def merged(network: nn.Module) -> nn.Module:
    """The same network with every pair of factors multiplied out in place, so that `from_pretrained` can load it.

    It answers as the factored one does (up to rounding) and is as large as the original.
    """
    for name, module in list(network.named_modules()):
        if isinstance(module, Factored):
            reduce, expand = (module.get_parameter(f"{part}.weight").detach() for part in (REDUCE, EXPAND))
            bias = bias_of(module.get_submodule(EXPAND))
            outputs, inputs = expand.shape[0], reduce.shape[1]
            dense = Conv1D(outputs, inputs) if module.transposed else nn.Linear(inputs, outputs, bias=bias is not None)
            weight_of(dense).copy_(expand @ reduce)
            if bias is not None:
                dense.get_parameter("bias").detach().copy_(bias)
            replace_module(network, name, dense)
    return network


def _factored(module: nn.Module, gram: torch.Tensor, energy: float) -> Factored | None:
    """The two thin layers, or None where they would not be smaller."""
    weight = weight_of(module)
    left, sigma, right = whitened_svd(weight, gram)
    rank = rank_for(sigma, energy)
    # OpenVINO 2026.4 multiplies 8-bit weights wrongly in bf16 (by 30 %) where rows are odd and shorter than 32.
    rank += rank % 2
    if rank * sum(weight.shape) >= weight.numel():
        return None
    share = sigma[:rank].sqrt()  # given to both sides alike, so that neither is much larger in scale
    return _empty_factors(module, rank).fill(share.unsqueeze(1) * right[:rank], left[:, :rank] * share, bias_of(module))


def _fit(module: nn.Module, reduce: torch.Tensor, expand: torch.Tensor) -> bool:
    """Whether `expand` times `reduce` has the shape of the layer's weight."""
    shapes_fit = reduce.ndim == expand.ndim == 2 and expand.shape[1] == reduce.shape[0]
    return shapes_fit and (expand.shape[0], reduce.shape[1]) == weight_of(module).shape


def _empty_factors(module: nn.Module, rank: int) -> Factored:
    outputs, inputs = weight_of(module).shape
    factored = Factored(inputs, outputs, rank, bias=bias_of(module) is not None, transposed=is_transposed(module))
    return factored.to(module.get_parameter("weight")).train(module.training)


def _whitening(gram: torch.Tensor, damping: float) -> tuple[torch.Tensor, torch.Tensor]:
    """S and S⁻¹ [in, in] with S Sᵀ = gram (damped): Cholesky, or by eigenvalues where that fails."""
    if not torch.isfinite(gram).all():
        raise Refused(
            "The model's activations on the calibration texts are not finite numbers (NaN or infinity), so nothing can "
            "be judged by them. Check the model on these texts."
        )
    # 64 bits: S⁻¹ meets the gram matrix's smallest eigenvalues, which 32 bits blur.
    damped = gram.double()
    damped = damped + damping * damped.diagonal().mean() * torch.eye(len(gram), dtype=torch.float64, device=gram.device)
    lower, failed = torch.linalg.cholesky_ex(damped)
    if not failed:
        identity = torch.eye(len(gram), dtype=torch.float64, device=gram.device)
        return lower.float(), torch.linalg.solve_triangular(lower, identity, upper=False).float()
    values, vectors = torch.linalg.eigh(damped)
    # Directions that no text uses cost nothing and cannot be divided by: they leave the weight.
    floor = values.max().clamp(min=0) * 1e-12
    used = (values > floor).double()
    roots = values.clamp(min=0).sqrt()
    inverse = used / roots.clamp(min=torch.finfo(torch.float64).tiny)
    return (vectors * roots).float(), (inverse.unsqueeze(1) * vectors.T).float()


def _all_parameters(network: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return list(network.named_parameters(remove_duplicate=False))
