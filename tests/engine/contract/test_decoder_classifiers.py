"""The contract for decoders with a classification head: every technique and runtime, padded or not."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from engine.artifact import size_of
from engine.context import Context
from engine.data.splits import Examples, Splits
from engine.errors import Cancelled
from engine.export import export
from engine.finishing import keep_weights, save
from engine.measure.client import BenchProcess
from engine.methods.low_rank import fit_factors
from engine.methods.routes import calibration_batches, save_as
from engine.models.model import Model, open_kept, open_model
from engine.models.profile import Storage
from engine.recipe import recipe_from
from engine.run import Comparison, Measurement, Status
from engine.runner import run
from engine.runtimes import RUNTIMES, runtime_named
from engine.tasks import task_named
from engine.technique import Technique
from engine.techniques.distill import Distill
from engine.techniques.fine_tune import FineTune
from engine.techniques.low_rank import LowRank
from engine.techniques.prune import Prune
from engine.techniques.quantize import Quantize
from engine.techniques.train_head import TrainHead
from engine.techniques.vocabulary import Vocabulary

TASK = task_named("classification")
LABELS = ("animal", "food", "place")
FAMILIES = ("gpt2", "llama", "mistral", "qwen2", "qwen3")
UNALIKE = ("gpt2", "qwen3")
"""Those that take every step: the others' layers are Qwen3's without a part. Exported to ONNX, too, at 5 s each."""
END = 7
"""A token that ends no text here: what is taken for padding must not be what a text is filled up with by chance."""
STRUCTURES = ("weights", "feed-forward neurons", "attention heads", "layers")
CHANGING: tuple[Technique, ...] = (
    TrainHead(epochs=1, learning_rate=1e-3),
    *(Prune(structure=structure, sparsity=0.5) for structure in STRUCTURES),
    LowRank(energy=0.95, calibration_texts=16),
    Distill(layers=0.5, epochs=1, minutes=5, learning_rate=1e-3),
    Vocabulary(keep=0.8),
    FineTune(epochs=1, minutes=5, learning_rate=1e-3),
    FineTune(epochs=1, minutes=5, learning_rate=1e-3, adapt="LoRA", rank=4),
)
OTHER_WAYS: tuple[Technique, ...] = (
    TrainHead(epochs=1, learning_rate=1e-3, whole_model=False),
    *(Prune(structure="weights", importance=way) for way in ("magnitude", "sparsegpt", "magnitude over all layers")),
    Prune(structure="weights", importance="activation", pattern="2:4"),
    *(Prune(structure=s, importance=way) for s in STRUCTURES[1:] for way in ("activation", "magnitude")),
    Prune(structure="layers", sparsity=0.5, recovery_minutes=5, recovery_epochs=1),
)
"""What these leave has the same shapes, and they find their way by the family alone: one family."""
EXACT = (TrainHead, Prune, Distill, FineTune)


def name_of(technique: Technique) -> str:
    settings = technique.model_dump(exclude_defaults=True, exclude={"calibration_texts", "epochs", "minutes"})
    return "-".join([technique.name, *(str(value) for value in settings.values())])


@dataclass
class Bench:
    """Makes models and contexts of one module."""

    folder: Path
    tiny_models: object
    data: Splits

    def open(self, family: str, *, head: bool = True, **sizes: int) -> Model:
        place = self.folder / "-".join([family, str(head), *(str(size) for size in sizes.values())])
        if not place.exists():
            labels = len(LABELS) if head else 0
            self.tiny_models.build_decoder(place, family, **{"layers": 2, **sizes}, labels=labels, ends_with=END)
        return open_model(place, TASK.auto_class, labels=() if head else LABELS, seed=3)

    def context(self, model: Model, cancelled=lambda: False, emit=lambda _: None) -> Context:
        scratch = self.folder / f"scratch-{len(list(self.folder.iterdir()))}"
        scratch.mkdir()
        context = Context(emit, cancelled, self.data, TASK, scratch, seed=3, teacher=model.copy)
        context.trial = lambda _, precision: (Measurement(runtime="none", precision=precision), Comparison())
        return context

    def opened_for(self, technique: Technique, family: str) -> Model:
        return self.open(family, head=not technique.prepares)


@pytest.fixture(scope="module")
def classifiers(tiny_models, tmp_path_factory) -> Bench:
    rows = tiny_models.texts(120)
    everything = Examples(tuple(text for text, _ in rows), tuple(LABELS.index(label) for _, label in rows))
    train, rest = everything.batches(80)
    validation, test = rest.batches(20)
    data = Splits(LABELS, train, validation, test, key="tiny")
    return Bench(tmp_path_factory.mktemp("classifiers"), tiny_models, data)


def answers(model: Model, examples: Examples) -> np.ndarray:
    return TASK.in_memory(model.network, model.folder, lambda: None).answers(examples, lambda _: None)


def read_back(folder: Path, runtime: str, examples: Examples) -> np.ndarray:
    return TASK.load(runtime_named(runtime), folder, 1, full_precision=False).answers(examples, lambda _: None)


def check(technique: Technique, family: str, bench: Bench) -> tuple[Model, Context]:
    before = bench.opened_for(technique, family)
    context = bench.context(before)
    profile = before.profile
    assert technique.refusal(profile) is None
    model = technique.apply(before.copy(), context)
    parameters = sum({p.data_ptr(): p.numel() for p in model.network.parameters()}.values())
    assert model.profile.parameters == parameters
    if isinstance(technique, EXACT):
        assert technique.after(profile).parameters == parameters
    return model, context


@pytest.mark.parametrize(
    ("technique", "decoder"),
    [
        (technique, family)
        for technique in CHANGING
        for family in (FAMILIES if isinstance(technique, Prune | LowRank) else UNALIKE)
    ],
    ids=lambda value: value if isinstance(value, str) else name_of(value),
)
def test_what_is_saved_answers_as_what_is_in_memory(technique, decoder, classifiers):
    """In the runtime that the technique itself chooses, and in OpenVINO."""
    model, context = check(technique, decoder, classifiers)
    for runtime in dict.fromkeys((model.storage.runtime, "openvino")):
        storage = model.storage if runtime == model.storage.runtime else Storage(runtime=runtime)
        written = model.with_profile(model.profile.model_copy(update={"storage": storage}))
        folder = save(written, context.scratch / runtime, context)
        found = read_back(folder, runtime, context.data.test)
        assert TASK.disparity(answers(model, context.data.test), found) <= TASK.parity[32]


@pytest.mark.parametrize("technique", OTHER_WAYS, ids=name_of)
def test_other_ways_to_the_same_shapes(technique, classifiers):
    check(technique, "gpt2", classifiers)


def test_the_same_seed_gives_the_same_head(classifiers):
    first, second = (check(CHANGING[0], "gpt2", classifiers)[0].network.state_dict() for _ in range(2))
    assert all(torch.equal(weight, second[name]) for name, weight in first.items())


@pytest.mark.parametrize("technique", (*CHANGING, Quantize(bits=8, runtime="openvino")), ids=name_of)
def test_a_cancel_is_noticed(technique, classifiers):
    events: list[object] = []
    model = classifiers.opened_for(technique, "gpt2")
    context = classifiers.context(model, lambda: len(events) >= 2, events.append)
    with contextlib.suppress(Cancelled):
        technique.apply(model, context)
    assert len(events) <= 2


@pytest.mark.parametrize("decoder", FAMILIES)
@pytest.mark.parametrize("runtime", [runtime.name for runtime in RUNTIMES])
def test_each_runtime_holds_each_width_or_says_why_not(runtime, decoder, classifiers):
    """As large as foretold, and with the network's answers, at lengths and batches that no export has seen."""
    if runtime == "onnxruntime" and decoder not in UNALIKE:
        pytest.skip("translated by the same exporter as those that are")
    model = classifiers.open(decoder, layers=1)
    context = classifiers.context(model)
    texts = context.data.test.texts
    examples = Examples((*texts, "dog", " ".join(texts[:6]), " ".join(texts)), (0,) * (len(texts) + 3))
    wanted = answers(model, examples)
    for bits in (32, 16, 8, 4):
        technique = Quantize(bits=bits, runtime=runtime, calibration_texts=16)
        if refusal := technique.refusal(model.profile):
            assert "Choose" in refusal
            continue
        stored = model.with_profile(technique.stored(model.profile, runtime))
        saved = save_as(stored, calibration_batches(model, context, 16), context).saved
        target = runtime_named(runtime)
        expected, error = target.stored_bytes(stored.profile), target.size_error(stored.profile)
        assert size_of(saved) == pytest.approx(expected, rel=error)
        assert TASK.disparity(wanted, read_back(saved, runtime, examples)) <= TASK.parity[bits]
        if bits == 32:
            _same_alone_and_in_a_batch(saved, runtime, texts)


def _same_alone_and_in_a_batch(folder: Path, runtime: str, texts: tuple[str, ...]) -> None:
    """Padding on either side changes nothing but rounding."""
    encoder, session = TASK.encoder(folder), runtime_named(runtime).load(folder, 1)
    alone = np.concatenate([session(encoder.batch([text])) for text in texts])
    together = encoder.batch(texts)
    assert together["attention_mask"].min() == 0
    np.testing.assert_allclose(session(together), alone, atol=1e-4)


@pytest.mark.parametrize("decoder", FAMILIES)
def test_openvino_reads_the_last_real_token_wherever_padding_lies(decoder, classifiers):
    """As `transformers` does: ids at the left, at the right, nothing but padding, padding within a text."""
    model = classifiers.open(decoder)
    context = classifiers.context(model)
    storage = Storage(runtime="openvino")
    folder = save(
        model.with_profile(model.profile.model_copy(update={"storage": storage})), context.scratch / "saved", context
    )
    ids = np.array([[END, END, 30, 40, 50], [30, 40, 50, END, END], [END] * 5, [30, END, 40, END, END]])
    batch = {"input_ids": ids, "attention_mask": np.array([[0, 0, 1, 1, 1], [1, 1, 1, 0, 0], [1] * 5, [1] * 5])}
    with torch.inference_mode():
        wanted = model.network(**{name: torch.from_numpy(array) for name, array in batch.items()}).logits.numpy()
    np.testing.assert_allclose(runtime_named("openvino").load(folder, 1)(batch), wanted, atol=1e-4)


def test_a_batch_of_a_folder_without_a_padding_token(classifiers):
    """As it lies on the Hub, and as saved: there it loads plainly and answers batches as `transformers` pads them."""
    model = classifiers.open("gpt2")
    context = classifiers.context(model)
    examples = context.data.test
    alone = np.concatenate([answers(model, Examples((text,), (0,))) for text in examples.texts])
    np.testing.assert_allclose(answers(model, examples), alone, atol=1e-4)
    np.testing.assert_allclose(read_back(model.folder, "torch", examples), alone, atol=1e-4)
    folder = save(model, context.scratch / "saved", context)
    network = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(network.config.pad_token_id)
    with torch.inference_mode():
        found = network(**tokenizer(list(examples.texts), padding=True, return_tensors="pt")).logits.numpy()
    np.testing.assert_allclose(found, alone, atol=1e-4)


def test_a_fresh_process_answers_the_same(classifiers):
    model = classifiers.open("gpt2", layers=1)
    context = classifiers.context(model)
    examples = context.data.test
    stored = model.with_profile(Quantize(bits=8, runtime="openvino").stored(model.profile, "openvino"))
    folder = save(stored, context.scratch / "saved", context)
    with BenchProcess(folder, "classification", lambda: None) as bench:
        found = bench.answers(examples, lambda _: None)
        assert TASK.disparity(answers(model, examples), found) <= TASK.parity[8]
        assert bench.respond(examples.texts[0], {})["answer"] == LABELS[found[0].argmax()]


@pytest.mark.parametrize(
    "technique", (Prune(structure="attention heads", sparsity=0.5), LowRank(energy=0.95)), ids=name_of
)
def test_what_config_cannot_say_is_opened_again_for_another_format(technique, classifiers):
    model, context = check(technique, "gpt2", classifiers)
    assert model.storage.runtime == "openvino"
    keep_weights(model, context.scratch / "weights", model.folder)
    kept = open_kept(context.scratch / "weights", fit_factors)
    wanted = answers(model, context.data.test)
    np.testing.assert_allclose(answers(kept, context.data.test), wanted, atol=1e-3)
    stored = kept.with_profile(Quantize(bits=8).stored(model.profile, "openvino"))
    saved = save_as(stored, [], context).saved
    target = runtime_named("openvino")
    assert target.stored_bytes(stored.profile) == pytest.approx(size_of(saved), rel=0.02)
    assert TASK.disparity(wanted, read_back(saved, "openvino", context.data.test)) <= 0.1


@pytest.mark.usefixtures("bench_inside", "own_home")
def test_a_plain_language_model_gets_a_head_a_verified_folder_and_is_exported(classifiers, tiny_models, tmp_path):
    """As people use GPT-2: its pretrained body, their table, one recipe."""
    body = classifiers.open("gpt2", head=False).folder
    table = tiny_models.write_csv(tmp_path / "table.csv", tiny_models.texts(300))
    steps = [{"train_head": {"epochs": 2, "learning_rate": 1e-3}}, {"prune": {"structure": "layers", "sparsity": 0.5}}]
    told: list[object] = []
    found = run(recipe_from({"model": str(body), "data": str(table), "steps": steps}), told.append)
    assert (found.status, found.verified, found.reason) == (Status.FINISHED, True, "")
    made = export(found, "openvino", tmp_path / "exported", told.append, lambda: False)
    examples = classifiers.data.test
    written = answers(open_model(found.model_path), examples)
    assert TASK.disparity(written, read_back(Path(made.folder), "openvino", examples)) <= TASK.parity[32]
