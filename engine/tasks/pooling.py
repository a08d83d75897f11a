"""From a model's hidden states to one vector a text, as the folder's own modules say.

A sentence-transformers folder lists them in modules.json: pooling, dense layers, normalization. A
plain encoder's states are averaged and normalized, which the log says. Only numpy: every runtime's
states pass the same way.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import Refused
from engine.tasks.encoding import Encoder

if TYPE_CHECKING:
    import torch

MODULES = "modules.json"
LENGTH = "sentence_bert_config.json"
MODES = {
    "cls": "cls", "cls_token": "cls", "mean": "mean", "mean_tokens": "mean",
    "max": "max", "max_tokens": "max", "lasttoken": "last",
}  # fmt: skip
OLD_MODES = tuple(
    f"pooling_mode_{mode}"
    for mode in (
        "cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken"
    )
)  # fmt: skip
ORDER = ("Transformer", "Pooling", "Dense", "Normalize")
"""The modules that are known, each behind the one before it; there may be several dense layers."""
VECTOR = "sentence_embedding"
"""What sentence-transformers calls the vector that its modules hand on."""
ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"Identity": lambda x: x, "Tanh": np.tanh}


@dataclass(frozen=True)
class Dense:
    """y = activation(x Wᵀ + b); weight [out, in], bias [out]."""

    weight: np.ndarray
    bias: np.ndarray | None
    activation: str


@dataclass(frozen=True)
class Pooling:
    """How hidden states [texts, tokens, hidden] become vectors [texts, dimensions]: pooled, dense, normalized."""

    mode: str = "mean"
    dense: tuple[Dense, ...] = ()
    normalize: bool = True

    def __call__(self, states: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Vectors in float32; `mask` is 1 at real tokens [texts, tokens]."""
        found = _pool(states.astype(np.float32), mask.astype(np.float32), self.mode)
        for layer in self.dense:
            # Not by BLAS: its threads go on spinning after a product, and a runtime's own then take twice as long.
            found = np.einsum("td,od->to", found, layer.weight)
            found = ACTIVATIONS[layer.activation](found if layer.bias is None else found + layer.bias)
        if self.normalize:
            found = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
        return found.astype(np.float32)


class SentenceEncoder(Encoder):
    """Texts for an embedder: cut where its folder says, as sentence-transformers does."""

    @property
    def longest(self) -> int:
        """Tokens of a text at most."""
        try:
            settings = json.loads((self.folder / LENGTH).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return super().longest
        said = settings.get("max_seq_length") if isinstance(settings, dict) else None
        return min(said, super().longest) if isinstance(said, int) and said >= 2 else super().longest

    @cached_property
    def mode(self) -> str:
        """How tokens are pooled."""
        return read_pooling(self.folder).mode


def read_pooling(folder: Path) -> Pooling:
    """What the folder says, or mean and normalization where it says nothing.

    Raises `Refused` for modules that are not known here: leaving one out would change every vector.
    """
    from safetensors import SafetensorError

    path = folder / MODULES
    if not path.is_file():
        return Pooling()
    try:
        modules = json.loads(path.read_text(encoding="utf-8"))
        kinds = [(str(module["type"]).rpartition(".")[2], str(module["path"])) for module in modules]
        _check([kind for kind, _ in kinds])
        found = Pooling(normalize=False)
        for kind, place in kinds:
            found = _with(found, kind, _inside(folder, place))
    except (ValueError, KeyError, TypeError, OSError, RecursionError, SafetensorError) as error:
        raise Refused(
            f"{path} does not say how vectors are made ({error}). Copy or download the model again."
        ) from error
    return found


def pooled(states: torch.Tensor, mask: torch.Tensor, mode: str) -> torch.Tensor:
    """Hidden states [texts, tokens, hidden] to vectors [texts, hidden], with gradients; as `Pooling` does it."""
    import torch

    if mode == "cls":
        return states[:, 0]
    if mode == "last":
        return states[torch.arange(len(states), device=states.device), mask.sum(dim=1) - 1]
    real = mask.unsqueeze(-1).bool()
    if mode == "max":
        return states.masked_fill(~real, float("-inf")).amax(dim=1)
    return states.masked_fill(~real, 0.0).sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)


def _check(kinds: list[str]) -> None:
    unknown = [kind for kind in kinds if kind not in ORDER]
    if unknown:
        raise Refused(
            f"The model makes its vectors with a module '{unknown[0]}', which Bozzetto does not know. Choose another."
        )
    if kinds != sorted(kinds, key=ORDER.index) or kinds.count("Pooling") != 1:
        raise Refused(
            f"The model makes its vectors in an order that Bozzetto does not know ({', '.join(kinds)}). Choose another."
        )


def _with(found: Pooling, kind: str, place: Path) -> Pooling:
    if kind == "Pooling":
        return replace(found, mode=_mode(_read_config(place)))
    if kind == "Dense":
        return replace(found, dense=(*found.dense, _read_dense(place)))
    return replace(found, normalize=kind == "Normalize")


def _read_config(place: Path) -> dict[str, Any]:
    config = json.loads((place / "config.json").read_text(encoding="utf-8"))
    if not isinstance(config, dict):
        raise TypeError(f"{place.name}/config.json is no object")
    return config


def _mode(config: dict[str, Any]) -> str:
    chosen = [key.removeprefix("pooling_mode_") for key, value in config.items() if key in OLD_MODES and value]
    if "pooling_mode" in config:  # sentence-transformers from 5 on
        given = config["pooling_mode"]
        chosen = [given] if isinstance(given, str) else list(given)
    if len(chosen) != 1 or chosen[0] not in MODES:
        raise Refused(
            f"The model pools its tokens in a way that Bozzetto does not know ({', '.join(map(str, chosen))}). "
            "Choose another model."
        )
    return MODES[chosen[0]]


def _read_dense(place: Path) -> Dense:
    from safetensors.numpy import load_file

    config = _read_config(place)
    activation = str(config.get("activation_function", "Tanh")).rpartition(".")[2]  # as sentence-transformers has it
    unknown = [activation] if activation not in ACTIVATIONS else ["use_residual"] if config.get("use_residual") else []
    if unknown or config.get("module_input_name", VECTOR) != VECTOR:
        what = (unknown or ["module_input_name"])[0]
        raise Refused(f"The model's dense layer uses '{what}', which Bozzetto does not know. Choose another model.")
    weights = load_file(place / "model.safetensors")
    weight, bias = weights["linear.weight"], weights.get("linear.bias")
    if weight.ndim != 2 or (bias is not None and bias.shape != weight.shape[:1]):
        raise ValueError(f"{place.name} holds weights of the wrong shape")
    return Dense(weight.astype(np.float32), None if bias is None else bias.astype(np.float32), activation)


def _inside(folder: Path, place: str) -> Path:
    path = (folder / place).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise Refused(f"{folder / MODULES} points outside its folder. Download the model again.")
    return path


def _pool(states: np.ndarray, mask: np.ndarray, mode: str) -> np.ndarray:
    if mode == "cls":
        return states[:, 0]
    if mode == "last":
        return states[np.arange(len(states)), mask.sum(axis=1).astype(int) - 1]
    if mode == "max":
        return np.where(mask[:, :, None] > 0, states, -np.inf).max(axis=1)
    return (states * mask[:, :, None]).sum(axis=1) / np.maximum(mask.sum(axis=1, keepdims=True), 1.0)
