"""The contract for sentence embedders: every technique and runtime, from the network to the saved folder."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from engine.artifact import size_of
from engine.context import Context
from engine.data.reading import load
from engine.data.splits import Budget
from engine.finishing import save
from engine.models.model import Model, open_model
from engine.models.profile import Storage
from engine.recipe import DataSource
from engine.runtimes import RUNTIMES, runtime_named
from engine.tasks import task_named
from engine.tasks.pooling import read_pooling
from engine.techniques.distill import Distill
from engine.techniques.fine_tune import FineTune
from engine.techniques.low_rank import LowRank
from engine.techniques.pca import Pca
from engine.techniques.prune import Prune
from engine.techniques.vocabulary import Vocabulary

TASK = task_named("sentence similarity")
CHANGING = (
    Prune(structure="feed-forward neurons", sparsity=0.5),
    LowRank(energy=0.95, calibration_texts=16),
    Vocabulary(keep=0.8),
    Pca(dimensions=32),
)
SAME_SHAPES = (
    Distill(layers=0.5, epochs=1, minutes=5, learning_rate=1e-3),
    Distill(layers=1.0, width=0.5, epochs=1, minutes=5, learning_rate=1e-3),
    FineTune(epochs=1, minutes=5, learning_rate=1e-3),
    Prune(structure="layers", sparsity=0.5),
    Prune(structure="weights", sparsity=0.5, importance="activation"),
    FineTune(epochs=1, minutes=5, learning_rate=1e-3, adapt="LoRA", rank=4),
)
"""What these leave is exported as what the others leave: saved for PyTorch only."""


@pytest.fixture(scope="module")
def data(tiny_models, tmp_path_factory):
    """Texts and what they are about, to be found among all that texts are about."""
    path = tmp_path_factory.mktemp("pairs") / "pairs.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["query", "answer"])
        pairs = enumerate(tiny_models.texts(400))
        writer.writerows((text, f"{label} {text.split()[-1]} {number}") for number, (text, label) in pairs)
    return load(DataSource(path=str(path)), None, 0, Budget(train=64, validation=40, test=40))


@pytest.fixture
def opened(tiny_models, tmp_path) -> Model:
    return open_model(tiny_models.build(tmp_path / "model", "bert", head=False, hidden=64), TASK.auto_class)


@pytest.fixture
def context(data, opened, tmp_path) -> Context:
    (tmp_path / "scratch").mkdir()
    return Context(lambda _: None, lambda: False, data, TASK, tmp_path / "scratch", seed=3, teacher=opened.copy)


def answers(model: Model, context: Context) -> np.ndarray:
    return TASK.in_memory(model.network, model.folder, lambda: None).answers(context.data.test, lambda _: None)


@pytest.mark.parametrize(
    ("technique", "runtime"),
    [
        *((technique, runtime.name) for technique in CHANGING for runtime in RUNTIMES),
        *((technique, "torch") for technique in SAME_SHAPES),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_what_is_saved_gives_the_vectors_of_what_is_in_memory(technique, runtime, opened, context):
    if technique.refusal(opened.profile):
        pytest.fail(technique.refusal(opened.profile))
    model = technique.apply(opened.copy(), context)
    target = runtime_named(runtime)
    profile = model.profile.model_copy(update={"storage": Storage(runtime=runtime)})
    if refusal := target.refusal(profile):
        assert "Choose" in refusal
        return
    folder = save(model.with_profile(profile), context.scratch / "saved", context)
    reader = TASK.load(target, folder, 1, full_precision=False)
    found = reader.answers(context.data.test, lambda _: None)
    assert TASK.disparity(answers(model, context), found) <= TASK.parity[32]


def test_weights_alone_at_8_bits_stay_closer_and_graphs_do_without_the_pooler(opened, context):
    disparities = []
    for storage in (Storage(runtime="openvino", bits=8, weights_only=True), Storage(runtime="openvino", bits=8)):
        model = opened.copy().with_profile(opened.profile.model_copy(update={"storage": storage}))
        folder = save(model, context.scratch / f"saved-{storage.weights_only}", context)
        target = runtime_named(storage.runtime)
        assert size_of(folder) == pytest.approx(
            target.stored_bytes(model.profile), rel=target.size_error(model.profile)
        )
        assert "pooler" not in (folder / target.marker).read_text(encoding="utf-8")
        found = TASK.load(target, folder, 1, full_precision=False).answers(context.data.test, lambda _: None)
        disparities.append(TASK.disparity(answers(model, context), found))
        assert model.network.pooler is not None
    assert disparities[0] < disparities[1] <= TASK.parity[8]


def test_an_embedder_at_4_bits_keeps_no_layer_at_8_and_weighs_what_was_foretold(opened, context):
    storage = Storage(runtime="openvino", bits=4, group_size=32, vocabulary_bits=4)
    model = opened.with_profile(opened.profile.model_copy(update={"storage": storage}))
    folder = save(model, context.scratch / "saved", context)
    target = runtime_named("openvino")
    assert size_of(folder) == pytest.approx(target.stored_bytes(model.profile), rel=target.size_error(model.profile))
    assert 'element_type="i8"' not in (folder / target.marker).read_text(encoding="utf-8")


def test_shorter_vectors_stay_short_after_all_else(opened, context, tmp_path: Path):
    model = Pca(dimensions=32).apply(opened, context)
    folder = save(model, tmp_path / "saved", context)
    assert answers(model, context).shape[1] == 32
    assert read_pooling(folder).dense[0].weight.shape == (32, 64)
