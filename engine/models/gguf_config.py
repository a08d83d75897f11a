"""From a GGUF file's settings to the config.json that transformers would have written for the same model.

Key names come from transformers' own table (`GGUF_CONFIG_MAPPING`). What the table leaves out and a
config class would fill with another model's default is read off the file or refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import Refused
from engine.models.gguf_header import GgufHeader

if TYPE_CHECKING:
    from transformers import PretrainedConfig

ARCHITECTURES = {"llama": "Llama", "qwen2": "Qwen2", "qwen3": "Qwen3", "gpt2": "GPT-2"}
"""llama.cpp's names, which are also transformers' `model_type`; Mistral is written as llama."""
NEEDED = ("block_count", "context_length", "embedding_length", "feed_forward_length", "attention.head_count")
LLAMA3 = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
"""Llama 3's own stretching of its positions; a GGUF file keeps only what comes of it."""


def config_of(header: GgufHeader) -> PretrainedConfig:
    """The config of the model in the file; raises `Refused` where it says too little or means another model."""
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    kind = model_type_of(header)
    values = _mapped(header, kind)
    embeddings = header.tensors.get("token_embd.weight")
    if embeddings is None:
        raise Refused(f"{header.path} lacks the tensor 'token_embd.weight'. Get the whole model.")
    values["vocab_size"] = embeddings.shape[0]
    values["tie_word_embeddings"] = "output.weight" not in header.tensors
    values["architectures"] = [MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[kind]]
    for name in ("bos", "eos", "padding"):
        found = header.metadata.get(f"tokenizer.ggml.{name}_token_id")
        values[f"{name.replace('padding', 'pad')}_token_id"] = found if isinstance(found, int) else None
    if kind == "gpt2":
        values["n_positions"] = values.pop("n_ctx")
        values["n_inner"] = values.pop("feed_forward_length")
    else:
        values |= _rotary(header, kind, values)
    try:
        return AutoConfig.for_model(kind, **values)
    except Exception as error:  # whatever a config class finds wrong with a hostile number
        reason = " ".join(str(error).split())[:160]
        raise Refused(f"The settings in {header.path} describe no model ({reason}). Get another copy.") from error


def model_type_of(header: GgufHeader) -> str:
    """transformers' `model_type`; raises `Refused` for architectures that are not unpacked here."""
    name = header.architecture
    if name not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES.values())
        raise Refused(
            f"{header.path} holds a model of architecture '{name}', which cannot be opened from GGUF yet; "
            f"{known} can. Choose one of these, or the model as a folder."
        )
    if header.metadata.get(f"{name}.expert_count"):
        raise Refused(
            f"{header.path} holds a mixture of experts, which Bozzetto cannot take apart yet. Choose another model."
        )
    return name


def _mapped(header: GgufHeader, kind: str) -> dict[str, Any]:
    """The numbers that transformers' table names, those that matter here not missing."""
    from transformers.integrations.ggml import GGUF_CONFIG_MAPPING

    found: dict[str, Any] = {}
    for key, name in GGUF_CONFIG_MAPPING[kind].items():
        value = header.metadata.get(f"{kind}.{key}")
        if value is None and key in NEEDED:
            raise Refused(f"{header.path} does not say its '{kind}.{key}'. Get another copy of the model.")
        if name is None or value is None:
            continue
        if not isinstance(value, (int, float)) or not 0 < value < 2**40:
            raise Refused(
                f"'{kind}.{key}' in {header.path} is not one number that makes sense. Get another copy of the model."
            )
        # 1e-5 in 32 bits reads 9.999999747378752e-06 in 64.
        found[name] = float(str(np.float32(value))) if isinstance(value, float) else value
    return found


def _rotary(header: GgufHeader, kind: str, values: dict[str, Any]) -> dict[str, Any]:
    """What the architectures with rotary positions need besides."""
    heads, names = values["num_attention_heads"], header.tensors
    size = header.metadata.get(f"{kind}.attention.key_length", values["hidden_size"] // heads)
    turned = header.metadata.get(f"{kind}.rope.dimension_count", size)
    if turned != size:
        raise Refused(
            f"{header.path} turns only {turned} of each head's {size} numbers by position, "
            f"which a {ARCHITECTURES[kind]} model does not. Choose another model."
        )
    found: dict[str, Any] = {"num_key_value_heads": values.get("num_key_value_heads", heads)}
    if kind != "qwen2":  # whose heads always divide its width
        found |= {"head_dim": size, "attention_bias": kind == "llama" and "blk.0.attn_q.bias" in names}
    theta = values.pop("rope_theta", 10_000.0)
    return found | {"rope_parameters": {"rope_theta": theta, **_stretched(header, kind, theta, size)}}


def _stretched(header: GgufHeader, kind: str, theta: float, size: int) -> dict[str, Any]:
    """How positions are stretched for texts longer than the model was first trained on."""
    from engine.models.gguf_weights import values_of

    said = {key: header.metadata.get(f"{kind}.rope.scaling.{key}") for key in ("type", "factor")}
    if "rope_freqs.weight" in header.tensors:
        found = values_of(header, header.tensors["rope_freqs.weight"])
        factor = float(found.max()) if found.size else 0.0
        if found.shape == (size // 2,) and np.allclose(found, _llama3_factors(theta, size, factor), rtol=1e-3):
            return {"rope_type": "llama3", "factor": factor, **LLAMA3}
    elif said["type"] in (None, "none"):
        return {"rope_type": "default"}
    elif said["type"] == "linear" and isinstance(said["factor"], float) and said["factor"] > 0:
        return {"rope_type": "linear", "factor": said["factor"]}
    raise Refused(
        f"{header.path} stretches positions in a way that is not read here ('{kind}.rope.scaling' or 'rope_freqs'). "
        "Choose the model as a folder."
    )


def _llama3_factors(theta: float, size: int, factor: float) -> np.ndarray:
    """By how much Llama 3 slows each of `size / 2` turns; as `_compute_llama3_parameters` of transformers has it."""
    frequencies = theta ** (-np.arange(0, size, 2) / size)
    turns = LLAMA3["original_max_position_embeddings"] * frequencies / (2 * np.pi)
    smooth = (turns - LLAMA3["low_freq_factor"]) / (LLAMA3["high_freq_factor"] - LLAMA3["low_freq_factor"])
    return 1 / ((1 - smooth.clip(0, 1)) / max(factor, 1e-9) + smooth.clip(0, 1))
