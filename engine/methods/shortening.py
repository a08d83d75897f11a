"""PCA carried out: embed the training texts, find the directions, put them among the model's modules."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from engine.methods.pca import fit_pca, write_dense
from engine.methods.settings import copy_settings, write_default_modules
from engine.models.model import Model

if TYPE_CHECKING:
    from engine.context import Context
    from engine.techniques.pca import Pca

MOST_TEXTS = 8_000
"""More than this many embeddings change the directions no more."""


def shorten(model: Model, technique: Pca, context: Context) -> Model:
    """The same network; its folder has one module more."""
    examples = context.data.train.first(MOST_TEXTS)

    def done(count: int) -> None:
        context.progress(count, max(count, len(examples)), "embedding training texts")

    reader = context.task.in_memory(model.network, model.folder, context.check)
    projection = fit_pca(torch.from_numpy(reader.answers(examples, done)), technique.dimensions)
    folder = context.scratch / f"shorter-{context.step}"
    copy_settings(model.folder, folder)
    if not (folder / "modules.json").is_file():
        write_default_modules(folder, model.profile.hidden)
    write_dense(folder, projection)
    context.note(
        f"{technique.dimensions} dimensions hold {projection.explained:.1%} of the variance of training texts."
    )
    return replace(model.with_profile(technique.after(model.profile)), folder=folder)
