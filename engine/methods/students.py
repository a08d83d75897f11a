"""What a student is made of: some of the model's own layers, channels, heads and neurons, or another model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import nn

from engine.errors import Refused
from engine.methods.removal import judged, real_tokens
from engine.methods.settings import adopt_vectors, copy_settings, write_configs
from engine.models import importance, students, surgery
from engine.models.companions import MODULES
from engine.models.model import Model, open_model
from engine.models.narrowing import Kept, narrow

if TYPE_CHECKING:
    from engine.context import Context
    from engine.models.profile import Profile
    from engine.techniques.distill import Distill


class Bridge(nn.Module):
    """How the hidden states of student and teacher are brought to one width, to be compared.

    A student that was cut from its teacher is compared on the channels that it kept: they are the
    teacher's own, and nothing has to be learnt for it. The channels of any other are in no order that the
    teacher knows; they pass a matrix that learns along and is thrown away (TinyBERT, arXiv:1909.10351).
    """

    channels: torch.Tensor | None

    def __init__(self, channels: torch.Tensor | None = None, projection: nn.Linear | None = None) -> None:
        super().__init__()
        self.register_buffer("channels", channels)
        self.projection = projection

    def forward(self, ours: torch.Tensor, theirs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Student's and teacher's states [texts, tokens, …] in one width."""
        if self.projection is not None:
            return self.projection(ours), theirs
        return ours, theirs if self.channels is None else theirs[..., self.channels]


@dataclass(frozen=True)
class Student:
    """A model that is to learn, and how its hidden states are held against the teacher's.

    `own_words`: it reads other word embeddings than its teacher, so they must learn, too. `stranger`: it
    is another model, which may take other inputs.
    """

    model: Model
    bridge: Bridge
    own_words: bool = False
    stranger: bool = False


def cut_student(model: Model, teacher: Profile, technique: Distill, context: Context) -> Student:
    """Evenly spaced layers of `model`, and of each what matters most where its width is to be cut."""
    before, left = model.profile, technique.after(model.profile)
    chosen = spaced(before.layers, left.layers)
    told = "The student begins with layers " + ", ".join(str(index + 1) for index in chosen)
    channels = None
    if left.hidden < before.hidden:
        _refuse(technique, model, context)
        kept = most_important(model, left, context)
        model = replace(model, network=narrow(model.network, model.family, kept))
        model, channels = _with_folder(model, model, left.hidden, context), kept.channels
        told += f", with {left.hidden} of {before.hidden} channels and {left.heads} of {before.heads} heads"
    surgery.keep_layers(model.network, model.family, chosen)
    context.note(f"{told}.")
    same = before.hidden == teacher.hidden
    bridge = Bridge(channels) if same else Bridge(projection=_projection(left, teacher, context))
    return Student(model.with_profile(left), bridge, own_words=channels is not None or not same)


def most_important(model: Model, left: Profile, context: Context) -> Kept:
    """What to keep for the widths of `left`, judged by activations on training texts."""
    encoder, groups = context.task.encoder(model.folder), model.profile.head_groups
    channels, heads, neurons = importance.width_importance(
        model.network,
        model.family,
        judged(encoder, context),
        lambda network, batch: network.base_model(**batch.inputs),
        real_tokens,
    )
    return Kept(
        _best(channels, left.hidden),
        [_best(score.reshape(groups, -1).sum(dim=1), left.head_groups) for score in heads],
        [_best(score, left.feed_forward_width) for score in neurons],
    )


def other_student(model: Model, teacher: Model, technique: Distill, context: Context) -> Student:
    """The model that is named, in the place of `model`; where it lacks a head, with a new one for the same labels."""
    found, before = students.fetch(technique.student), model.profile
    _refuse(technique, model, context)
    labels = before.labels if before.has_head and not found.profile.has_head else ()
    opened = open_model(found.folder, context.task.auto_class, labels=labels, seed=context.seed)
    opened.network.config.architectures = [type(opened.network).__name__]
    profile = students.in_place_of(before, found.profile)
    opened = _with_folder(opened, model, profile.hidden, context)
    context.note(f"{technique.student} learns in the model's place: {profile.parameters / 1e6:,.1f} million weights.")
    bridge = Bridge(projection=_projection(profile, teacher.profile, context))
    return Student(opened.with_profile(profile), bridge, own_words=True, stranger=True)


def read_alike(inputs: Mapping[str, torch.Tensor], network: nn.Module, longest: int) -> dict[str, torch.Tensor]:
    """Inputs as another network takes them: padded with its own token, and no longer than `longest`."""
    padding = getattr(network.config, "pad_token_id", None) or 0
    mask = inputs["attention_mask"][:, :longest]
    ids = inputs["input_ids"][:, :longest].masked_fill(mask == 0, padding)
    return {"input_ids": ids, "attention_mask": mask}


def spaced(total: int, count: int) -> list[int]:
    """`count` of `total` layers, evenly spaced, the last one always among them where there are two or more."""
    if count == 1:
        return [0]
    return [round(index * (total - 1) / (count - 1)) for index in range(count)]


def _best(scores: torch.Tensor, count: int) -> torch.Tensor:
    return scores.topk(count).indices.sort().values


def _projection(student: Profile, teacher: Profile, context: Context) -> nn.Linear:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(context.seed)
        return nn.Linear(student.hidden, teacher.hidden, bias=False)


def _with_folder(model: Model, original: Model, width: int, context: Context) -> Model:
    """The model with a folder of its own settings, making vectors as the original does."""
    folder = context.scratch / f"student-{context.step}"
    copy_settings(model.folder, folder)
    write_configs(model.network, folder)
    if (original.folder / MODULES).is_file() or (folder / MODULES).is_file():
        adopt_vectors(original.folder, folder, width)
    return replace(model, folder=folder)


def _refuse(technique: Distill, model: Model, context: Context) -> None:
    if refusal := technique.refusal(model.profile) or technique.misfit(model.folder, context.task):
        raise Refused(refusal)
