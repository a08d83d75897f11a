"""What students are made of, part by part, and what they are held against."""

import shutil
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from engine.errors import Refused
from engine.methods import teaching
from engine.methods.students import Bridge, cut_student, most_important, other_student, read_alike
from engine.methods.teaching import TeacherLoss
from engine.models.importance import unit_importance, width_importance
from engine.models.model import open_model
from engine.tasks import task_named
from engine.tasks.base import TrainingBatch
from engine.techniques.distill import Distill

QUICK = {"epochs": 1, "minutes": 5, "learning_rate": 1e-3}


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
def test_importance_for_width_by_brute_force(begin, tiny_model):
    model, context = begin(tiny_model("bert", layers=2), "classification")
    encoder = context.task.encoder(model.folder)
    batches = [context.task.to_batch(context.data.train.first(7), encoder, 0.0)]
    real = lambda batch: batch.inputs["attention_mask"]  # noqa: E731
    run = lambda network, batch: network(**batch.inputs)  # noqa: E731
    found, heads, neurons = width_importance(model.network, model.family, batches, run, real)
    for units, part in ((heads, model.family.attention_output), (neurons, model.family.feed_forward_out)):
        alone = unit_importance(model.network, model.family, part, batches, context.task.loss, real, "activation")
        for one, other in zip(units, alone, strict=True):
            torch.testing.assert_close(one, other)
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
    task = task_named("language modelling")
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
