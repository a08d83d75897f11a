"""A GGUF file's tensors, unpacked one after another and written as safetensors.

What is kept in memory at once is the largest tensor, in 16 bits, and a piece of it in 32.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import Refused
from engine.models.gguf_header import PLAIN, GgufHeader, GgufTensor

if TYPE_CHECKING:
    from transformers import PretrainedConfig

PIECE = 1 << 22
"""Elements unpacked at once."""
RAW = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}
"""How a plain tensor's bytes are looked at; numpy has no bfloat16, and none is needed to move it."""
Planned = tuple[str, GgufTensor, tuple[int, ...]]
"""A tensor's name in transformers, where it comes from, and its shape there."""


def plan(header: GgufHeader, config: PretrainedConfig) -> list[Planned]:
    """Which tensor of the file becomes which of the model; raises `Refused` where one is missing or left over."""
    wanted, names = _names(header, config)
    unknown = sorted(header.tensors.keys() - names.keys() - {"rope_freqs.weight"})
    if unknown:
        raise Refused(
            f"{header.path} holds a tensor that a {config.model_type} model does not have ('{unknown[0]}'). "
            "Choose the model as a folder."
        )
    found = [(name, header.tensors[there], wanted[name]) for there, name in names.items() if there in header.tensors]
    tied = {"lm_head.weight"} if config.tie_word_embeddings else set()
    missing = sorted(wanted.keys() - {name for name, _, _ in found} - tied)
    if missing:
        raise Refused(f"{header.path} lacks the weights of '{missing[0]}'. Get the whole model.")
    for name, tensor, shape in found:
        if shape not in (tensor.shape, tensor.shape[::-1]):
            stored, asked = (" × ".join(f"{side:,}" for side in sides) for sides in (tensor.shape, shape))
            raise Refused(
                f"'{tensor.name}' in {header.path} is {stored}, but the file's settings ask for {asked} ('{name}'). "
                "Get another copy of the model."
            )
    return found


def bytes_of(header: GgufHeader) -> int:
    """Bytes of the weights when written."""
    return sum(tensor.count * (4 if tensor.kind == "F32" else 2) for tensor in header.tensors.values())


def write_weights(header: GgufHeader, config: PretrainedConfig, planned: list[Planned], target: Path) -> None:
    """Write the tensors to the safetensors file `target`, in the type they have or, if packed, in 16 bits.

    A packed weight is a whole number of at most 8 bits times its group's scale: rounding that to 16
    bits (11 of them exact) moves it by a tenth of what packing left undecided, or less.
    """
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, tensor, shape in planned:
        kind = tensor.kind if tensor.kind in PLAIN else "F16"
        end = at + tensor.count * np.dtype(RAW[kind]).itemsize
        entries[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, end]}
        at = end
    told = json.dumps(entries).encode()
    told += b" " * (-len(told) % 8)
    with target.open("wb") as file:
        file.write(struct.pack("<Q", len(told)) + told)
        for array in _turned(header, config, planned):
            file.write(np.ascontiguousarray(array).data)


def values_of(header: GgufHeader, tensor: GgufTensor) -> np.ndarray:
    """The tensor's values, rows first: as stored where plain (bfloat16 as its bits), else unpacked to float16."""
    from gguf import GGMLQuantizationType, dequantize

    data = np.memmap(header.path, mode="r", offset=tensor.start, shape=(tensor.bytes,))
    if tensor.kind in PLAIN:
        return data.view(RAW[tensor.kind]).reshape(tensor.shape)
    kind = GGMLQuantizationType[tensor.kind]
    rows = tensor.count // tensor.shape[-1]
    packed = data.reshape(rows, -1)
    values = np.empty((rows, tensor.shape[-1]), np.float16)
    step = max(1, PIECE // tensor.shape[-1])
    with np.errstate(over="ignore", invalid="ignore"):  # told below
        for start in range(0, rows, step):
            values[start : start + step] = dequantize(packed[start : start + step], kind)
    if not np.isfinite(values).all():
        raise Refused(
            f"'{tensor.name}' in {header.path} holds NaN or infinite numbers. Copy or download the file again."
        )
    return values.reshape(tensor.shape)


def _turned(header: GgufHeader, config: PretrainedConfig, planned: list[Planned]) -> Iterable[np.ndarray]:
    """Each tensor's values as the model wants them: llama.cpp reorders Llama's heads and turns GPT-2's matrices."""
    from transformers.modeling_gguf_pytorch_utils import TENSOR_PROCESSORS, TensorProcessor

    processor = TENSOR_PROCESSORS.get(header.architecture, TensorProcessor)(config=config.to_dict())
    for _, tensor, shape in planned:
        values = values_of(header, tensor)
        if tensor.name != "output.weight":  # the same everywhere, and GPT-2's processor would keep it
            values = processor.process(weights=values, name=tensor.name).weights
        if values.shape != shape:
            raise Refused(f"'{tensor.name}' in {header.path} does not fit its model. Get another copy of the model.")
        yield values


def _names(header: GgufHeader, config: PretrainedConfig) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
    """The model's tensors with their shapes, and for each name in the file its name in the model."""
    import torch
    from gguf import MODEL_ARCH_NAMES, get_tensor_name_map
    from transformers import AutoModelForCausalLM

    layers = {name.split(".")[1] for name in header.tensors if name.startswith("blk.")}
    if len(layers) != config.num_hidden_layers:  # before anything of that many layers is made
        raise Refused(
            f"{header.path} says that it has {config.num_hidden_layers} layers but holds {len(layers)}. "
            "Get the whole model."
        )
    try:
        with torch.device("meta"):  # shapes without numbers
            state = AutoModelForCausalLM.from_config(config).state_dict()
    except Exception as error:  # sizes that do not go together fail somewhere in the model's code
        reason = " ".join(str(error).split())[:160]
        raise Refused(f"The settings in {header.path} describe no model ({reason}). Get another copy.") from error
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    known = {name: number for number, name in MODEL_ARCH_NAMES.items()}
    names = get_tensor_name_map(known[header.architecture], len(layers))
    return shapes, {
        f"{names.get_name(stem)}{dot}{ending}": f"{stem}{dot}{ending}"
        for stem, dot, ending in (name.rpartition(".") for name in shapes)
    }
