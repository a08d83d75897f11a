"""The one training loop: it keeps its time, keeps the best weights, and repeats itself from its seed."""

import itertools
import time
from collections import Counter
from pathlib import Path

import pytest
import torch

from engine import training
from engine.checkpoint import Checkpoint
from engine.context import Context
from engine.data.splits import Examples, Splits
from engine.errors import Cancelled
from engine.events import CurvePoint
from engine.models.model import Model, open_model
from engine.tasks.base import TrainingBatch
from engine.tasks.classification import Classification
from engine.tasks.encoding import Encoder
from engine.training import Budget, train, validate


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def model(tiny_model) -> Model:
    return open_model(tiny_model("distilbert", layers=1))


@pytest.fixture
def context(model, tiny_models, tmp_path: Path) -> Context:
    rows = tiny_models.texts(100)
    names = tiny_models.LABELS[:3]
    everything = Examples(tuple(text for text, _ in rows), tuple(names.index(label) for _, label in rows))
    data = Splits(names, everything.first(64), *list(everything.batches(64))[1:], everything.first(1), key="")
    return Context(lambda _: None, lambda: False, data, Classification(), tmp_path, seed=1, teacher=lambda: model)


def points(context: Context) -> list[CurvePoint]:
    """A list that fills with the curves' points."""
    found: list[CurvePoint] = []
    context.emit = lambda event: found.append(event) if isinstance(event, CurvePoint) else None
    return found


def learn(model: Model, context: Context, budget: Budget) -> float:
    return train(model.network, context.task.loss, Encoder(model.folder), context, budget).value


def test_the_time_budget_is_kept(model, context):
    learn(model, context, Budget(0.001, 1, 1e-4))  # what is loaded once is loaded now
    start = time.monotonic()
    learn(model, context, Budget(1.5 / 60, 100_000, 1e-4))
    assert 1.4 < time.monotonic() - start < 2.5


def test_the_runs_own_deadline_is_kept(model, context):
    learn(model, context, Budget(0.001, 1, 1e-4))
    start = time.monotonic()
    context.deadline = start + 1.2
    learn(model, context, Budget(10, 100_000, 1e-4))
    assert 1.1 < time.monotonic() - start < 2.2


def test_the_best_weights_are_kept(model, context):
    """Steps far too long: what is learnt is lost again and again."""
    seen = points(context)
    best = learn(model, context, Budget(5, 8, 0.05, batch_size=16))
    looks = [point.y for point in seen if point.curve == "validation accuracy"]
    assert len(looks) > 4
    assert best == max(looks) > min(looks)
    assert validate(model.network, model.folder, context)[0] == best
    assert not model.network.training


def test_it_learns(model, context):
    torch.nn.init.zeros_(model.network.classifier.weight)
    torch.nn.init.zeros_(model.network.classifier.bias)
    before = validate(model.network, model.folder, context)[0]
    assert learn(model, context, Budget(5, 10, 5e-3, batch_size=16)) > before + 0.2


def test_a_slow_machine_learns_the_same(model, context):
    """Training that ends by its epochs does not depend on how long a step takes."""
    other = model.copy()

    class Slow(Classification):
        def to_batch(self, *given) -> TrainingBatch:
            time.sleep(0.1)
            return super().to_batch(*given)

    learn(model, context, Budget(5, 2, 1e-3))
    context.task = Slow()
    learn(other, context, Budget(5, 2, 1e-3))
    for name, weight in model.network.state_dict().items():
        assert torch.equal(weight, other.network.state_dict()[name])


def test_a_slow_look_at_validation_data_leaves_time_to_learn(model, context, monkeypatch):
    """Where time runs out first: eight looks of 0.2 s would have taken most of 2 s."""

    def slow(*given):
        time.sleep(0.2)
        return validate(*given)

    monkeypatch.setattr(training, "validate", slow)
    seen = points(context)
    learn(model, context, Budget(2 / 60, 100_000, 1e-4))
    assert 2 <= len([point for point in seen if point.curve == "validation accuracy"]) <= 4


def test_a_cancel_stops_it(model, context):
    context.cancelled = lambda: True
    with pytest.raises(Cancelled):
        learn(model, context, Budget(5, 2, 1e-3))


def test_every_epoch_reads_every_text_once(context):
    train_set = context.data.train
    for size in (7, 32, 100):
        batches = list(training._batches(train_set, Budget(1, 2, 1e-3, batch_size=size), seed=1))
        assert Counter(text for batch in batches for text in batch.texts) == Counter(2 * train_set.texts)
        of = dict(zip(train_set.texts, train_set.labels, strict=True))
        assert all(of[text] == label for b in batches for text, label in zip(b.texts, b.labels, strict=True))


def test_the_learning_rate_warms_up_and_falls():
    rates = [training._schedule(share / 100, warm_up=0.1) for share in range(101)]
    assert rates[0] == rates[100] == 0
    assert rates.index(max(rates)) == 10
    assert max(rates) == 1
    assert all(after < before for before, after in itertools.pairwise(rates[10:]))


def test_masks_are_put_back_after_every_step(model, context):
    weight = model.network.classifier.weight

    def zero() -> None:
        weight.data[:, 0] = 0.0

    train(model.network, context.task.loss, Encoder(model.folder), context, Budget(5, 1, 1e-2), zero)
    assert torch.equal(model.network.classifier.weight[:, 0], torch.zeros(3))


def test_what_was_cut_off_goes_on_to_the_same_end(model, context, own_home):
    """From its last checkpoint, bit for bit as if nothing had happened."""
    whole, cut = model.copy(), model.copy()
    budget = Budget(5, 4, 1e-3, batch_size=16)

    def learn_on(network, key: str) -> None:
        encoder = Encoder(model.folder)
        train(network, context.task.loss, encoder, context, budget, checkpoint=Checkpoint(key))

    for each in (whole, cut):
        for module in each.network.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.2
    learn_on(whole.network, "whole")
    looks = points(context)
    context.cancelled = lambda: sum(point.curve.startswith("validation") for point in looks) >= 3
    with pytest.raises(Cancelled):
        learn_on(cut.network, "cut")
    assert Checkpoint("cut").path.is_file()
    context.cancelled = lambda: False
    learn_on(cut.network, "cut")
    assert not Checkpoint("cut").path.exists()
    for name, weight in whole.network.state_dict().items():
        assert torch.equal(weight, cut.network.state_dict()[name]), name


def test_a_damaged_checkpoint_is_a_beginning(model, context, own_home):
    kept = Checkpoint("damaged")
    kept.path.parent.mkdir(parents=True)
    kept.path.write_bytes(b"cut off")
    train(model.network, context.task.loss, Encoder(model.folder), context, Budget(5, 1, 1e-3), checkpoint=kept)
    assert not kept.path.exists()
