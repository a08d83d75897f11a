"""Distillation carried out: a student, its teacher, and what they should agree on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from engine.methods.students import Bridge, cut_student, other_student, read_alike
from engine.models.model import Model
from engine.tasks.base import Task, TrainingBatch
from engine.training import Budget, train

if TYPE_CHECKING:
    import torch
    from torch import nn

    from engine.context import Context
    from engine.techniques.distill import Distill


def teach(model: Model, technique: Distill, context: Context) -> Model:
    """A smaller student, trained on what the original answers."""
    teacher = context.teacher()
    if technique.student:
        student = other_student(model, teacher, technique, context)
    else:
        student = cut_student(model, teacher.profile, technique, context)
    made = student.model
    pairs = depth_pairs(made.profile.layers, teacher.profile.layers)
    longest = context.task.encoder(teacher.folder).longest if student.stranger else None
    loss_of = TeacherLoss(context.task, teacher.network, technique, pairs, student.bridge, longest)
    # A student reads the teacher's own word embeddings while it has them; training those would cost a third of each
    # step. (Where the output head reads them as well, they learn with it.)
    words = made.network.get_submodule(made.family.word_embeddings)
    words.requires_grad_(student.own_words or made.profile.tied)
    budget = Budget(technique.minutes, technique.epochs, technique.learning_rate, context.task.batch_size)
    encoder = context.task.encoder(made.folder)
    best = train(made.network, loss_of, encoder, context, budget, beside=student.bridge)
    words.requires_grad_(True)
    context.note(f"The best student on validation {context.task.nouns}: {best.in_words}.")
    return made


def depth_pairs(student_layers: int, teacher_layers: int) -> list[tuple[int, int]]:
    """(student, teacher) positions among the hidden states that are at matching depths; 0 is the embeddings."""
    return [(k, round(k * teacher_layers / student_layers)) for k in range(student_layers + 1)]


class TeacherLoss:
    """Answers and hidden states of the teacher; towards the end, the labels too.

    loss = how far the answers are from the teacher's, softened by a temperature (`Task.disagreement`)
         + w · mean squared difference of normalized hidden states at matching depths (arXiv:1909.10351)
         + the task's own loss in the last `label_share` of the time.

    `bridge` brings hidden states to one width. With `longest`, student and teacher are different models: each
    gets what it takes, and of longer texts what the teacher cannot take is no part of the lesson.
    """

    def __init__(
        self,
        task: Task,
        teacher: nn.Module,
        technique: Distill,
        pairs: list[tuple[int, int]],
        bridge: Bridge | None = None,
        longest: int | None = None,
    ) -> None:
        self._bridge = bridge or Bridge()
        self._longest = longest
        self._task = task
        self._teacher = teacher.eval().requires_grad_(False)
        self._technique = technique
        self._pairs = pairs

    def __call__(self, student: nn.Module, batch: TrainingBatch) -> torch.Tensor:
        import torch

        technique = self._technique
        self._teacher.to(batch.labels.device)
        inner = technique.hidden_weight > 0
        batch, read = self._for_both(student, batch)
        with torch.no_grad():
            wanted = self._teacher(**read, output_hidden_states=inner)
        given = student(**batch.inputs, output_hidden_states=inner)
        loss = self._task.disagreement(given, wanted, batch, technique.temperature)
        if inner:
            mask = batch.inputs["attention_mask"].unsqueeze(-1).float()
            loss = loss + technique.hidden_weight * hidden_loss(
                given.hidden_states, wanted.hidden_states, self._pairs, mask, self._bridge
            )
        if batch.progress >= 1.0 - technique.label_share:
            loss = loss + self._task.loss_of(given, batch)
        return loss

    def _for_both(self, student: nn.Module, batch: TrainingBatch) -> tuple[TrainingBatch, dict[str, torch.Tensor]]:
        """The batch as the student takes it, and the teacher's inputs."""
        if self._longest is None:
            return batch, batch.inputs
        labels = batch.labels if batch.labels.dim() == 1 else batch.labels[:, : self._longest]
        inputs = read_alike(batch.inputs, student, self._longest)
        return replace(batch, inputs=inputs, labels=labels), read_alike(batch.inputs, self._teacher, self._longest)


def hidden_loss(
    student: tuple[torch.Tensor, ...],
    teacher: tuple[torch.Tensor, ...],
    pairs: list[tuple[int, int]],
    mask: torch.Tensor,
    bridge: Bridge,
) -> torch.Tensor:
    """Mean over pairs and real tokens of ‖s − t‖² / ‖t‖², s and t brought to one width by `bridge`.

    States [texts, tokens, hidden], mask [texts, tokens, 1].
    """
    import torch

    terms = []
    for one, other in pairs:
        ours, theirs = bridge(student[one], teacher[other])
        difference = ((ours - theirs).square().sum(dim=-1, keepdim=True) * mask).sum()
        terms.append(difference / (theirs.square().sum(dim=-1, keepdim=True) * mask).sum())
    return torch.stack(terms).mean()
