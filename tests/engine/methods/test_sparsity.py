"""Masks against their definitions by brute force, and 2:4 against all six choices."""

import itertools

import pytest
import torch
from torch import nn

from engine.errors import Cancelled
from engine.methods.sparsity import NofM, hold, mask_of, sparsify, sparsity_of
from engine.methods.weights import weight_of

METHODS = ("magnitude", "magnitude over all layers", "wanda", "sparsegpt")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.9, 1.0])
def test_the_lowest_of_each_row_or_of_all_go(share):
    scores = torch.rand(5, 13)
    by_row = mask_of(scores, share, by_row=True)
    for row, mask in zip(scores, by_row, strict=True):
        going = sorted(range(13), key=lambda place, row=row: float(row[place]))[: round(13 * share)]
        assert [place for place in range(13) if not mask[place]] == sorted(going)
    overall = mask_of(scores, share, by_row=False)
    assert int((~overall).sum()) == round(65 * share)
    if 0 < share < 1:
        assert scores[~overall].max() < scores[overall].min()


def test_ties_do_not_change_how_many_go():
    scores = torch.ones(4, 10)
    assert (mask_of(scores, 0.3, by_row=True).sum(dim=1) == 7).all()
    assert mask_of(scores, 0.3, by_row=False).sum() == 28


@pytest.mark.parametrize("columns", [8, 10, 3])
def test_two_of_four_is_the_best_of_all_six_choices(columns):
    scores = torch.rand(6, columns)
    mask = mask_of(scores, NofM(2, 4), by_row=True)
    for row, start in itertools.product(range(6), range(0, columns // 4 * 4, 4)):
        group = scores[row, start : start + 4]
        best = max(itertools.combinations(range(4), 2), key=lambda pair, group=group: float(group[list(pair)].sum()))
        assert tuple(mask[row, start : start + 4].nonzero().flatten().tolist()) == best
    assert mask[:, columns // 4 * 4 :].all(), "inputs beyond the last whole group stay"


def test_other_patterns():
    mask = mask_of(torch.rand(3, 16), NofM(3, 8), by_row=True)
    assert (mask.reshape(3, 2, 8).sum(-1) == 3).all()
    with pytest.raises(ValueError, match="5 of 4"):
        NofM(5, 4)


def test_magnitude_over_all_layers_is_one_threshold(tiny):
    network = tiny.network_of("gpt2")
    layers = tiny.layers_in(network, "transformer.h.")
    before = {name: weight_of(module).clone() for name, module in layers}
    everything = torch.cat([weight.abs().flatten() for weight in before.values()])
    wanted = round(0.37 * len(everything))
    threshold = everything.sort().values[wanted - 1]
    masks = sparsify(network, layers, [], "magnitude over all layers", 0.37)
    assert sum(int((~mask).sum()) for mask in masks.values()) == wanted
    for name, module in layers:
        assert torch.equal(masks[name], before[name].abs() > threshold)
        assert torch.equal(weight_of(module), before[name] * masks[name])


def test_one_threshold_with_ties_still_takes_out_exactly_as_many():
    network = nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 4))
    for linear in network:
        nn.init.constant_(linear.weight, -0.5)
    network[0].weight.data[0] = 0.0
    masks = sparsify(network, [("0", network[0]), ("1", network[1])], [], "magnitude over all layers", 0.5)
    assert sum(int((~mask).sum()) for mask in masks.values()) == 25
    assert not masks["0"][0].any(), "the smallest went first"


def test_wanda_is_weight_times_input_norm_by_row_with_earlier_blocks_already_sparse(kind, tiny):
    network, reference = tiny.network_of(kind), tiny.network_of(kind)
    masks = sparsify(network, tiny.layers_in(network, tiny.inside[kind]), tiny.batches(), "wanda", 0.5)
    layers = tiny.layers_in(reference, tiny.inside[kind])
    for block in ("0", "1"):
        inside = [(name, module) for name, module in layers if name.startswith(f"{tiny.inside[kind]}{block}.")]
        inputs: dict[str, list[torch.Tensor]] = {name: [] for name, _ in inside}
        hooks = [
            module.register_forward_pre_hook(lambda _, given, seen=inputs[name]: seen.append(given[0].flatten(0, -2)))
            for name, module in inside
        ]
        with torch.no_grad():
            for batch in tiny.batches():
                reference(**batch)
        for hook in hooks:
            hook.remove()
        for name, module in inside:
            norms = torch.cat(inputs[name]).norm(dim=0)
            weight = weight_of(module)
            for row in range(weight.shape[0]):
                scores = [float(weight[row, i].abs() * norms[i]) for i in range(weight.shape[1])]
                going = sorted(range(len(scores)), key=scores.__getitem__)[: round(len(scores) / 2)]
                assert (~masks[name][row]).nonzero().flatten().tolist() == sorted(going)
                weight[row, going] = 0.0
    assert len(masks) == len(layers)
    for (name, mine), (_, theirs) in zip(tiny.layers_in(network, tiny.inside[kind]), layers, strict=True):
        assert torch.equal(weight_of(mine), weight_of(theirs)), name


@pytest.mark.parametrize("method", METHODS)
def test_sparsity_is_exact_and_zeros_are_zeros(method, kind, tiny):
    network = tiny.network_of(kind)
    layers = tiny.layers_in(network, tiny.inside[kind])
    masks = sparsify(network, layers, tiny.batches(), method, 0.6)
    for name, module in layers:
        weight = weight_of(module)
        assert masks[name].shape == weight.shape
        assert not weight[~masks[name]].any()
        if method != "magnitude over all layers":
            assert (~masks[name]).float().mean() == pytest.approx(0.6, abs=0.5 / weight.shape[1] + 1e-9)
    assert sparsity_of(masks) == pytest.approx(0.6, abs=0.02)


@pytest.mark.parametrize("method", METHODS)
def test_the_pattern_holds_and_left_over_columns_stay(method, kind, tiny):
    network = tiny.network_of(kind)
    layers = tiny.layers_in(network, tiny.inside[kind])
    masks = sparsify(network, layers, tiny.batches(), method, NofM(2, 4))
    for name, module in layers:
        weight = weight_of(module)
        whole = weight.shape[1] // 4 * 4
        assert (masks[name][:, :whole].reshape(len(weight), -1, 4).sum(-1) == 2).all()
        assert masks[name][:, whole:].all()
        assert not weight[~masks[name]].any()


def test_what_no_token_reaches_stays_whole(tiny):
    network = tiny.network_of("bert")
    network.unused = nn.Linear(4, 4)
    layers = [*tiny.layers_in(network, "encoder.layer."), ("unused", network.unused)]
    masks = sparsify(network, layers, tiny.batches(), "wanda", 0.5)
    assert "unused" not in masks
    assert network.unused.weight.all()


@pytest.mark.parametrize("method", METHODS)
def test_it_can_be_cancelled_and_says_how_far_it_is(method, tiny):
    network = tiny.network_of("bert")
    layers = tiny.layers_in(network, "encoder.layer.")
    said: list[tuple[float, float, str]] = []
    sparsify(network, layers, tiny.batches(), method, 0.5, progress=lambda *progress: said.append(progress))
    assert said
    assert all(0 <= done <= total for done, total, _ in said)
    assert [done for done, _, _ in said] == sorted(done for done, _, _ in said)

    def cancel() -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        sparsify(network, layers, tiny.batches(), method, 0.5, check=cancel)


def test_zeros_can_be_held_through_training(tiny):
    network = tiny.network_of("gpt2")
    layers = tiny.layers_in(network, "transformer.h.")
    masks = sparsify(network, layers, tiny.batches(), "magnitude", 0.5)
    zero = hold(layers, masks)
    with torch.no_grad():
        for _, module in layers:
            module.weight += 1.0
    zero()
    for name, module in layers:
        assert torch.equal(weight_of(module) != 0, masks[name])


def test_the_same_texts_from_a_generator_serve_every_block(tiny):
    network, other = tiny.network_of("bert"), tiny.network_of("bert")
    first = sparsify(network, tiny.layers_in(network, "encoder.layer."), tiny.batches(), "wanda", 0.5)
    second = sparsify(other, tiny.layers_in(other, "encoder.layer."), (batch for batch in tiny.batches()), "wanda", 0.5)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_share_beyond_one_is_a_mistake():
    with pytest.raises(ValueError, match="between 0 and 1"):
        sparsify(nn.Linear(1, 1), [], [], "magnitude", 1.5)
