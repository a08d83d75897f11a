"""Students by depth, by width and by name: what they begin as, what they learn, and the folder that comes out."""

from __future__ import annotations

import csv
import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification

from engine.artifact import size_of
from engine.context import Context
from engine.data.reading import load
from engine.data.splits import Budget
from engine.errors import Refused
from engine.finishing import save
from engine.methods.students import Bridge, cut_student, most_important, other_student, read_alike
from engine.methods.teaching import TeacherLoss
from engine.models.importance import channel_importance
from engine.models.model import Model, open_model
from engine.models.profile import read_profile
from engine.recipe import DataSource
from engine.runtimes import runtime_of
from engine.tasks import task_named
from engine.tasks.base import TrainingBatch
from engine.techniques.distill import Distill

TASKS = {name: task_named(name) for name in ("classification", "language modelling", "sentence similarity")}
PLAIN = {
    "classification": AutoModelForSequenceClassification,
    "language modelling": AutoModelForCausalLM,
    "sentence similarity": AutoModel,
}
QUICK = {"epochs": 1, "minutes": 5, "learning_rate": 1e-3}
WAYS = {
    "depth": Distill(layers=0.5, **QUICK),
    "width": Distill(layers=1.0, width=0.5, **QUICK),
    "both": Distill(layers=0.5, width=0.5, **QUICK),
}


@pytest.fixture(scope="module")
def data(tiny_models, tmp_path_factory):
    """Task → little of it."""
    place = tmp_path_factory.mktemp("data")
    rows = tiny_models.texts(400)
    text = place / "text.txt"
    words = [one for one, _ in tiny_models.texts(2500)]
    random.Random(1).shuffle(words)
    text.write_text("\n".join(" ".join(words[at : at + 12]) for at in range(0, len(words), 3)))
    pairs = place / "pairs.csv"
    with pairs.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["query", "answer"])
        writer.writerows((one, f"{label} {number}") for number, (one, label) in enumerate(rows))
    paths = (tiny_models.write_csv(place / "texts.csv", rows), text, pairs)
    many, few = Budget(train=64, validation=40, test=40), Budget(train=24, validation=12, test=12)
    return {
        task: load(DataSource(path=str(path)), None, 0, budget)
        for task, path, budget in zip(TASKS, paths, (many, few, many), strict=True)
    }


@pytest.fixture
def begin(data, tmp_path):
    """A function that opens a folder for a task, and gives it with a context to learn in."""

    def opened(folder: Path, task: str) -> tuple[Model, Context]:
        model = open_model(folder, TASKS[task].auto_class)
        (tmp_path / "scratch").mkdir(exist_ok=True)
        teacher = lambda: open_model(folder, TASKS[task].auto_class)  # noqa: E731
        return model, Context(
            lambda _: None, lambda: False, data[task], TASKS[task], tmp_path / "scratch", seed=3, teacher=teacher
        )

    return opened


def answers(model: Model, context: Context) -> np.ndarray:
    return context.task.in_memory(model.network, model.folder, lambda: None).answers(context.data.test, lambda _: None)


def check(technique: Distill, model: Model, made: Model, context: Context) -> Path:
    """The saved folder is an ordinary model, as large as was foretold, and answers as what is in memory."""
    foretold, wanted = technique.after(model.profile), answers(made, context)
    folder = save(made, context.scratch / "saved", context)
    read = read_profile(folder)
    for name in ("layers", "hidden", "heads", "kv_heads", "feed_forward_width", "labels", "vocabulary", "parameters"):
        assert getattr(foretold, name) == getattr(read, name) == getattr(made.profile, name), name
    estimate = technique.estimate(model.profile)
    assert estimate.size_bytes == pytest.approx(size_of(folder), rel=estimate.size_error)
    plain = PLAIN[context.task.name].from_pretrained(folder).state_dict()
    assert all(torch.equal(value, plain[name]) for name, value in made.network.state_dict().items())
    reader = context.task.load(runtime_of(folder), folder, 1, full_precision=True)
    assert context.task.disparity(wanted, reader.answers(context.data.test, lambda _: None)) <= 1e-3
    return folder


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("family", "task", "settings"),
    [
        ("bert", "classification", {"layers": 4}),
        ("gpt2", "language modelling", {"layers": 4}),
        ("llama", "language modelling", {"layers": 4}),
        ("llama-untied", "language modelling", {"layers": 4}),
        ("gpt2", "classification", {"layers": 4, "labels": 3}),
        ("bert", "sentence similarity", {"layers": 4, "head": False}),
    ],
)
def test_a_student_of_the_models_own_layers(way, family, task, settings, begin, tiny_model):
    model, context = begin(tiny_model(family, **settings), task)
    made = WAYS[way].apply(model.copy(), context)
    assert made.profile.parameters < model.profile.parameters
    assert (made.profile.hidden < model.profile.hidden) == (way != "depth")
    assert all(parameter.requires_grad for parameter in made.network.parameters())
    check(WAYS[way], model, made, context)


@pytest.fixture
def sentence_folder(tiny_model) -> Path:
    """A sentence-transformers folder that takes its vectors from the first token."""
    folder = tiny_model("bert", layers=4, head=False)
    kinds = (("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize"))
    modules = [
        {"idx": place, "name": str(place), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for place, (kind, path) in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(
        json.dumps({"word_embedding_dimension": 32, "pooling_mode_cls_token": True})
    )
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 24}))
    return folder


def test_a_narrow_embedder_states_its_width_and_others_load_it(begin, sentence_folder):
    from sentence_transformers import SentenceTransformer

    model, context = begin(sentence_folder, "sentence similarity")
    made = WAYS["both"].apply(model.copy(), context)
    folder = check(WAYS["both"], model, made, context)
    pooling = json.loads((folder / "1_Pooling" / "config.json").read_text())
    assert pooling == {"word_embedding_dimension": 16, "pooling_mode_cls_token": True}
    texts = list(context.data.test.texts)
    theirs = SentenceTransformer(str(folder), device="cpu").encode(texts)
    assert np.allclose(theirs, answers(made, context)[: len(texts)], atol=1e-5)


def test_a_dense_layer_holds_the_width_fast(begin, sentence_folder):
    from engine.methods.pca import Projection, write_dense

    write_dense(sentence_folder, Projection(torch.eye(32)[:8], 1.0))
    model, context = begin(sentence_folder, "sentence similarity")
    with pytest.raises(Refused, match="dense layer made for its own width"):
        WAYS["width"].apply(model, context)
    assert WAYS["depth"].misfit(sentence_folder, context.task) is None


@pytest.mark.parametrize(
    ("family", "task", "settings", "smaller"),
    [
        ("bert", "classification", {"layers": 3}, {"layers": 2, "hidden": 16, "seed": 7}),
        ("bert", "classification", {"layers": 3}, {"layers": 2, "head": False, "seed": 7}),
        ("llama", "language modelling", {"layers": 3}, {"layers": 3, "hidden": 16, "seed": 7}),
        ("bert", "sentence similarity", {"layers": 3, "head": False}, {"layers": 1, "hidden": 16, "head": False}),
    ],
)
def test_another_model_learns_in_its_place(family, task, settings, smaller, begin, tiny_model):
    folder, other = tiny_model(family, **settings), tiny_model(family, **smaller)
    model, context = begin(folder, task)
    technique = Distill(student=str(other), layers=0.1, width=0.25, **QUICK)
    assert technique.refusal(model.profile) is None
    assert technique.misfit(folder, context.task) is None
    made = technique.apply(model.copy(), context)
    check(technique, model, made, context)
    assert made.profile.layers == smaller["layers"]
    assert made.profile.labels == model.profile.labels


def test_a_decoder_of_another_family_reads_what_its_teacher_reads(begin, tiny_model):
    """The same tokenizer, other positions and another token for padding."""
    folder, other = tiny_model("llama", layers=3, hidden=64), tiny_model("gpt2", layers=2, positions=64)
    model, context = begin(folder, "language modelling")
    technique = Distill(student=str(other), **QUICK)
    check(technique, model, technique.apply(model.copy(), context), context)


def test_a_student_of_another_family_takes_other_inputs(begin, tiny_model):
    """DistilBERT knows no token types; its tokenizer here is BERT's."""
    folder, other = tiny_model("bert", layers=3), tiny_model("distilbert", layers=2, head=False)
    model, context = begin(folder, "classification")
    technique = Distill(student=str(other), **QUICK)
    made = technique.apply(model.copy(), context)
    check(technique, model, made, context)
    assert made.profile.family == "DistilBERT"


def test_a_student_makes_vectors_as_the_original_does(begin, sentence_folder, tiny_model):
    model, context = begin(sentence_folder, "sentence similarity")
    technique = Distill(student=str(tiny_model("bert", layers=1, hidden=16, head=False)), **QUICK)
    made = technique.apply(model.copy(), context)
    folder = check(technique, model, made, context)
    assert json.loads((folder / "1_Pooling" / "config.json").read_text())["word_embedding_dimension"] == 16
    assert context.task.encoder(folder).longest == 24


def test_a_wrong_student_is_refused_when_it_is_to_learn(begin, tiny_model, tmp_path):
    folder = tiny_model("bert", layers=2)
    model, context = begin(folder, "classification")
    for student, said in (
        (tiny_model("bert", layers=3), "no smaller"),
        (tiny_model("gpt2", layers=1), "reads from left to right"),
        (tmp_path / "nowhere" / "at all", "The student cannot be had. There is no folder"),
    ):
        with pytest.raises(Refused, match=said):
            Distill(student=str(student), **QUICK).apply(model, context)


def test_what_is_cut_twice_is_compared_through_a_matrix(begin, tiny_model):
    model, context = begin(tiny_model("bert", layers=2), "classification")
    narrow = cut_student(model.copy(), model.profile, Distill(layers=1.0, width=0.5), context)
    assert narrow.bridge.projection is None
    assert narrow.bridge.channels is not None
    context.step = 1
    again = cut_student(narrow.model, model.profile, Distill(layers=0.5), context)
    assert again.bridge.projection is not None
    assert again.bridge.projection.weight.shape == (32, 16)


def test_what_is_kept_is_what_is_most_active(begin, tiny_model):
    """Channels that are made loud by hand are the ones that stay, and heads and neurons with loud outputs."""
    model, context = begin(tiny_model("gpt2", layers=2), "language modelling")
    loud = torch.arange(1, 32, 2)
    with torch.no_grad():
        for name, value in model.network.named_parameters():
            if ".ln_" in name:
                value[loud] = 5.0 if name.endswith("weight") else 0.0
    kept = most_important(model, Distill(width=0.5).after(model.profile), context)
    assert torch.equal(kept.channels, loud)
    assert [len(one) for one in (*kept.groups, *kept.neurons)] == [2, 2, 32, 32]


@torch.no_grad()
def test_channel_importance_by_brute_force(begin, tiny_model):
    model, context = begin(tiny_model("bert", layers=2), "classification")
    encoder = context.task.encoder(model.folder)
    batches = [context.task.to_batch(context.data.train.first(7), encoder, 0.0)]
    found = channel_importance(
        model.network, model.family, batches, context.task.loss, lambda batch: batch.inputs["attention_mask"]
    )
    wanted, count = torch.zeros(32), 0
    names = [
        f"bert.encoder.layer.{n}.{part}" for n in (0, 1) for part in ("attention.self.query", "intermediate.dense")
    ]
    seen: dict[str, torch.Tensor] = {}
    for name in names:
        module = model.network.get_submodule(name)
        module.register_forward_pre_hook(lambda _, inputs, name=name: seen.update({name: inputs[0]}))
    for text in context.data.train.first(7).texts:  # alone, so that nothing is padded
        batch = encoder.batch([text])
        model.network(**{key: torch.from_numpy(value) for key, value in batch.items()})
        wanted += sum(states[0].abs().sum(dim=0) for states in seen.values())
        count += batch["input_ids"].shape[1]
    torch.testing.assert_close(found, wanted / count / 4, rtol=1e-4, atol=1e-6)


def test_a_bridge_brings_states_to_one_width():
    ours, theirs = torch.randn(2, 3, 2), torch.randn(2, 3, 4)
    same = Bridge()(theirs, theirs)
    assert same[0] is theirs
    assert same[1] is theirs
    kept = Bridge(torch.tensor([1, 3]))(ours, theirs)
    assert torch.equal(kept[1], theirs[..., [1, 3]])
    matrix = nn.Linear(2, 4, bias=False)
    assert torch.equal(Bridge(projection=matrix)(ours, theirs)[0], ours @ matrix.weight.T)


def test_the_matrix_learns_with_the_student_and_is_thrown_away(begin, tiny_model, monkeypatch):
    model, context = begin(tiny_model("bert", layers=2), "classification")
    other = tiny_model("bert", layers=1, hidden=16)
    seen = []
    from engine.methods import teaching

    def watched(*arguments):
        student = other_student(*arguments)
        seen.append((student, student.bridge.projection.weight.detach().clone()))
        return student

    monkeypatch.setattr(teaching, "other_student", watched)
    made = Distill(student=str(other), **QUICK).apply(model, context)
    ((student, before),) = seen
    assert not torch.equal(student.bridge.projection.weight, before)
    assert not any("projection" in name for name in made.network.state_dict())


def test_inputs_are_rewritten_for_the_other_network():
    network = nn.Module()
    network.config = type("Config", (), {"pad_token_id": 9})()
    inputs = {
        "input_ids": torch.tensor([[3, 4, 5, 6], [3, 0, 0, 0]]),
        "attention_mask": torch.tensor([[1, 1, 1, 1], [1, 0, 0, 0]]),
        "token_type_ids": torch.zeros(2, 4, dtype=torch.long),
    }
    found = read_alike(inputs, network, 3)
    assert found["input_ids"].tolist() == [[3, 4, 5], [3, 9, 9]]
    assert set(found) == {"input_ids", "attention_mask"}


def test_the_teacher_reads_only_what_it_can(begin, tiny_model):
    """A text longer than the teacher's positions is cut for both, labels and all."""
    model, context = begin(tiny_model("llama", layers=1), "language modelling")
    batch = TrainingBatch(
        {"input_ids": torch.randint(1, 60, (2, 40)), "attention_mask": torch.ones(2, 40, dtype=torch.long)},
        torch.randint(1, 60, (2, 40)),
        1.0,
    )
    teacher = open_model(tiny_model("gpt2", layers=1, positions=16), "AutoModelForCausalLM")
    loss = TeacherLoss(context.task, teacher.network, Distill(), [(0, 0), (1, 1)], Bridge(), longest=16)
    assert torch.isfinite(loss(model.network, batch))


def test_longer_output_heads_are_compared_on_the_tokens_that_both_have():
    from types import SimpleNamespace

    task = TASKS["language modelling"]
    batch = TrainingBatch({"attention_mask": torch.ones(1, 3)}, torch.zeros(1, 3, dtype=torch.long), 0.0)
    long, short = torch.randn(1, 3, 7), torch.randn(1, 3, 5)
    found = task.disagreement(SimpleNamespace(logits=long), SimpleNamespace(logits=short), batch, 2.0)
    wanted = task.disagreement(SimpleNamespace(logits=long[..., :5]), SimpleNamespace(logits=short), batch, 2.0)
    assert torch.equal(found, wanted)


def test_a_folder_that_is_gone_meanwhile_is_a_sentence(begin, tiny_model):
    model, context = begin(tiny_model("bert", layers=3), "classification")
    other = tiny_model("bert", layers=1)
    technique = Distill(student=str(other), **QUICK)
    assert technique.after(model.profile).layers == 1
    shutil.rmtree(other)
    assert technique.after(model.profile).unknown
    with pytest.raises(Refused, match=r"There is no folder .*other model"):
        technique.apply(model, context)
