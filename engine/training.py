"""The one training loop: a time budget that is kept, the best weights on validation kept.

`accelerate` brings mixed precision and more than one GPU. The learning rate warms up over the first
tenth and falls linearly to zero; progress is the share of steps, or of time where time runs out
first: a run which ends by its epochs is the same however fast the machine is.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.context import Context
from engine.data.splits import Examples
from engine.device import this_machine
from engine.run import Quality
from engine.tasks.base import TrainingBatch
from engine.tasks.encoding import Encoder

if TYPE_CHECKING:
    import torch
    from torch import nn

WARM_UP = 0.1
VALIDATIONS = 8
"""How often validation data are looked at, at most, over the whole budget."""
VALIDATION_EXAMPLES = 1000
LOSS_EVERY_SECONDS = 0.5
SLOW_START = 0.05
"""The share of time that the first steps may take without being read as "time runs out first"."""


@dataclass(frozen=True)
class Budget:
    """Training ends at whichever comes first. `minutes` also ends where the run's own time budget does."""

    minutes: float
    epochs: int
    learning_rate: float
    batch_size: int = 32


LossOf = Callable[["nn.Module", TrainingBatch], "torch.Tensor"]


def train(
    network: nn.Module,
    loss_of: LossOf,
    encoder: Encoder,
    context: Context,
    budget: Budget,
    after_step: Callable[[], None] = lambda: None,
) -> Quality:
    """Train `network` in place and leave it in eval mode with the best weights seen; returns their quality.

    `after_step` runs after every optimizer step (pruning masks are put back there).
    """
    import torch
    from accelerate import Accelerator

    torch.manual_seed(context.seed)
    on_gpu = torch.cuda.is_available()
    # Half the time of a step here where the processor computes in bf16; elsewhere it would be slower.
    mixed = "bf16" if on_gpu or this_machine().runs_bf16 else "no"
    accelerator = Accelerator(mixed_precision=mixed, cpu=not on_gpu)
    trainable = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=budget.learning_rate, weight_decay=0.01, fused=True)
    network, optimizer = accelerator.prepare(network, optimizer)
    clock = _Clock(context, budget)
    steps = math.ceil(len(context.data.train) / budget.batch_size) * budget.epochs
    best, best_weights, looked = (-math.inf, None), _weights(network), 0.0
    network.train()
    for step, examples in enumerate(_batches(context.data.train, budget, context.seed)):
        progress = clock.progress(step / steps)
        if progress >= 1.0:
            break
        for group in optimizer.param_groups:
            group["lr"] = budget.learning_rate * _schedule(progress)
        batch = context.task.to_batch(examples, encoder, progress, accelerator.device)
        with accelerator.autocast():
            loss = loss_of(network, batch)
        optimizer.zero_grad()
        accelerator.backward(loss)
        torch.nn.utils.clip_grad_norm_(trainable, 1.0)
        optimizer.step()
        after_step()
        clock.tell(progress, float(loss.detach()), step)
        if progress - looked >= 1.0 / VALIDATIONS:
            looked = progress
            best, best_weights = _keep_better(network, encoder, context, best, best_weights, step)
    (_, quality), best_weights = _keep_better(network, encoder, context, best, best_weights, steps)
    network.load_state_dict(best_weights)
    # Without the wrapper that computes in bf16: it would be exported with the model.
    accelerator.unwrap_model(network, keep_fp32_wrapper=False).to("cpu").eval()
    assert quality is not None
    return quality


def validate(network: nn.Module, folder: Path, context: Context) -> tuple[float, Quality]:
    """How good the network in memory is (higher is better), and the metric. A quick check, never a result."""
    task, examples = context.task, context.data.validation.first(VALIDATION_EXAMPLES)
    answers = task.in_memory(network, folder, context.check).answers(examples, lambda _: context.check())
    found = task.qualities(answers, examples)[0]
    return (found.value if task.unit == "points" else -found.value), found


class _Clock:
    """How much of the time is used, and news for the window now and then."""

    def __init__(self, context: Context, budget: Budget) -> None:
        self._context = context
        self._start = time.monotonic()
        self._seconds = budget.minutes * 60.0
        if context.deadline is not None:
            self._seconds = max(1.0, min(self._seconds, context.deadline - self._start))
        self._told = 0.0

    def share(self) -> float:
        return (time.monotonic() - self._start) / self._seconds

    def progress(self, steps: float) -> float:
        """The share of `steps` or of time, whichever will be used up first."""
        share = self.share()
        return share if share > max(steps, SLOW_START) else steps

    def tell(self, progress: float, loss: float, step: int) -> None:
        self._context.check()
        now = time.monotonic()
        if now - self._told < LOSS_EVERY_SECONDS:
            return
        self._told = now
        left = max(0.0, (now - self._start) / max(progress, 1e-6) * (1 - progress))
        self._context.progress(progress, 1.0, f"learning, about {left / 60:.0f} min {left % 60:02.0f} s left")
        self._context.curve("loss", step, loss)


Best = tuple[float, Quality | None]


def _keep_better(
    network: nn.Module, encoder: Encoder, context: Context, best: Best, weights: dict[str, Any], step: int
) -> tuple[Best, dict[str, Any]]:
    goodness, found = validate(network, encoder.folder, context)
    context.curve(f"validation {found.metric}", step, found.value)
    return ((goodness, found), _weights(network)) if goodness >= best[0] else (best, weights)


def _weights(network: nn.Module) -> dict[str, Any]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _schedule(progress: float) -> float:
    return progress / WARM_UP if progress < WARM_UP else (1.0 - progress) / (1.0 - WARM_UP)


def _batches(train_set: Examples, budget: Budget, seed: int) -> Iterator[Examples]:
    """Shuffled batches; within a window of batches, texts of alike length go together to save padding."""
    shuffler = random.Random(seed)
    size, window = budget.batch_size, budget.batch_size * 20
    for _ in range(budget.epochs):
        order = list(range(len(train_set)))
        shuffler.shuffle(order)
        batches: list[list[int]] = []
        for start in range(0, len(order), window):
            alike = sorted(order[start : start + window], key=lambda index: len(train_set.texts[index]))
            batches += [alike[at : at + size] for at in range(0, len(alike), size)]
        shuffler.shuffle(batches)
        for indices in batches:
            yield train_set.pick(indices)
