"""The one training loop: a time budget that is kept, the best weights on validation kept.

`accelerate` brings mixed precision and more than one GPU. The learning rate warms up over the first
tenth and falls linearly to zero; progress is the share of steps, or of time where time runs out
first: a run which ends by its epochs is the same however fast the machine is.
"""

from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.checkpoint import Checkpoint, State, weights_of
from engine.context import Context
from engine.data.splits import Examples
from engine.device import this_machine
from engine.run import Quality
from engine.tasks.base import TrainingBatch
from engine.tasks.encoding import Encoder

if TYPE_CHECKING:
    import torch
    from accelerate import Accelerator
    from torch import nn

VALIDATIONS = 8
"""How often validation data are looked at, at most, over the whole budget."""
VALIDATION_EXAMPLES = 1000
LOSS_EVERY_SECONDS = 0.5
LOOKING = 0.15
"""The share of the time that looks at validation data may take where time runs out first."""
SLOW_START = 0.05
"""The share of time that the first steps may take without being read as "time runs out first"."""


@dataclass(frozen=True)
class Budget:
    """Training ends at whichever comes first. `minutes` also ends where the run's own time budget does.

    `warm_up` is the share of the way over which the learning rate rises; `accumulation` batches make
    one step; after `patience` looks at validation data without a gain it ends (0: never early);
    `mixed` computes in bf16 where this machine does so in hardware.
    """

    minutes: float
    epochs: int
    learning_rate: float
    batch_size: int = 32
    weight_decay: float = 0.01
    warm_up: float = 0.1
    accumulation: int = 1
    patience: int = 0
    mixed: bool = True


LossOf = Callable[["nn.Module", TrainingBatch], "torch.Tensor"]


def train(
    network: nn.Module,
    loss_of: LossOf,
    encoder: Encoder,
    context: Context,
    budget: Budget,
    after_step: Callable[[], None] = lambda: None,
    checkpoint: Checkpoint | None = None,
    beside: nn.Module | None = None,
) -> Quality:
    """Train `network` in place and leave it in eval mode with the best weights seen; returns their quality.

    `after_step` runs after every optimizer step (pruning masks are put back there). What `loss_of` learns
    `beside` the network is for the lesson only. With a `checkpoint`, what was learnt is kept at every
    look at validation data, and training that was cut off goes on from there.
    """
    import torch

    torch.manual_seed(context.seed)
    accelerator = _accelerator(budget)
    trainable = [p for p in network.parameters() if p.requires_grad]
    trainable += beside.to(accelerator.device).parameters() if beside else []
    optimizer = torch.optim.AdamW(trainable, lr=budget.learning_rate, weight_decay=budget.weight_decay, fused=True)
    network, optimizer = accelerator.prepare(network, optimizer)
    steps = math.ceil(len(context.data.train) / budget.batch_size) * budget.epochs
    state = (checkpoint and checkpoint.read(network, optimizer)) or State(best_weights=weights_of(network))
    clock = _Clock(context, budget, state.seconds)
    network.train()
    batches = enumerate(_batches(context.data.train, budget, context.seed))
    for step, examples in itertools.islice(batches, state.step, None):
        progress = clock.progress(step / steps)
        if progress >= 1.0 or (budget.patience and state.vain >= budget.patience):
            break
        for group in optimizer.param_groups:
            group["lr"] = budget.learning_rate * _schedule(progress, budget.warm_up)
        batch = context.task.to_batch(examples, encoder, progress, accelerator.device)
        with accelerator.autocast():
            loss = loss_of(network, batch)
        accelerator.backward(loss / budget.accumulation)
        if (step + 1) % budget.accumulation == 0 or step + 1 == steps:
            torch.nn.utils.clip_grad_norm_(trainable, 1.0)
            optimizer.step()
            optimizer.zero_grad()
            after_step()
        clock.tell(progress, float(loss.detach()), step)
        if progress - state.looked >= 1.0 / VALIDATIONS and clock.affords_look(step / steps):
            state.step, state.looked, state.seconds = step + 1, progress, clock.spent()
            _look(network, encoder, context, state)
            clock.looking += clock.spent() - state.seconds
            if checkpoint:
                checkpoint.write(network, optimizer, state)
    state.step = steps
    _look(network, encoder, context, state)
    network.load_state_dict(state.best_weights)
    # Without the wrapper that computes in bf16: it would be exported with the model.
    accelerator.unwrap_model(network, keep_fp32_wrapper=False).to("cpu").eval()
    if checkpoint:
        checkpoint.forget()
    assert state.quality is not None
    return state.quality


def _accelerator(budget: Budget) -> Accelerator:
    import torch
    from accelerate import Accelerator

    on_gpu = torch.cuda.is_available()
    # Half the time of a step here where the processor computes in bf16; elsewhere it would be slower.
    mixed = budget.mixed and (on_gpu or this_machine().runs_bf16)
    return Accelerator(mixed_precision="bf16" if mixed else "no", cpu=not on_gpu)


def validate(network: nn.Module, folder: Path, context: Context) -> tuple[float, Quality]:
    """How good the network in memory is (higher is better), and the metric. A quick check, never a result."""
    task, examples = context.task, context.data.validation.first(VALIDATION_EXAMPLES)
    answers = task.in_memory(network, folder, context.check).answers(examples, lambda _: context.check())
    found = task.qualities(answers, examples)[0]
    return (found.value if task.unit == "points" else -found.value), found


class _Clock:
    """How much of the time is used, and news for the window now and then."""

    def __init__(self, context: Context, budget: Budget, spent: float) -> None:
        self._context = context
        self._start = time.monotonic() - spent
        self._seconds = budget.minutes * 60.0
        if context.deadline is not None:
            self._seconds = max(1.0, min(self._seconds, context.deadline - self._start))
        self._told = 0.0
        self.looking = 0.0
        """Seconds that went into looks at validation data."""

    def share(self) -> float:
        return (time.monotonic() - self._start) / self._seconds

    def spent(self) -> float:
        """Seconds so far, those before a cut included."""
        return time.monotonic() - self._start

    def progress(self, steps: float) -> float:
        """The share of `steps` or of time, whichever will be used up first."""
        share = self.share()
        return share if share > max(steps, SLOW_START) else steps

    def affords_look(self, steps: float) -> bool:
        """Whether time runs out after the steps, or looks took little of it: a slow one would leave none to learn."""
        share = self.share()
        return share <= max(steps, SLOW_START) or self.looking <= LOOKING * self.spent()

    def tell(self, progress: float, loss: float, step: int) -> None:
        self._context.check()
        now = time.monotonic()
        if now - self._told < LOSS_EVERY_SECONDS:
            return
        self._told = now
        left = max(0.0, (now - self._start) / max(progress, 1e-6) * (1 - progress))
        self._context.progress(progress, 1.0, f"learning, about {left / 60:.0f} min {left % 60:02.0f} s left")
        self._context.curve("loss", step, loss)


def _look(network: nn.Module, encoder: Encoder, context: Context, state: State) -> None:
    """Look at validation data, and keep the weights if they are the best so far."""
    goodness, found = validate(network, encoder.folder, context)
    context.curve(f"validation {found.metric}", state.step, found.value)
    if goodness >= state.best:
        state.vain = 0 if goodness > state.best else state.vain + 1
        state.best, state.quality, state.best_weights = goodness, found, weights_of(network)
    else:
        state.vain += 1


def _schedule(progress: float, warm_up: float) -> float:
    return progress / warm_up if progress < warm_up else (1.0 - progress) / (1.0 - warm_up)


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
