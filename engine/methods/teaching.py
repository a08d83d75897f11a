"""Distillation carried out: a student, its teacher, and what they should agree on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.models import surgery
from engine.models.model import Model
from engine.tasks.base import Task, TrainingBatch
from engine.training import Budget, train

if TYPE_CHECKING:
    import torch
    from torch import nn

    from engine.context import Context
    from engine.techniques.distill import Distill


def teach(model: Model, technique: Distill, context: Context) -> Model:
    """A student of fewer layers, trained on what the original answers."""
    teacher = context.teacher()
    left = technique.after(model.profile)
    chosen = spaced(model.profile.layers, left.layers)
    surgery.keep_layers(model.network, model.family, chosen)
    context.note("The student begins with layers " + ", ".join(str(index + 1) for index in chosen) + ".")
    pairs = depth_pairs(left.layers, teacher.profile.layers)
    loss_of = TeacherLoss(context.task, teacher.network, technique, pairs)
    # The student reads the teacher's own word embeddings; training them too would cost a third of each step.
    # (Where the output head reads them as well, it learns with them.)
    words = model.network.get_submodule(model.family.word_embeddings).requires_grad_(model.profile.tied)
    budget = Budget(technique.minutes, technique.epochs, technique.learning_rate, context.task.batch_size)
    best = train(model.network, loss_of, context.task.encoder(model.folder), context, budget)
    words.requires_grad_(True)
    context.note(f"The best student on validation {context.task.nouns}: {best.in_words}.")
    return model.with_profile(left)


def spaced(total: int, count: int) -> list[int]:
    """`count` of `total` layers, evenly spaced, the last one always among them where there are two or more."""
    if count == 1:
        return [0]
    return [round(index * (total - 1) / (count - 1)) for index in range(count)]


def depth_pairs(student_layers: int, teacher_layers: int) -> list[tuple[int, int]]:
    """(student, teacher) positions among the hidden states that are at matching depths; 0 is the embeddings."""
    return [(k, round(k * teacher_layers / student_layers)) for k in range(student_layers + 1)]


class TeacherLoss:
    """Answers and hidden states of the teacher; towards the end, the labels too.

    loss = how far the answers are from the teacher's, softened by a temperature (`Task.disagreement`)
         + w · mean squared difference of normalized hidden states at matching depths (arXiv:1909.10351)
         + the task's own loss in the last `label_share` of the time.
    """

    def __init__(self, task: Task, teacher: nn.Module, technique: Distill, pairs: list[tuple[int, int]]) -> None:
        self._task = task
        self._teacher = teacher.eval().requires_grad_(False)
        self._technique = technique
        self._pairs = pairs

    def __call__(self, student: nn.Module, batch: TrainingBatch) -> torch.Tensor:
        import torch

        technique = self._technique
        self._teacher.to(batch.labels.device)
        inner = technique.hidden_weight > 0
        with torch.no_grad():
            wanted = self._teacher(**batch.inputs, output_hidden_states=inner)
        given = student(**batch.inputs, output_hidden_states=inner)
        loss = self._task.disagreement(given, wanted, batch, technique.temperature)
        if inner:
            mask = batch.inputs["attention_mask"].unsqueeze(-1).float()
            loss = loss + technique.hidden_weight * hidden_loss(
                given.hidden_states, wanted.hidden_states, self._pairs, mask
            )
        if batch.progress >= 1.0 - technique.label_share:
            loss = loss + self._task.loss_of(given, batch)
        return loss


def hidden_loss(
    student: tuple[torch.Tensor, ...],
    teacher: tuple[torch.Tensor, ...],
    pairs: list[tuple[int, int]],
    mask: torch.Tensor,
) -> torch.Tensor:
    """Mean over pairs and real tokens of ‖s − t‖² / ‖t‖²; states [texts, tokens, hidden], mask [texts, tokens, 1]."""
    import torch

    terms = []
    for ours, theirs in pairs:
        difference = ((student[ours] - teacher[theirs]).square().sum(dim=-1, keepdim=True) * mask).sum()
        terms.append(difference / (teacher[theirs].square().sum(dim=-1, keepdim=True) * mask).sum())
    return torch.stack(terms).mean()
