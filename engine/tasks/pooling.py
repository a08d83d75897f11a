"""From a model's hidden states to one vector a text, as the folder's own modules say.

A sentence-transformers folder lists them in modules.json: pooling, dense layers, normalization. A
plain encoder's states are averaged and normalized, which the log says. Only numpy: every runtime's
states pass the same way.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import Refused

MODULES = "modules.json"
MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "last",
}
ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"Identity": lambda x: x, "Tanh": np.tanh}


@dataclass(frozen=True)
class Dense:
    """y = activation(x Wᵀ + b); weight [out, in], bias [out]."""

    weight: np.ndarray
    bias: np.ndarray | None
    activation: str


@dataclass(frozen=True)
class Pooling:
    """How hidden states [texts, tokens, hidden] become vectors [texts, dimensions]."""

    mode: str = "mean"
    dense: tuple[Dense, ...] = ()
    normalize: bool = True

    def __call__(self, states: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Vectors in float32; `mask` is 1 at real tokens [texts, tokens]."""
        found = _pool(states.astype(np.float32), mask.astype(np.float32), self.mode)
        for layer in self.dense:
            found = found @ layer.weight.T
            found = ACTIVATIONS[layer.activation](found if layer.bias is None else found + layer.bias)
        if self.normalize:
            found = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
        return found.astype(np.float32)


def read_pooling(folder: Path) -> Pooling:
    """What the folder says, or mean and normalization where it says nothing.

    Raises `Refused` for modules that are not known here: leaving one out would change every vector.
    """
    path = folder / MODULES
    if not path.is_file():
        return Pooling()
    try:
        modules = json.loads(path.read_text(encoding="utf-8"))
        kinds = [(str(module["type"]).rpartition(".")[2], str(module["path"])) for module in modules]
        found = Pooling(normalize=False)
        for kind, place in kinds:
            found = _with(found, kind, _inside(folder, place))
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise Refused(
            f"{path} does not say how vectors are made ({error}). Copy or download the model again."
        ) from error
    return found


def _with(found: Pooling, kind: str, place: Path) -> Pooling:
    if kind == "Transformer":
        return found
    if kind == "Normalize":
        return Pooling(found.mode, found.dense, normalize=True)
    if kind == "Pooling":
        return Pooling(_mode(json.loads((place / "config.json").read_text(encoding="utf-8"))), found.dense)
    if kind == "Dense":
        return Pooling(found.mode, (*found.dense, _read_dense(place)), found.normalize)
    raise Refused(f"The model makes its vectors with a module '{kind}', which Bozzetto does not know. Choose another.")


def _mode(config: dict[str, Any]) -> str:
    if isinstance(config.get("pooling_mode"), str):  # sentence-transformers from 5 on
        return str(config["pooling_mode"]).replace("lasttoken", "last")
    chosen = [mode for key, mode in MODES.items() if config.get(key)]
    others = [key for key, value in config.items() if key.startswith("pooling_mode_") and value and key not in MODES]
    if len(chosen) != 1 or others:
        raise Refused("The model pools its tokens in a way that Bozzetto does not know. Choose another model.")
    return chosen[0]


def _read_dense(place: Path) -> Dense:
    from safetensors.numpy import load_file

    config = json.loads((place / "config.json").read_text(encoding="utf-8"))
    activation = str(config.get("activation_function", "Identity")).rpartition(".")[2]
    if activation not in ACTIVATIONS:
        raise Refused(
            f"The model's dense layer uses '{activation}', which Bozzetto does not know. Choose another model."
        )
    weights = load_file(place / "model.safetensors")
    return Dense(weights["linear.weight"], weights.get("linear.bias"), activation)


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
