"""The contract for language models: every technique × family × runtime, from the network to the saved folder."""

from __future__ import annotations

import contextlib
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from engine.artifact import size_of
from engine.context import Context
from engine.data.reading import load
from engine.data.splits import Budget
from engine.errors import Cancelled
from engine.finishing import save
from engine.methods.routes import save_as
from engine.models.model import Model, open_kept, open_model
from engine.models.profile import Storage
from engine.recipe import DataSource
from engine.run import Comparison, Measurement
from engine.runtimes import RUNTIMES, runtime_named
from engine.tasks import task_named
from engine.technique import Technique
from engine.techniques.distill import Distill
from engine.techniques.fine_tune import FineTune
from engine.techniques.low_rank import LowRank
from engine.techniques.prune import Prune
from engine.techniques.quantize import Quantize
from engine.techniques.vocabulary import Vocabulary

TASK = task_named("language modelling")
FAMILIES = ("gpt2", "llama", "llama-untied", "mistral", "qwen2", "qwen3")
CHANGING: tuple[Technique, ...] = (
    Prune(structure="weights", sparsity=0.5, importance="sparsegpt"),
    Prune(structure="weights", sparsity=0.5, importance="activation", pattern="2:4"),
    Prune(structure="weights", sparsity=0.5, importance="magnitude over all layers"),
    Prune(structure="feed-forward neurons", sparsity=0.5),
    Prune(structure="attention heads", sparsity=0.5),
    Prune(structure="layers", sparsity=0.5),
    LowRank(energy=0.95, calibration_texts=16),
    Distill(layers=0.5, epochs=1, minutes=5, learning_rate=1e-3),
    Distill(layers=1.0, width=0.5, epochs=1, minutes=5, learning_rate=1e-3),
    Vocabulary(keep=0.8),
    FineTune(epochs=1, minutes=5, learning_rate=1e-3),
    FineTune(epochs=1, minutes=5, learning_rate=1e-3, adapt="LoRA", rank=4),
)
EXACT = (Prune, Distill, FineTune)
"""Techniques that foretell every parameter; what the others leave depends on weights or texts."""


def name_of(technique: Technique) -> str:
    settings = technique.model_dump(exclude_defaults=True, exclude={"calibration_texts", "epochs", "minutes"})
    return "-".join([technique.name, *(str(value) for value in settings.values())])


@dataclass
class Bench:
    """Makes models and contexts of one session."""

    folder: Path
    tiny_models: object
    data: object

    def open(self, family: str) -> Model:
        place = self.folder / family
        if not place.exists():
            self.tiny_models.build_decoder(place, family)
        return open_model(place, TASK.auto_class)

    def context(self, family: str, cancelled=lambda: False, emit=lambda _: None) -> Context:
        scratch = self.folder / f"scratch-{len(list(self.folder.iterdir()))}"
        scratch.mkdir()
        context = Context(emit, cancelled, self.data, TASK, scratch, seed=3, teacher=lambda: self.open(family))
        context.trial = lambda _, precision: (Measurement(runtime="none", precision=precision), Comparison())
        return context


@pytest.fixture(scope="session")
def generators(tiny_models, tmp_path_factory) -> Bench:
    folder = tmp_path_factory.mktemp("generators")
    rows = [text for text, _ in tiny_models.texts(2500)]
    random.Random(1).shuffle(rows)
    text = folder / "text.txt"
    text.write_text("\n".join(" ".join(rows[at : at + 12]) for at in range(0, len(rows), 3)), encoding="utf-8")
    data = load(DataSource(path=str(text)), None, 0, Budget(train=24, validation=12, test=12))
    return Bench(folder, tiny_models, data)


def answers(model: Model, context: Context) -> np.ndarray:
    return TASK.in_memory(model.network, model.folder, lambda: None).answers(context.data.test, lambda _: None)


def read_back(folder: Path, runtime: str, context: Context) -> np.ndarray:
    reader = TASK.load(runtime_named(runtime), folder, 1, full_precision=False)
    return reader.answers(context.data.test, lambda _: None)


@pytest.mark.parametrize("decoder", FAMILIES)
@pytest.mark.parametrize("technique", CHANGING, ids=name_of)
def test_what_is_saved_answers_as_what_is_in_memory(technique, decoder, generators):
    """In the runtime that the technique itself chooses, and in OpenVINO."""
    context = generators.context(decoder)
    model = technique.apply(generators.open(decoder), context)
    parameters = sum({p.data_ptr(): p.numel() for p in model.network.parameters()}.values())
    assert model.profile.parameters == parameters
    if isinstance(technique, EXACT):
        assert technique.after(generators.open(decoder).profile).parameters == parameters
    wanted = answers(model, context)
    for runtime in dict.fromkeys((model.storage.runtime, "openvino")):
        storage = model.storage if runtime == model.storage.runtime else Storage(runtime=runtime)
        written = model.with_profile(model.profile.model_copy(update={"storage": storage}))
        folder = save(written, context.scratch / runtime, context)
        assert TASK.disparity(wanted, read_back(folder, runtime, context)) <= TASK.parity[32]


@pytest.mark.parametrize("decoder", FAMILIES)
@pytest.mark.parametrize("bits", [32, 16, 8, 4])
@pytest.mark.parametrize("runtime", [runtime.name for runtime in RUNTIMES])
def test_each_runtime_holds_each_width_or_says_why_not(runtime, bits, decoder, generators):
    context = generators.context(decoder)
    technique = Quantize(bits=bits, runtime=runtime, calibration_texts=16)
    model = generators.open(decoder)
    if refusal := technique.refusal(model.profile):
        assert "Choose" in refusal
        return
    stored = model.with_profile(technique.stored(model.profile, runtime))
    saved = save_as(stored, TASK.calibration(context.data.train.first(4), TASK.encoder(model.folder)), context)
    foretold = runtime_named(runtime)
    expected, error = foretold.stored_bytes(stored.profile), foretold.size_error(stored.profile)
    assert size_of(saved.saved) == pytest.approx(expected, rel=max(error, 0.03))
    assert TASK.disparity(answers(model, context), read_back(saved.saved, runtime, context)) <= TASK.parity[bits]


@pytest.mark.parametrize("technique", CHANGING, ids=name_of)
def test_the_same_seed_gives_the_same_weights(technique, generators):
    first, second = (
        technique.apply(generators.open("llama"), generators.context("llama")).network.state_dict() for _ in range(2)
    )
    assert all(bool((weight == second[name]).all()) for name, weight in first.items())


@pytest.mark.parametrize("technique", CHANGING, ids=name_of)
def test_a_cancel_is_noticed(technique, generators):
    events: list[object] = []
    context = generators.context("gpt2", lambda: len(events) >= 2, events.append)
    with contextlib.suppress(Cancelled):
        technique.apply(generators.open("gpt2"), context)
    assert len(events) <= 2


def test_thinner_layers_are_opened_again_for_another_format(generators):
    from engine.finishing import keep_weights
    from engine.methods.low_rank import fit_factors

    context = generators.context("llama")
    model = LowRank(energy=0.95, calibration_texts=16).apply(generators.open("llama"), context)
    keep_weights(model, context.scratch / "weights", model.folder)
    kept = open_kept(context.scratch / "weights", fit_factors)
    assert np.allclose(answers(kept, context), answers(model, context), atol=1e-3)
