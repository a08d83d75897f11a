"""Low rank carried out: calibrate, factor the matrices inside the layers, and count what is left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from engine.methods.low_rank import factorize
from engine.methods.weights import Layers, weight_of
from engine.models.importance import projections_in_layers
from engine.models.model import Model
from engine.models.parts import Part
from engine.models.profile import Profile

if TYPE_CHECKING:
    from engine.context import Context
    from engine.techniques.low_rank import LowRank


def factor(model: Model, technique: LowRank, context: Context) -> Model:
    """The model with two thin layers wherever they are smaller than the one that they stand for."""
    encoder = context.task.encoder(model.folder)
    examples = context.data.train.first(technique.calibration_texts)
    batches = [
        {name: torch.from_numpy(array) for name, array in encoder.batch_of(piece).items()}
        for piece in examples.batches(context.task.batch_size)
    ]
    names = projections_in_layers(model.network, model.family)
    layers = [(name, model.network.get_submodule(name)) for name in names]
    shapes = {name: tuple(weight_of(module).shape) for name, module in layers}
    found = factorize(model.network, layers, batches, technique.energy, check=context.check, progress=context.progress)
    context.note(_in_words(layers, found.ranks))
    left = model.profile.as_uneven() if found.ranks else model.profile
    return model.with_profile(_counted(left, model, shapes, found.ranks))


def _counted(
    profile: Profile, model: Model, shapes: Mapping[str, tuple[int, ...]], ranks: Mapping[str, int]
) -> Profile:
    """The profile with its attention and feed-forward parts counted anew."""
    parts = {"attention": model.profile.attention, "feed_forward": model.profile.feed_forward}
    for name, rank in ranks.items():
        within = name.removeprefix(f"{model.family.layers}.").partition(".")[2]
        outputs, inputs = shapes[name]
        saved = outputs * inputs - rank * (outputs + inputs)
        part = "attention" if within in model.family.attention else "feed_forward"
        parts[part] += Part(matrices=-saved, rows=rank, tensors=1, matrix_tensors=1)
    return profile.model_copy(update=parts)


def _in_words(layers: Layers, ranks: Mapping[str, int]) -> str:
    if not ranks:
        return "No matrix became two: at this energy two thin ones would be as large. Lower the energy."
    low, high = min(ranks.values()), max(ranks.values())
    return f"{len(ranks)} of {len(layers)} matrices became two thin ones, of rank {low} to {high}."
