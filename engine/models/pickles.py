"""Weights in Python's pickle format: converted if they are plain tensors, else refused.

A pickle can run any code when it is read. `torch.load(weights_only=True)` reads it with a reader
that knows tensors and nothing else (https://docs.pytorch.org/docs/stable/notes/serialization.html);
what that reader refuses is never read in another way.
"""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import Refused
from engine.models.headers import shards

if TYPE_CHECKING:
    import torch

ENDINGS = (".bin", ".pt", ".pth")
NOT_WEIGHTS = ("training_args.bin", "optimizer.pt", "scheduler.pt", "optimizer.bin", "scaler.pt")
"""What training leaves in a folder beside its weights."""


def pickle_files(folder: Path) -> list[Path]:
    """The pickled weights of a folder: as transformers names them, else the only such file."""
    named = folder / "pytorch_model.bin"
    found = [named] if named.is_file() else shards(folder, f"{named.name}.index.json")
    if found:
        return found
    others = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix in ENDINGS and path.name not in NOT_WEIGHTS and path.is_file()
    ]
    if len(others) > 1:
        names = ", ".join(path.name for path in others[:5])
        raise Refused(
            f"{folder} holds several files that may be the weights ({names}). "
            "Keep the one that counts, named pytorch_model.bin."
        )
    return others


def convert(files: list[Path], target: Path) -> None:
    """Write the tensors of pickled `files` to the safetensors file `target`.

    Raises `Refused` where a file holds anything else than a flat mapping of names to tensors.
    """
    from safetensors.torch import save_file

    tensors: dict[str, torch.Tensor] = {}
    for path in files:
        tensors.update(_tensors(path))
    save_file(tensors, target, metadata={"format": "pt"})


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    import torch

    try:
        with warnings.catch_warnings(action="ignore"):  # advice on old formats is not for users
            found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, AttributeError, ImportError) as error:
        raise _could_run_code(path) from error
    except Exception as error:  # a damaged archive raises whatever its reader stumbles over
        raise Refused(f"{path} is damaged or is no checkpoint of PyTorch. Copy or download it again.") from error
    plain = isinstance(found, dict) and all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in found.items()
    )
    if not plain or not found:
        raise Refused(
            f"{path} holds more than named tensors (a training state, perhaps). "
            "Save the model with save_pretrained() and choose that folder."
        )
    # Tied weights share memory, which safetensors refuses: each gets its own.
    return {name: value.detach().clone().contiguous() for name, value in found.items()}


def _could_run_code(path: Path) -> Refused:
    return Refused(
        f"{path} is a pickle file that could run code when it is opened, so it was not opened. "
        "Get the model as safetensors, or convert it where you trust it."
    )
