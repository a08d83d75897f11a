"""A narrower network is the wide one whose norms look at the kept channels alone, and an ordinary model."""

from collections.abc import Callable
from types import MethodType

import pytest
import torch
from torch import nn
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification

from engine.models import surgery
from engine.models.families import family_of
from engine.models.headers import read_headers
from engine.models.model import Model, open_model, quiet
from engine.models.narrowing import Kept, narrow
from engine.models.profile import read_profile
from engine.models.sides import sides

CLASSES = {
    "ForSequenceClassification": AutoModelForSequenceClassification,
    "ForCausalLM": AutoModelForCausalLM,
    "": AutoModel,
}
CASES = [
    *((family, "ForSequenceClassification", {}) for family in ("bert", "distilbert", "roberta")),
    *((family, "", {"head": False}) for family in ("bert", "distilbert", "roberta")),
    *((family, "ForCausalLM", {}) for family in ("gpt2", "llama", "llama-untied", "mistral", "qwen2", "qwen3")),
    *((family, "ForSequenceClassification", {"labels": 3}) for family in ("gpt2", "llama")),
    # Sizes that meet by chance: feed-forward, vocabulary and one head are as wide as the stream.
    ("bert", "ForSequenceClassification", {"feed_forward": 32}),
    ("gpt2", "ForCausalLM", {"hidden": 64, "feed_forward": 256, "vocabulary": 64 * 7}),
    ("qwen3", "ForCausalLM", {"heads": 2, "kv_heads": 2, "feed_forward": 32}),
    ("llama", "ForCausalLM", {"heads": 8, "kv_heads": 4}),
]


def name_of(value: object) -> str:
    return value if isinstance(value, str) else "-".join(map(str, value.values()))


def opened(tiny_model: Callable, family: str, kind: str, settings: dict) -> Model:
    return open_model(tiny_model(family, **settings), f"AutoModel{kind}")


def drawn(model: Model, share: float) -> tuple[Kept, object]:
    """Other heads and neurons in each layer; the profile that is foretold."""
    profile = model.profile
    left = profile.with_width(share)
    generator = torch.Generator().manual_seed(1)

    def some(count: int, total: int) -> torch.Tensor:
        return torch.randperm(total, generator=generator)[:count].sort().values

    groups = [some(left.head_groups, profile.head_groups) for _ in range(profile.layers)]
    neurons = [some(left.feed_forward_width, profile.feed_forward_width) for _ in range(profile.layers)]
    return Kept(some(left.hidden, profile.hidden), groups, neurons), left


def looking_at(norm: nn.Module, channels: torch.Tensor) -> None:
    """Let a norm take its statistics of these channels alone, and give zeros for all others."""
    alone = {name: value[channels].clone() for name, value in norm.named_parameters()}
    before = norm.forward

    def forward(self: nn.Module, states: torch.Tensor) -> torch.Tensor:
        whole = dict(self.named_parameters())
        for name, value in alone.items():
            setattr(self, name, nn.Parameter(value))
        shape = getattr(self, "normalized_shape", None)
        if shape:
            self.normalized_shape = (len(channels),)
        found = before(states[..., channels])
        for name, value in whole.items():
            setattr(self, name, value)
        if shape:
            self.normalized_shape = shape
        return torch.zeros_like(states).index_copy(-1, channels, found)

    norm.forward = MethodType(forward, norm)


@torch.no_grad()
def muted(model: Model, kept: Kept) -> None:
    """The wide network as the narrow one should compute: by brute force, without moving a number."""
    network, family = model.network, model.family
    for name, module in network.named_modules():
        if "norm" in name.lower() or ".ln_" in name:
            inside = any(name.endswith(one) for one in family.head_norms)
            if not inside and not list(module.children()):
                looking_at(module, kept.channels)
    size, group = surgery.head_size(network, family), surgery.group_size(network, family)
    for layer, groups, neurons in zip(surgery.layers_of(network, family), kept.groups, kept.neurons, strict=True):
        heads = surgery.spread(groups, size * group)
        for part, units in ((family.attention_output, heads), (family.feed_forward_out, neurons)):
            weight = surgery.projection_of(layer, part).weight
            mask = torch.zeros(weight.shape[1])
            mask[units] = 1.0
            weight.mul_(mask)
    after = [network.get_submodule(name) for name in ("classifier", "classifier.out_proj") if _has(network, name)]
    for module in after:
        if isinstance(module, nn.Linear):
            mask = torch.zeros(module.in_features)
            mask[kept.channels] = 1.0
            module.weight.mul_(mask)


def _has(network: nn.Module, name: str) -> bool:
    return any(name == one for one, _ in network.named_modules())


def batch_for(model: Model) -> dict[str, torch.Tensor]:
    ids = torch.randint(5, 60, (2, 9), generator=torch.Generator().manual_seed(2))
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0
    return {"input_ids": ids.masked_fill(mask == 0, 1), "attention_mask": mask}


@torch.no_grad()
def answers(network: nn.Module, batch: dict[str, torch.Tensor], channels: torch.Tensor | None = None) -> torch.Tensor:
    found = network(**batch)[0]
    if channels is not None:
        found = found[..., channels]
    return found[batch["attention_mask"].bool()] if found.dim() == 3 else found


@pytest.mark.parametrize(("family", "kind", "settings"), CASES, ids=name_of)
@pytest.mark.parametrize("share", [0.5, 0.7])
def test_a_narrow_network_is_the_wide_one_with_the_rest_muted(family, kind, settings, share, tiny_model, tmp_path):
    model = opened(tiny_model, family, kind, settings)
    kept, left = drawn(model, share)
    assert left.hidden < model.profile.hidden
    narrower, batch = narrow(model.network, model.family, kept), batch_for(model)
    muted(model, kept)
    wanted = answers(model.network, batch, None if kind else kept.channels)
    torch.testing.assert_close(answers(narrower, batch), wanted, rtol=1e-4, atol=1e-5)
    with quiet():
        narrower.save_pretrained(tmp_path)
        again = CLASSES[kind].from_pretrained(tmp_path).eval()
    assert torch.equal(answers(again, batch), answers(narrower, batch))
    found = read_profile(tmp_path)
    same = ("hidden", "heads", "kv_heads", "head_size", "feed_forward_width", "layers", "vocabulary", "tied")
    parts = ("embeddings", "attention", "feed_forward", "norms", "final_norm", "head")
    assert [getattr(found, name) for name in (*same, *parts)] == [getattr(left, name) for name in (*same, *parts)]


@pytest.mark.parametrize("family", ["bert", "distilbert", "roberta", "gpt2", "llama", "qwen3"])
def test_every_side_as_large_as_its_count_says(family, tiny_model):
    """Sizes that are all unlike: a side that was taken for another would be of another size."""
    sizes = {"hidden": 40, "heads": 5, "feed_forward": 72}
    sizes |= {"kv_heads": 5} if family in ("llama", "qwen3") else {}
    folder = tiny_model(family, **sizes)
    profile = read_profile(folder)
    queries = profile.heads * profile.head_size
    wanted = {"channels": 40, "neurons": 72, "queries": queries, "shared": queries, "fused": 3 * queries}
    for name, tensor in read_headers(folder).items():
        found = sides(name, len(tensor.shape), family_of(profile.model_type))
        for side, size in zip(found, tensor.shape, strict=True):
            assert side == "fixed" or size == wanted[side], (name, side)


def test_the_whole_width_is_the_same_network(tiny_model):
    model = opened(tiny_model, "llama", "ForCausalLM", {})
    kept, left = drawn(model, 1.0)
    assert left == model.profile
    weights = narrow(model.network, model.family, kept).state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in model.network.state_dict().items())


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama", "mistral", "qwen3"])
def test_every_share_is_a_width_that_config_json_can_say(family, tiny_model):
    grouped = {} if family in ("bert", "gpt2") else {"kv_heads": 6}
    profile = read_profile(tiny_model(family, hidden=96, heads=12, **grouped))
    for percent in range(25, 101, 5):
        left = profile.with_width(percent / 100)
        assert 0 < left.hidden <= profile.hidden
        assert left.heads % left.head_groups == 0
        assert left.heads // left.head_groups == profile.heads // profile.head_groups
        if family in ("bert", "gpt2"):
            assert left.hidden == left.heads * left.head_size
        if family == "llama":
            assert left.hidden % left.heads == 0
        assert abs(left.hidden / profile.hidden - percent / 100) < 0.2
