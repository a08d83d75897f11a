"""A folder that answers unlike the network it was written from is no result."""

import numpy as np
import pytest

from engine.data.splits import Examples
from engine.errors import Refused
from engine.finishing import check_parity
from engine.models.model import open_model
from engine.tasks.classification import Classification


class _Context:
    """Of a run's context, what the parity check reads."""

    task = Classification()

    def __init__(self, data):
        self.data = data

    def check(self):
        """Nobody cancels."""


class _Data:
    def __init__(self, examples):
        self.test = examples


@pytest.fixture
def opened(tiny_model, tiny_models):
    """A tiny model, texts, and what it answers to them."""
    model = open_model(tiny_model("bert"))
    examples = Examples(tuple(text for text, _ in tiny_models.texts(20)), (0,) * 20)
    logits = Classification().in_memory(model.network, model.folder, lambda: None).answers(examples, lambda _: None)
    return model, _Context(_Data(examples)), logits


def test_the_same_answers_pass(opened):
    """Rounding is no wrong translation."""
    model, context, logits = opened
    check_parity(model, logits + 1e-5, context)


def test_other_answers_are_refused(opened):
    """Texts mixed up, or a layer left in train mode, look like this."""
    model, context, logits = opened
    with pytest.raises(Refused, match="does not answer as the model"):
        check_parity(model, np.roll(logits, 1, axis=0) + 0.5, context)
