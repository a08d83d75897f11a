"""Fine-tuning carried out: all weights, or LoRA's additions, which are merged at the end."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

from engine.checkpoint import Checkpoint
from engine.training import Budget, train

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from engine.context import Context
    from engine.models.model import Model
    from engine.techniques.fine_tune import FineTune


def tune(model: Model, technique: FineTune, context: Context) -> Model:
    """The model as it is best on validation data; what was zeroed or taken out before stays so."""
    encoder = context.task.encoder(model.folder)
    budget = Budget(
        minutes=technique.minutes,
        epochs=technique.epochs,
        learning_rate=technique.learning_rate,
        batch_size=technique.batch_size,
        weight_decay=technique.weight_decay,
        warm_up=technique.warm_up,
        accumulation=technique.accumulation,
        patience=technique.patience,
        mixed=technique.mixed_precision,
    )
    checkpoint = Checkpoint(_key(model, technique, context))
    if checkpoint.path.is_file():
        context.note("Training goes on from its last checkpoint.")
    network = _with_additions(model, technique) if technique.adapt == "LoRA" else model.network
    put_back = _set_dropout(model.network, technique.dropout)
    if technique.checkpointing and model.network.supports_gradient_checkpointing:
        model.network.gradient_checkpointing_enable()
    try:
        found = train(network, context.task.loss, encoder, context, budget, _zeros_kept(model), checkpoint)
    finally:
        put_back()
        if technique.checkpointing:
            model.network.gradient_checkpointing_disable()
    if technique.adapt == "LoRA":
        model = replace(model, network=cast("PreTrainedModel", cast(Any, network).merge_and_unload().eval()))
    context.note(f"After learning, on validation {context.task.nouns}: {found.in_words}.")
    return model.with_profile(technique.after(model.profile))


def _with_additions(model: Model, technique: FineTune) -> Any:
    from peft import LoraConfig, get_peft_model
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    inside = f"{model.family.layers}."
    names = [
        name
        for name, module in model.network.named_modules()
        if name.startswith(inside) and isinstance(module, nn.Linear | Conv1D)
    ]
    config = LoraConfig(
        r=technique.rank,
        lora_alpha=2 * technique.rank,
        lora_dropout=technique.dropout,
        target_modules=names,
        fan_in_fan_out=model.family.transposed,
    )
    return get_peft_model(model.network, config)


def _zeros_kept(model: Model) -> Any:
    """Puts zeros back after each step, where an earlier step made the weights sparse."""
    if not model.profile.zeros:
        return lambda: None
    import torch

    masks = [(weight, weight != 0) for weight in model.network.parameters() if weight.dim() == 2]

    def zero() -> None:
        with torch.no_grad():
            for weight, mask in masks:
                weight.mul_(mask.to(weight.device))

    return zero


def _set_dropout(network: PreTrainedModel, share: float) -> Any:
    """Set every dropout of the network; returns what puts the old shares back."""
    from torch import nn

    before = [(module, module.p) for module in network.modules() if isinstance(module, nn.Dropout)]
    for module, _ in before:
        module.p = share

    def put_back() -> None:
        for module, old in before:
            module.p = old

    return put_back


def _key(model: Model, technique: FineTune, context: Context) -> str:
    """Names a training by all that makes it what it is: settings, data, seed, and the weights that it begins with."""
    hashed = sha256(json.dumps([technique.model_dump(), context.data.key, context.seed]).encode())
    for name, value in model.network.state_dict().items():
        hashed.update(name.encode() + str(tuple(value.shape)).encode())
        hashed.update(value.detach().double().sum().numpy().tobytes())
    return hashed.hexdigest()[:32]
