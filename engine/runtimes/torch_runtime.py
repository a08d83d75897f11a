"""PyTorch: an ordinary Hugging Face folder, loaded with `from_pretrained`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from engine.artifact import copy_tokenizer
from engine.device import this_machine
from engine.models.headers import WEIGHTS, holds_weights
from engine.models.profile import Profile, RuntimeName, read_config
from engine.runtimes.base import Batch, Runtime, Session, Writer, check_coverage

if TYPE_CHECKING:
    import numpy as np
    import torch
    from transformers import PreTrainedModel

    from engine.models.model import Model

HEADER_BYTES = 112
"""Bytes of a safetensors header for one tensor: its name, type, shape and place."""
INT8_HEADER_BYTES = 780
"""What torchao writes besides for each matrix in 8 bits: how its numbers, scales and zero points belong together."""


class TorchRuntime(Runtime):
    """safetensors weights beside config.json; 8 bits through torchao: the layers' weights only."""

    name: ClassVar[RuntimeName] = "torch"
    title: ClassVar[str] = "PyTorch"
    packages: ClassVar[tuple[str, ...]] = ("torch", "transformers")
    marker: ClassVar[str] = WEIGHTS
    uncertain_bytes: ClassVar[int] = 4_000
    speed: ClassVar[dict[int, tuple[float, float]]] = {32: (1.0, 1.0), 16: (1.4, 2.0), 8: (0.3, 1.0)}
    writing_speed: ClassVar[dict[int, tuple[float, float]]] = {32: (1.0, 1.0), 16: (0.6, 1.9), 8: (0.5, 1.7)}

    def holds(self, folder: Path) -> bool:
        """Weights in one file or in shards."""
        return holds_weights(folder)

    def refusal(self, profile: Profile) -> str | None:
        """Refused where `from_pretrained` could not rebuild the shapes, and for 8 bits without torchao."""
        if profile.uneven:
            return (
                f"PyTorch's from_pretrained cannot load a {profile.family} with fewer attention heads or thinner "
                "layers. Choose ONNX Runtime or OpenVINO, or take out something else."
            )
        if profile.storage.bits == 4:
            return "4 bits in PyTorch need an NVIDIA card, and this runs on the processor. Choose OpenVINO, or 8 bits."
        if profile.storage.bits == 8:
            if profile.model_type == "gpt2":
                return (
                    "torchao narrows none of a GPT-2's layers, because they are of type Conv1D, so 8 bits in PyTorch "
                    "would change nothing. Choose OpenVINO, or 16 bits."
                )
            from importlib.util import find_spec

            if find_spec("torchao") is None:
                return "8 bits in PyTorch need torchao, which is not installed. Install it, or choose another runtime."
        return None

    def stored_bytes(self, profile: Profile) -> int:
        """Counted: every parameter once, at its width, and a header entry for each tensor."""
        parts = profile.parts.values()
        tensors = sum(part.tensors for part in parts)
        fixed = profile.tokenizer_bytes + tensors * HEADER_BYTES
        if profile.storage.bits != 8:
            return profile.parameters * profile.storage.bits // 8 + fixed
        layers = (profile.attention, profile.feed_forward, profile.head)
        narrow = sum(part.matrices for part in layers)
        scales = sum(part.rows for part in layers)
        headers = INT8_HEADER_BYTES * sum(part.matrix_tensors for part in layers)
        return narrow + 5 * scales + 4 * (profile.parameters - narrow) + headers + fixed

    def save(self, model: Model, folder: Path, calibration: Sequence[Batch], progress: Callable[[str], None]) -> None:
        """`save_pretrained` in the type that the storage says: fp32, bf16 or fp16, or torchao's int8."""
        from engine.models.model import quiet

        progress("writing safetensors")
        network = model.network
        with quiet():
            if model.storage.bits == 32:
                network.save_pretrained(folder)
            elif model.storage.bits == 16:
                # transformers wraps Module.to in a decorator that hides its signature.
                _copied(network).to(half_type()).save_pretrained(folder)  # type: ignore[arg-type]
            else:
                _save_int8(network, folder)
        copy_tokenizer(model.folder, folder)

    def load(self, folder: Path, threads: int, *, full_precision: bool = False) -> Session:
        """`from_pretrained` of the folder alone, offline; `full_precision` computes in 32 bits whatever is stored."""
        import torch
        import transformers

        from engine.models.model import auto_class_of, name_padding

        torch.set_num_threads(threads)
        network = (
            getattr(transformers, auto_class_of(read_config(folder)))
            .from_pretrained(folder, dtype=torch.float32 if full_precision else "auto", local_files_only=True)
            .eval()
        )
        name_padding(network, read_config(folder))

        def session(batch: Batch) -> np.ndarray:
            with torch.inference_mode():
                tensors = {name: torch.from_numpy(array) for name, array in batch.items()}
                return network(**tensors)[0].float().numpy()

        return session

    def load_writer(self, folder: Path, threads: int, *, full_precision: bool = False) -> Writer:
        """`AutoModelForCausalLM`, as `load` otherwise."""
        from engine.runtimes.torch_writer import TorchWriter

        return TorchWriter(folder, threads, full_precision=full_precision)


def half_type() -> torch.dtype:
    """bf16 where this processor computes in it, else fp16, which keeps three more bits of each number."""
    import torch

    return torch.bfloat16 if this_machine().runs_bf16 else torch.float16


def _copied(network: PreTrainedModel) -> PreTrainedModel:
    import copy

    return copy.deepcopy(network)


def _save_int8(network: PreTrainedModel, folder: Path) -> None:
    """transformers quantizes while loading, so the 32-bit folder is written first and read again."""
    import tempfile

    from torch import nn
    from torchao.quantization import Int8WeightOnlyConfig
    from torchao.utils import TorchAOBaseTensor
    from transformers import TorchAoConfig
    from transformers.pytorch_utils import Conv1D

    # A head that reads the word embeddings would be written a second time if it were narrowed.
    kept = ["lm_head"] if network.can_generate() and network.config.tie_word_embeddings else []
    with tempfile.TemporaryDirectory(dir=folder.parent) as plain:
        network.save_pretrained(plain)
        narrowed = type(network).from_pretrained(
            plain,
            quantization_config=TorchAoConfig(quant_type=Int8WeightOnlyConfig(version=2), modules_to_not_convert=kept),
            local_files_only=True,
        )
    matrices = {
        name: module.weight
        for name, module in narrowed.named_modules()
        if isinstance(module, (nn.Linear, Conv1D)) and name not in kept
    }
    done = sum(weight.numel() for weight in matrices.values() if isinstance(weight, TorchAOBaseTensor))
    coverage = done / max(1, sum(weight.numel() for weight in matrices.values()))
    check_coverage(TorchRuntime.title, coverage, 8, "OpenVINO or 16 bits", of="the layers' weights")
    narrowed.save_pretrained(folder)
