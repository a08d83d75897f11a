"""The runtimes that a folder can be saved for; one file each."""

from __future__ import annotations

from pathlib import Path

from engine.runtimes.base import Batch, Runtime, Session, Writer
from engine.runtimes.onnx_runtime import OnnxRuntime
from engine.runtimes.openvino_runtime import OpenVinoRuntime
from engine.runtimes.torch_runtime import TorchRuntime

RUNTIMES: tuple[Runtime, ...] = (TorchRuntime(), OnnxRuntime(), OpenVinoRuntime())

__all__ = ["RUNTIMES", "Batch", "Runtime", "Session", "Writer", "runtime_named", "runtime_of"]


def runtime_named(name: str) -> Runtime:
    """The runtime of that name; raises KeyError for a name that validation should have refused."""
    for runtime in RUNTIMES:
        if runtime.name == name:
            return runtime
    raise KeyError(name)


def runtime_of(folder: Path) -> Runtime | None:
    """The runtime that a saved folder is for, or None where no runtime here loads it."""
    return next((runtime for runtime in RUNTIMES if runtime.holds(folder)), None)
