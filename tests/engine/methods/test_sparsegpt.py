"""SparseGPT against the optimal brain surgeon's closed form, and against one inverse for every column."""

import pytest
import torch

from engine.errors import Refused
from engine.methods.sparsegpt import inverse_factor, solve
from engine.methods.sparsity import NofM, mask_of
from engine.methods.weights import relative_error


def test_sparsegpt_takes_one_weight_out_as_the_optimal_brain_surgeon_does(tiny):
    x = tiny.correlated(6)
    gram = x.T @ x
    weight = torch.randn(1, 6)
    weight[0, 0] = 1e-4  # surely the cheapest; to its right is everything
    solved, stays = solve(weight, gram, 1 / 6)
    assert stays.tolist() == [[False, True, True, True, True, True]]
    damped = gram.double() + 0.01 * gram.diagonal().mean() * torch.eye(6)
    inverse = damped.inverse()
    wanted = weight.double() - weight[0, 0] / inverse[0, 0] * inverse[0]
    torch.testing.assert_close(solved.double()[0, 1:], wanted[0, 1:], rtol=1e-4, atol=1e-6)
    # The closed form is what least squares on the remaining weights gives.
    rest = torch.linalg.solve(damped[1:, 1:], damped[1:] @ weight[0].double())
    torch.testing.assert_close(solved.double()[0, 1:], rest, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("pattern", [None, (2, 4)])
@pytest.mark.parametrize("block", [1, 4, 8, 128])
def test_sparsegpt_against_one_inverse_for_every_column(tiny, pattern, block):
    """Column by column, the surgeon's update of all that is to the right, each with its own inverse."""
    x = tiny.correlated(12).double()
    gram = x.T @ x
    weight = torch.randn(5, 12, generator=torch.Generator().manual_seed(3))
    solved, stays = solve(weight, gram.float(), 0.5, pattern, block=block)
    damped = gram + 0.01 * gram.diagonal().mean() * torch.eye(12)
    naive = weight.double().clone()
    for column in range(12):
        inverse = damped[column:, column:].inverse()
        if pattern and column % 4 == 0:
            diagonal = torch.stack([damped[c:, c:].inverse()[0, 0] for c in range(column, column + 4)])
            cost = naive[:, column : column + 4] ** 2 / diagonal
            assert torch.equal(stays[:, column : column + 4], mask_of(cost, NofM(2, 4), by_row=True))
        going = ~stays[:, column]
        naive[going, column:] -= torch.outer(naive[going, column] / inverse[0, 0], inverse[0])
    torch.testing.assert_close(solved.double(), naive, rtol=1e-3, atol=1e-4)
    assert (~stays).float().mean() == 0.5


@pytest.mark.parametrize("amount", [0.3, 0.5, 0.7, NofM(2, 4)], ids=str)
def test_on_correlated_inputs_sparsegpt_errs_less_than_wanda_and_wanda_less_than_magnitude(tiny, amount):
    x = tiny.correlated(64)
    gram = x.T @ x
    weight = torch.randn(32, 64, generator=torch.Generator().manual_seed(5))
    magnitude = weight * mask_of(weight.abs(), amount, by_row=False)
    wanda = weight * mask_of(weight.abs() * gram.diagonal().sqrt(), amount, by_row=True)
    pattern = (2, 4) if isinstance(amount, NofM) else None
    sparsegpt, _ = solve(weight, gram, amount if pattern is None else 0.0, pattern)
    errors = [relative_error(weight, changed, gram) for changed in (sparsegpt, wanda, magnitude)]
    assert errors[0] < errors[1] < errors[2]


def test_inputs_that_are_never_used_go_first(tiny):
    x = tiny.correlated(8)
    x[:, 3] = 0.0
    weight = torch.randn(4, 8) + 3.0
    solved, stays = solve(weight, x.T @ x, 1 / 8)
    assert not stays[:, 3].any()
    assert stays.sum() == 28
    torch.testing.assert_close(solved[stays], weight[stays])


def test_fewer_texts_than_inputs_are_enough_for_a_solution(tiny):
    x = tiny.correlated(16)[:3]
    solved, stays = solve(torch.randn(4, 16), x.T @ x, 0.5)
    assert torch.isfinite(solved).all()
    assert (~stays).sum() == 32


def test_a_gram_matrix_that_is_not_positive_definite_is_damped_until_it_is():
    gram = torch.tensor([[1.0, 2.0], [2.0, 1.0]])  # eigenvalues 3 and -1
    assert torch.isfinite(inverse_factor(gram, 0.01)).all()


def test_activations_that_are_not_finite_are_refused():
    with pytest.raises(Refused, match="not finite"):
        inverse_factor(torch.full((2, 2), float("nan")), 0.01)
