"""Students by depth, by width and by name: what they begin as, what they learn, and the folder that comes out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification

from engine.artifact import size_of
from engine.context import Context
from engine.errors import Refused
from engine.finishing import save
from engine.models.model import Model
from engine.models.profile import read_profile
from engine.runtimes import runtime_of
from engine.tasks import task_named
from engine.techniques.distill import Distill
from engine.techniques.prune import Prune

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


@pytest.mark.parametrize(
    ("family", "task", "structure"),
    [
        ("bert", "classification", "feed-forward neurons"),
        ("bert", "classification", "layers"),
        ("gpt2", "language modelling", "feed-forward neurons"),
        ("mistral", "language modelling", "attention heads"),
    ],
)
def test_what_was_pruned_can_be_narrowed(family, task, structure, begin, tiny_model):
    model, context = begin(tiny_model(family, layers=4), task)
    pruned = Prune(structure=structure, sparsity=0.5, importance="magnitude").apply(model, context)
    made = WAYS["width"].apply(pruned.copy(), context)
    check(WAYS["width"], pruned, made, context)


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
