"""Which layers need 8 bits: against brute force, and the network left as it was."""

import copy
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from engine.methods.routes import protect
from engine.methods.sensitivity import layer_sensitivity, most_sensitive, rounded_to_nearest
from engine.models.families import family_of
from engine.models.model import Model
from engine.models.profile import read_profile
from engine.techniques.quantize import Quantize


@pytest.fixture
def model(request, tmp_path, tiny_models) -> Model:
    family = getattr(request, "param", "llama")
    folder = tiny_models.build_decoder(tmp_path / family, family, layers=2)
    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    profile = read_profile(folder)
    return Model(network=network, profile=profile, family=family_of(profile.model_type), folder=folder)


def test_each_value_goes_to_the_nearest_of_sixteen_steps():
    weight = torch.randn(3, 64, generator=torch.Generator().manual_seed(0))
    found = rounded_to_nearest(weight, 32)
    for row, rounded in zip(weight.reshape(6, 32), found.reshape(6, 32), strict=True):
        assert len(rounded.unique()) <= 16
        step = (row.max() - row.min()) / 15
        assert (row - rounded).abs().max() <= step / 2 + step / 2 + 1e-6  # half a step, and half for the zero point
    assert torch.equal(rounded_to_nearest(torch.zeros(2, 32), 32), torch.zeros(2, 32))


@pytest.mark.parametrize("model", ["gpt2", "llama"], indirect=True)
def test_one_layer_at_a_time_is_rounded_and_put_back(model):
    family = model.profile.model_type
    ids = np.random.default_rng(0).integers(0, model.profile.vocabulary, (2, 16))
    before = copy.deepcopy(model.network.state_dict())
    found = layer_sensitivity(model, [{"input_ids": ids}], 32, lambda done, total: None)
    assert all(torch.equal(value, before[name]) for name, value in model.network.state_dict().items())
    assert len(found) == len(dict(found)) == 2 * (4 if family == "gpt2" else 7)
    name, nats = found[-2]  # in the second block: what came before it was skipped
    with torch.no_grad():
        wanted = model.network(torch.from_numpy(ids)).logits.log_softmax(-1)
        weight = model.network.get_submodule(name).weight
        seen = weight.T if family == "gpt2" else weight
        seen.copy_(rounded_to_nearest(seen.clone(), 32))
        changed = model.network(torch.from_numpy(ids)).logits.log_softmax(-1)
    assert nats == pytest.approx(float((wanted.exp() * (wanted - changed)).sum(-1).mean()), rel=1e-3)
    assert nats > 0


def test_what_is_kept_fits_the_share_and_begins_with_what_matters_most(model):
    names = [name for name, _ in model.network.named_modules() if name.endswith("_proj")]
    sensitivity = [(name, 0.1) for name in names]
    sensitivity[5] = (names[5], 9.0)
    kept = most_sensitive(model, sensitivity, 0.3)
    numbers = {name: model.network.get_submodule(name).weight.numel() for name in names}
    assert names[5] in kept
    assert sum(numbers[name] for name in kept) <= 0.3 * sum(numbers.values())
    assert most_sensitive(model, sensitivity, 0.0) == ()
    assert set(most_sensitive(model, sensitivity, 1.0)) == set(names)


def test_the_storage_names_the_layers_that_stay_and_the_run_shows_each(model):
    technique = Quantize(bits=4, runtime="openvino", group_size=32, protected=0.5)
    narrowed = model.with_profile(technique.stored(model.profile, "openvino"))
    ids = np.random.default_rng(0).integers(0, model.profile.vocabulary, (1, 16))
    context = Mock()
    kept = protect(narrowed, [{"input_ids": ids}], context).storage.protected
    assert 0 < len(kept) < 14
    assert [call.args[:2] for call in context.curve.call_args_list] == [("sensitivity", place) for place in range(14)]
    assert f"{len(kept)} of 14 layers stay at 8 bits" in context.note.call_args.args[0]
    untouched = model.with_profile(Quantize(bits=8, protected=0.5).stored(model.profile, "openvino"))
    assert protect(untouched, [], context) is untouched
