"""The network's half of vocabulary pruning: only the rows of tokens that stay, and ids that fit them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn

from engine.errors import Refused

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def keep_rows(network: PreTrainedModel, kept: Sequence[int]) -> None:
    """Cut embeddings [vocabulary, d] and the output head (and its bias), if there is one, to the rows `kept`.

    `kept[new id]` is the old id. Weights that were tied stay tied. The config's vocabulary size and every
    id in it and in the generation config follow; an id that named no token that stays becomes None.
    Raises `Refused` before anything changed where the network cannot follow.
    """
    embedding = cast("nn.Embedding", network.get_input_embeddings())
    head = network.get_output_embeddings()
    new_of = {old: new for new, old in enumerate(kept)}
    _check(network, embedding, kept, new_of)
    index = torch.tensor(kept, device=embedding.weight.device)
    cut = [embedding.weight]
    if head is not None:
        cut += [
            value for value in (head.weight, head.bias) if value is not None and len(value) == len(embedding.weight)
        ]
        head.out_features = len(kept)
    _replace_parameters(network, {id(old): _rows(old, index) for old in cut})
    embedding.num_embeddings = len(kept)
    if embedding.padding_idx is not None:
        embedding.padding_idx = new_of.get(embedding.padding_idx)
    for config in {id(config): config for config in (network.config, network.config.get_text_config())}.values():
        config.vocab_size = len(kept)
        _renumber(config, new_of)
    if getattr(network, "generation_config", None) is not None:
        _renumber(network.generation_config, new_of)


def renumbered(settings: Mapping[str, Any], new_of: Mapping[int, int]) -> dict[str, Any]:
    """Those of `settings` that hold token ids (`eos_token_id`, …), with the new ids; an id that is gone is None."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if not key.endswith(("token_id", "token_ids")):
            continue
        if isinstance(value, int):
            found[key] = new_of.get(value)
        elif isinstance(value, list):
            found[key] = [new_of[old] for old in value if old in new_of] or None
    return found


def _renumber(config: Any, new_of: Mapping[int, int]) -> None:
    for key, value in renumbered(vars(config), new_of).items():
        setattr(config, key, value)


def _check(network: nn.Module, embedding: nn.Embedding, kept: Sequence[int], new_of: Mapping[int, int]) -> None:
    rows = embedding.weight.shape[0]
    if not kept or max(kept) >= rows:
        raise Refused(
            f"The tokenizer has tokens that the model has no embedding for (it has {rows:,}). "
            "Use the tokenizer that belongs to this model."
        )
    padding = embedding.padding_idx
    if padding is None or new_of.get(padding) == padding:
        return
    # RoBERTa counts positions from the padding token's id on: another id would shift every position.
    others = (module for module in network.modules() if isinstance(module, nn.Embedding) and module is not embedding)
    if any(other.padding_idx == padding for other in others):
        raise Refused(
            "This model counts positions from the number of its padding token, which a smaller vocabulary would "
            "change. Leave its vocabulary as it is."
        )


def _rows(parameter: torch.Tensor, index: torch.Tensor) -> nn.Parameter:
    return nn.Parameter(parameter.detach()[index].clone(), requires_grad=parameter.requires_grad)


def _replace_parameters(network: nn.Module, new: Mapping[int, nn.Parameter]) -> None:
    """Wherever an old parameter stands (tied weights stand in several places), put the new one."""
    for module in network.modules():
        for name, parameter in list(module.named_parameters(recurse=False, remove_duplicate=False)):
            if id(parameter) in new:
                setattr(module, name, new[id(parameter)])
