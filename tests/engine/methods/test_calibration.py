"""What reaches each layer: sums against the inputs themselves; padding never counts; later blocks see the change."""

import pytest
import torch
from torch import nn

from engine.errors import Cancelled, Refused
from engine.methods.calibration import blocks_of, gram, squares, walk
from engine.methods.weights import bias_of, is_transposed, relative_error, replace_module, weight_of


def sums(network, layers, batches, of, check=lambda: None) -> dict[str, torch.Tensor]:
    """What reaches every layer, nothing being changed on the way."""
    return {name: value for _, seen in walk(network, layers, batches, of, check) for name, value in seen.items()}


MASK = torch.ones(4, 9, dtype=torch.int64)
MASK[1, 5:] = 0
MASK[3, 2:] = 0


def test_sums_are_over_the_real_tokens_that_reach_the_layer(kind, tiny):
    network = tiny.network_of(kind, 3)
    layers = tiny.layers_in(network, tiny.inside[kind])
    seen: dict[str, list[torch.Tensor]] = {name: [] for name, _ in layers}
    for name, module in layers:
        module.register_forward_pre_hook(lambda _, inputs, name=name: seen[name].append(inputs[0][MASK.bool()]))
    with torch.no_grad():
        for batch in tiny.batches(mask=MASK):
            network(**batch)
    inputs = {name: torch.cat(found) for name, found in seen.items()}
    network.train()
    given = tiny.batches(mask=MASK)
    grams, norms = sums(network, layers, given, gram), sums(network, layers, given, squares)
    assert network.training
    assert list(grams) == [name for name, _ in layers]
    for name, x in inputs.items():
        torch.testing.assert_close(grams[name], x.T @ x, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(norms[name], (x * x).sum(0), rtol=1e-5, atol=1e-5)


def test_blocks_are_the_transformer_layers(kind, tiny):
    layers = tiny.layers_in(tiny.network_of(kind, 3), tiny.inside[kind])
    blocks = blocks_of(layers)
    assert len(blocks) == 3
    assert [pair for _, block in blocks for pair in block] == layers
    assert [name for name, _ in blocks] == [f"{tiny.inside[kind]}{number}" for number in range(3)]


def test_layers_without_a_number_stand_alone_and_deeper_numbers_do_not_split():
    layers = [("pooler", nn.Identity()), ("layers.10.experts.0.up", nn.Identity()), ("layers.10.q", nn.Identity())]
    assert [(block, [name for name, _ in inside]) for block, inside in blocks_of(layers)] == [
        ("pooler", ["pooler"]),
        ("layers.10", ["layers.10.experts.0.up", "layers.10.q"]),
    ]


def test_the_rest_of_the_network_does_not_run(tiny):
    network = tiny.network_of("bert", 3)
    ran = []
    network.encoder.layer[1].register_forward_hook(lambda *_: ran.append(1))
    sums(network, tiny.layers_in(network, "encoder.layer.0."), tiny.batches(mask=MASK), squares)
    assert not ran
    assert not any(module._forward_pre_hooks for module in network.modules())


def test_a_layer_that_is_never_reached_is_left_out(tiny):
    network = tiny.network_of("bert", 3)
    network.unused = nn.Linear(4, 4)
    layers = [("unused", network.unused), *tiny.layers_in(network, "encoder.layer.2.")]
    assert "unused" not in sums(network, layers, tiny.batches(mask=MASK), gram)


def test_it_can_be_cancelled_and_leaves_no_hook(tiny):
    network = tiny.network_of("bert", 3).train()

    def cancel() -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        sums(network, tiny.layers_in(network, "encoder.layer."), tiny.batches(mask=MASK), gram, cancel)
    assert network.training
    assert not any(module._forward_pre_hooks for module in network.modules())


def test_both_layouts_are_seen_as_out_by_in_and_written_through(tiny):
    gpt2 = tiny.network_of("gpt2")
    layer = gpt2.transformer.h[0].mlp.c_fc
    assert is_transposed(layer)
    assert weight_of(layer).shape == (64, 16)
    weight_of(layer)[3, 5] = 7.0
    assert layer.weight[5, 3] == 7.0
    linear = nn.Linear(3, 2, bias=False)
    assert weight_of(linear).shape == (2, 3)
    assert bias_of(linear) is None
    assert bias_of(layer).shape == (64,)
    with pytest.raises(Refused, match="LayerNorm"):
        weight_of(nn.LayerNorm(3))


def test_a_module_can_be_replaced_by_name(tiny):
    network = tiny.network_of("bert", 3)
    replace_module(network, "encoder.layer.1.output.dense", nn.Identity())
    assert isinstance(network.encoder.layer[1].output.dense, nn.Identity)


def test_relative_error_is_that_of_the_outputs():
    torch.manual_seed(0)
    weight, changed, x = torch.randn(3, 4), torch.randn(3, 4), torch.randn(4, 9)
    wanted = ((weight - changed) @ x).norm() / (weight @ x).norm()
    assert relative_error(weight, changed, x @ x.T) == pytest.approx(float(wanted), rel=1e-5)


def test_what_is_changed_in_a_block_is_what_the_next_is_given_and_blocks_run_but_twice(kind, tiny):
    network, reference = tiny.network_of(kind, 3), tiny.network_of(kind, 3)
    layers, given = tiny.layers_in(network, tiny.inside[kind]), tiny.batches(mask=MASK)
    ran: list[str] = []
    for name, block in network.named_modules():
        if name.startswith(tiny.inside[kind]) and name.removeprefix(tiny.inside[kind]).isdigit():
            norm = next(module for module in block.modules() if "Norm" in type(module).__name__)
            norm.register_forward_hook(lambda *_, name=name: ran.append(name))
    for block, seen in walk(network, layers, given, gram):
        inside = [(name, reference.get_submodule(name)) for name, _ in block]
        (wanted,) = [found for _, found in walk(reference, inside, given, gram)]  # from the start, nothing kept
        for name, module in block:
            torch.testing.assert_close(seen[name], wanted[name], rtol=1e-4, atol=1e-5)
            for changed in (module, reference.get_submodule(name)):
                weight_of(changed).mul_(0.5).add_(0.1)
    assert max(ran.count(name) for name in set(ran)) <= 2 * len(given)
    with torch.no_grad():
        for batch in given:
            torch.testing.assert_close(network(**batch)[0], reference(**batch)[0])


def test_a_key_value_cache_is_neither_filled_nor_forgotten(tiny):
    network = tiny.network_of("llama")
    sums(network, tiny.layers_in(network, "model.layers."), tiny.batches(), squares)
    assert network.config.use_cache
    assert network(**tiny.batches()[0]).past_key_values is not None


def test_a_block_that_only_some_texts_reach_goes_on_as_it_does():
    class Choosing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(2, 2)) for _ in range(3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for number, block in enumerate(self.blocks):
                if number != 1 or x[0, 0] > 0:
                    x = block(x)
            return x

    torch.manual_seed(0)
    network = Choosing()
    layers = [(f"blocks.{number}.0", network.blocks[number][0]) for number in range(3)]
    given = [{"x": torch.tensor([[1.0, 2.0]])}, {"x": torch.tensor([[-1.0, 2.0]])}]
    reached: list[torch.Tensor] = []
    handle = network.blocks[2].register_forward_pre_hook(lambda _, inputs: reached.append(inputs[0]))
    for batch in given:
        network(**batch)
    handle.remove()
    found = sums(network, layers, given, squares)["blocks.2.0"]
    torch.testing.assert_close(found, torch.cat(reached).square().sum(dim=0))
