"""Low rank as a step: what is left is counted, and the card says how sure it is."""

import pytest
import torch

from engine.context import Context
from engine.data.splits import Examples, Splits
from engine.errors import Cancelled
from engine.methods.factoring import factor
from engine.methods.low_rank import Factored
from engine.models.model import open_model
from engine.models.profile import read_profile
from engine.tasks.classification import Classification
from engine.techniques.low_rank import SHARES, LowRank


@pytest.fixture
def context(tiny_models, tmp_path) -> Context:
    texts = tuple(text for text, _ in tiny_models.texts(60))
    examples = Examples(texts, (0,) * len(texts))
    data = Splits(("a", "b", "c"), examples, examples.first(1), examples.first(1), key="")
    return Context(lambda _: None, lambda: False, data, Classification(), tmp_path, seed=0, teacher=lambda: None)


def forced(energy: float) -> LowRank:
    """Less energy than the slider has: the tiny models' weights are random, so hardly anything is thin."""
    return LowRank.model_construct(energy=energy, calibration_texts=48)


@pytest.mark.parametrize("family", ["bert", "distilbert", "roberta"])
def test_what_is_left_is_counted(tiny_models, tmp_path, context, family):
    model = open_model(tiny_models.build(tmp_path / "model", family))
    changed = factor(model, forced(0.6), context)
    made = [module for module in changed.network.modules() if isinstance(module, Factored)]
    assert made
    assert changed.profile.parameters == sum(value.numel() for value in changed.network.parameters())
    assert changed.profile.work < model.profile.work
    assert not changed.profile.loads_plainly
    assert changed.profile.storage.runtime == "onnxruntime"
    tensors = changed.profile.attention.matrix_tensors + changed.profile.feed_forward.matrix_tensors
    before = model.profile.attention.matrix_tensors + model.profile.feed_forward.matrix_tensors
    assert tensors == before + len(made)
    assert f"{len(made)} of 18 matrices became two" in context.notes[0]
    batch = {"input_ids": torch.ones(2, 5, dtype=torch.long)}
    assert torch.isfinite(changed.network(**batch).logits).all()


def test_where_nothing_is_thin_nothing_changes(tiny_models, tmp_path, context):
    model = open_model(tiny_models.build(tmp_path / "model", "bert"))
    changed = factor(model, LowRank(energy=1.0, calibration_texts=48), context)
    assert changed.profile == model.profile
    assert "Lower the energy" in context.notes[0]


def test_the_card_knows_the_direction_and_says_how_sure_it_is(tiny_model):
    profile = read_profile(tiny_model("bert"))
    guesses = [LowRank(energy=energy).after(profile).parameters for energy, _ in SHARES]
    assert guesses == sorted(guesses)
    assert LowRank(energy=1.0).after(profile) == profile
    card = LowRank(energy=0.95).estimate(profile)
    assert card.size_error > 0.1
    assert not card.loads_plainly
    assert "not with plain from_pretrained" in card.line
    assert LowRank(energy=1.0).estimate(profile).quality == "Nothing is taken out."


def test_it_can_be_cancelled(tiny_models, tmp_path, context):
    context.cancelled = lambda: True
    with pytest.raises(Cancelled):
        factor(open_model(tiny_models.build(tmp_path / "model", "bert")), forced(0.6), context)
