"""Pruning carried out: judge by data, remove or set to zero, train to recover if asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from engine.methods.sparsity import Method, NofM, hold, mask_of, sparsify
from engine.models import importance, surgery
from engine.models.model import Model
from engine.tasks.base import TrainingBatch
from engine.tasks.encoding import Encoder
from engine.training import Budget, train

if TYPE_CHECKING:
    import torch

    from engine.context import Context
    from engine.techniques.prune import Prune

JUDGED_BATCHES = 16
BatchT = TypeVar("BatchT")


@dataclass(frozen=True)
class Judge(Generic[BatchT]):
    """What importance is judged by: batches of texts, their loss and which of their tokens are real."""

    batches: Iterable[BatchT]
    loss_of: importance.LossOf[BatchT]
    real_of: importance.RealOf[BatchT]
    check: Callable[[], None] = lambda: None
    """Raises to cancel."""


def prune(model: Model, technique: Prune, context: Context) -> Model:
    """The model without what matters least; its profile is the one the technique foretold."""
    left = technique.after(model.profile)
    encoder = context.task.encoder(model.folder)
    after_step: Callable[[], None] = lambda: None  # noqa: E731
    if technique.sparsity > 0:
        context.progress(0, 0, "finding out what matters least")
        judge = Judge(judged(encoder, context), context.task.loss, real_tokens, context.check)
        after_step = remove(model, technique, judge, context.note)
    if technique.recovery_minutes > 0:
        budget = Budget(
            technique.recovery_minutes, technique.recovery_epochs, technique.learning_rate, context.task.batch_size
        )
        best = train(model.network, context.task.loss, encoder, context, budget, after_step)
        context.note(f"After recovery, on validation {context.task.nouns}: {best.in_words}.")
    return model.with_profile(left)


def remove(
    model: Model, technique: Prune, judge: Judge[BatchT], note: Callable[[str], None] = lambda _: None
) -> Callable[[], None]:
    """Take out of `model.network` what `judge` finds to matter least; returns what training must do after each step.

    The model's profile is left as it was: `technique.after` foretells the new one.
    """
    if technique.structure == "weights":
        return _zero_weights(model, technique, judge)
    if technique.structure == "layers":
        _drop_layers(model, technique, judge, note)
    else:
        _drop_units(model, technique, judge)
    return lambda: None


def _drop_units(model: Model, technique: Prune, judge: Judge[BatchT]) -> None:
    family, network = model.family, model.network
    heads = technique.structure == "attention heads"
    projection = family.attention_output if heads else family.feed_forward_out
    scores = importance.unit_importance(
        network, family, projection, judge.batches, judge.loss_of, judge.real_of, _kind(technique)
    )
    if heads:
        groups = model.profile.head_groups
        scores = [score.reshape(groups, -1).sum(dim=1) for score in scores]
    chosen = [score.topk(technique.kept(len(score))).indices.sort().values for score in scores]
    (surgery.keep_heads if heads else surgery.keep_neurons)(network, family, chosen)


def _drop_layers(model: Model, technique: Prune, judge: Judge[BatchT], note: Callable[[str], None]) -> None:
    scores = importance.layer_importance(
        model.network, model.family, judge.batches, judge.loss_of, judge.real_of, _kind(technique)
    )
    count = technique.kept(len(scores))
    chosen = sorted(int(index) for index in scores.topk(count).indices)
    surgery.keep_layers(model.network, model.family, chosen)
    note("Layers that stay: " + ", ".join(str(index + 1) for index in chosen) + ".")


def _zero_weights(model: Model, technique: Prune, judge: Judge[BatchT]) -> Callable[[], None]:
    """Zero the least important weights; returns what zeroes them again.

    By gradient and Wanda those of each output row are compared with each other, by magnitude those of each layer.
    """
    amount = NofM(2, 4) if technique.pattern == "2:4" else technique.sparsity
    names = importance.projections_in_layers(model.network, model.family)
    layers = [(name, model.network.get_submodule(name)) for name in names]
    if technique.importance == "gradient":
        scores = importance.weight_importance(
            model.network, model.family, judge.batches, judge.loss_of, judge.real_of, "gradient"
        )
        masks = {name: mask_of(score, amount, by_row=True) for name, score in scores.items()}
    else:
        inputs = [batch.inputs for batch in judge.batches]  # type: ignore[attr-defined]
        method: Method = "wanda" if technique.importance == "activation" else technique.importance
        masks = sparsify(model.network, layers, inputs, method, amount, check=judge.check)
    zero = hold(layers, masks)
    zero()
    return zero


def _kind(technique: Prune) -> importance.Kind:
    """How whole pieces are judged; raises ValueError for what only tells single weights apart (`Prune.refusal`)."""
    if technique.importance in ("gradient", "activation", "magnitude"):
        return technique.importance
    raise ValueError(f"{technique.importance} judges single weights")


def real_tokens(batch: TrainingBatch) -> torch.Tensor:
    """1 for each real token, 0 for padding [texts, tokens]."""
    return batch.inputs["attention_mask"]


def judged(encoder: Encoder, context: Context) -> Iterator[TrainingBatch]:
    """Training batches to judge importance by, with progress."""
    # As many examples as fill the same number of steps, whatever a step of the task holds.
    size = context.task.batch_size
    examples = context.data.train.first(JUDGED_BATCHES * size)
    for number, piece in enumerate(examples.batches(size)):
        context.progress(number * size, len(examples), "finding out what matters least")
        yield context.task.to_batch(piece, encoder, 0.0)
