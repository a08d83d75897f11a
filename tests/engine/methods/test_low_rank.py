"""Whitened SVD against the truncated optimum; what is kept can be opened again."""

import copy

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoModelForCausalLM

from engine.errors import Cancelled, Refused
from engine.methods.low_rank import Factored, factorize, fit_factors, merged, rank_for, restore, whitened_svd
from engine.methods.weights import relative_error, weight_of


def loss(weight: torch.Tensor, changed: torch.Tensor, gram: torch.Tensor) -> float:
    difference = (weight - changed).double()
    return float(((difference @ gram.double()) * difference).sum())


def truncated(weight: torch.Tensor, gram: torch.Tensor, rank: int, damping: float = 0.0) -> torch.Tensor:
    left, sigma, right = whitened_svd(weight, gram, damping)
    return left[:, :rank] * sigma[:rank] @ right[:rank]


@pytest.fixture
def case(tiny) -> tuple[torch.Tensor, torch.Tensor]:
    x = tiny.correlated(10)
    return torch.randn(7, 10, generator=torch.Generator().manual_seed(2)), x.T @ x


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_it_loses_exactly_the_singular_values_left_out(case, rank):
    weight, gram = case
    values, vectors = torch.linalg.eigh(gram.double())
    root = vectors * values.sqrt() @ vectors.T  # another square root than Cholesky's: the optimum is the same
    sigma = torch.linalg.svdvals(weight.double() @ root)
    assert loss(weight, truncated(weight, gram, rank), gram) == pytest.approx(
        float(sigma[rank:].square().sum()), rel=1e-3
    )


@pytest.mark.parametrize("rank", [1, 3])
def test_no_other_matrix_of_that_rank_errs_less(case, rank):
    weight, gram = (tensor.double() for tensor in case)
    best = loss(weight, truncated(weight, gram, rank), gram)
    draw = torch.Generator().manual_seed(4)
    for _ in range(20):  # alternating least squares from random starts finds the optimum and nothing below it
        right = torch.randn(rank, 10, generator=draw, dtype=torch.float64)
        for _ in range(200):
            left = torch.linalg.solve(right @ gram @ right.T, right @ gram @ weight.T).T
            right = torch.linalg.lstsq(left, weight).solution
        assert loss(weight, left @ right, gram) >= best * (1 - 1e-4)
    near = truncated(weight, gram, rank)
    left, sigma, right = torch.linalg.svd(near)
    for _ in range(200):
        moved = (left[:, :rank] + 1e-3 * torch.randn(7, rank, generator=draw)) * sigma[:rank]
        assert loss(weight, moved @ right[:rank], gram) >= best * (1 - 1e-6)


def test_plain_svd_is_worse_on_correlated_inputs(case):
    weight, gram = case
    left, sigma, right = torch.linalg.svd(weight, full_matrices=False)
    plain = left[:, :3] * sigma[:3] @ right[:3]
    assert relative_error(weight, truncated(weight, gram, 3), gram) < 0.8 * relative_error(weight, plain, gram)


def test_all_parts_together_are_the_weight(case):
    weight, gram = case
    torch.testing.assert_close(truncated(weight, gram, 7, 1e-4), weight, rtol=1e-3, atol=1e-4)


def test_fewer_tokens_than_inputs_fall_back_to_eigenvalues(tiny):
    x = tiny.correlated(10)[:4]
    weight, gram = torch.randn(7, 10), x.T @ x
    changed = truncated(weight, gram, 4)
    assert relative_error(weight, changed, gram) < 1e-3, "four tokens span four directions"
    assert torch.isfinite(changed).all()


def test_activations_that_are_not_finite_are_refused():
    with pytest.raises(Refused, match="not finite"):
        whitened_svd(torch.randn(2, 2), torch.full((2, 2), float("inf")))


@pytest.mark.parametrize(
    ("energy", "rank"), [(0.01, 1), (0.64, 1), (0.65, 2), (0.96, 2), (0.9601, 3), (1.0, 4)], ids=str
)
def test_the_rank_is_the_smallest_that_keeps_the_energy(energy, rank):
    # Squares 64, 32, 3, 1 of 100.
    assert rank_for(torch.tensor([64.0, 32.0, 3.0, 1.0]).sqrt(), energy) == rank


def test_a_weight_of_zeros_has_rank_one():
    assert rank_for(torch.zeros(4), 0.9) == 1


def test_layers_are_replaced_only_where_that_is_smaller(kind, tiny):
    network = tiny.network_of(kind)
    layers = tiny.layers_in(network, tiny.inside[kind])
    sizes = {name: weight_of(module).shape for name, module in layers}
    before = sum(parameter.numel() for parameter in network.parameters())
    found = factorize(network, layers, tiny.batches(), 0.8)
    assert set(found.ranks) | set(found.kept) == set(sizes)
    assert found.ranks
    saved = 0
    for name, rank in found.ranks.items():
        module = network.get_submodule(name)
        assert isinstance(module, Factored)
        assert module.rank == rank
        assert rank % 2 == 0
        assert rank * sum(sizes[name]) < sizes[name].numel()
        saved += sizes[name].numel() - rank * sum(sizes[name])
    assert before - sum(parameter.numel() for parameter in network.parameters()) == saved
    assert all(type(network.get_submodule(name)).__name__ in ("Linear", "Conv1D") for name in found.kept)


def test_all_energy_leaves_every_layer_alone(kind, tiny):
    network = tiny.network_of(kind)
    layers = tiny.layers_in(network, tiny.inside[kind])
    assert factorize(network, layers, tiny.batches(), 1.0).ranks == {}


def test_later_blocks_see_what_the_factored_ones_give(tiny):
    network = tiny.network_of("llama")
    reference = copy.deepcopy(network)
    factorize(network, tiny.layers_in(network, "model.layers."), tiny.batches(), 0.7)
    first = tiny.layers_in(reference, "model.layers.0.")
    factorize(reference, first, tiny.batches(), 0.7)
    factorize(reference, tiny.layers_in(reference, "model.layers.1."), tiny.batches(), 0.7)
    for (name, mine), theirs in zip(network.named_parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, msg=name)


def test_a_kept_state_opens_again_and_answers_the_same(kind, tiny, tmp_path):
    network = tiny.network_of(kind)
    ranks = factorize(network, tiny.layers_in(network, tiny.inside[kind]), tiny.batches(), 0.6).ranks
    tied = {"lm_head.weight"} if kind == "gpt2" else set()
    save_file({k: v.contiguous() for k, v in network.state_dict().items() if k not in tied}, tmp_path / "x.safetensors")
    opened = type(network)(network.config).eval()
    assert restore(opened, load_file(tmp_path / "x.safetensors")) == ranks
    with torch.no_grad():
        for batch in tiny.batches():
            torch.testing.assert_close(opened(**batch)[0], network(**batch)[0])


def test_multiplied_out_it_loads_plainly_and_answers_the_same(tiny, tmp_path):
    for kind in ("gpt2", "llama"):
        network = tiny.network_of(kind)
        assert factorize(network, tiny.layers_in(network, tiny.inside[kind]), tiny.batches(), 0.6).ranks
        batch = tiny.batches()[0]
        with torch.no_grad():
            wanted = network(**batch).logits
            merged(network).save_pretrained(tmp_path / kind)
            plain = AutoModelForCausalLM.from_pretrained(tmp_path / kind).eval()
            torch.testing.assert_close(plain(**batch).logits, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "weights",
    [
        {"nowhere.reduce.weight": torch.ones(1, 3), "nowhere.expand.weight": torch.ones(2, 1)},
        {"0.reduce.weight": torch.ones(1, 3)},
        {"0.reduce.weight": torch.ones(1, 4), "0.expand.weight": torch.ones(2, 1)},
        {"0.reduce.weight": torch.ones(2, 3), "0.expand.weight": torch.ones(2, 1)},
        {"1.reduce.weight": torch.ones(1, 3), "1.expand.weight": torch.ones(2, 1)},
    ],
)
def test_factors_that_do_not_fit_are_refused(weights):
    with pytest.raises(Refused, match="do not fit"):
        fit_factors(nn.Sequential(nn.Linear(3, 2), nn.ReLU()), weights)


@pytest.mark.parametrize("weights", [{"weight": torch.ones(2, 3)}, {"more": torch.ones(1)}])
def test_weights_that_lack_or_add_something_are_refused(weights):
    full = {"weight": torch.ones(2, 3), "bias": torch.ones(2)}
    with pytest.raises(Refused, match="do not fit"):
        restore(nn.Linear(3, 2), weights if "weight" in weights else {**full, **weights})


def test_it_can_be_cancelled_and_says_how_far_it_is(tiny):
    network = tiny.network_of("bert")
    layers = tiny.layers_in(network, "encoder.layer.")
    said: list[tuple[float, float, str]] = []
    factorize(network, layers, tiny.batches(), 0.9, progress=lambda *progress: said.append(progress))
    assert [done for done, _, _ in said] == [0, 1, 2]

    def cancel() -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        factorize(network, tiny.layers_in(network, "encoder.layer."), tiny.batches(), 0.9, check=cancel)
    with pytest.raises(ValueError, match="energy of 0"):
        factorize(network, layers, tiny.batches(), 0.0)
