"""Opening a model: a new head comes from the seed, and the profile counts it."""

import pytest
import torch

from engine.models.model import open_model
from engine.models.profile import read_profile

FAMILIES = ("bert", "distilbert", "roberta")


def head(folder, seed: int) -> dict[str, torch.Tensor]:
    network = open_model(folder, labels=("a", "b", "c", "d"), seed=seed).network
    return {name: value for name, value in network.state_dict().items() if "classifier" in name and value.dim() == 2}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_new_head_is_random_from_its_seed(tiny_model, family: str):
    folder = tiny_model(family, layers=1, head=False)
    state = torch.random.get_rng_state()
    first, again, other = head(folder, 1), head(folder, 1), head(folder, 2)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("with_head", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_new_head_is_counted(tiny_model, family: str, with_head: bool, tmp_path):
    model = open_model(tiny_model(family, layers=1, head=with_head), labels=("a", "b", "c", "d"))
    model.network.save_pretrained(tmp_path)
    saved = read_profile(tmp_path)
    assert model.profile.head == saved.head
    assert model.profile.parameters == saved.parameters
    assert model.profile.labels == saved.labels == ("a", "b", "c", "d")


def test_a_copy_can_be_changed_alone(tiny_model):
    model = open_model(tiny_model("bert", layers=1))
    copied = model.copy()
    with torch.no_grad():
        copied.network.classifier.bias.add_(1.0)
    assert not torch.equal(copied.network.classifier.bias, model.network.classifier.bias)
    assert not model.network.training
