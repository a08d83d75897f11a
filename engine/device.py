"""What this machine is: cores, instruction sets, memory, disks and GPUs. Light: no torch."""

from __future__ import annotations

import functools
import os
import platform
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

import psutil

from engine.technique import Frozen

INSTRUCTION_SETS = (
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "avx512_bf16",
    "amx_bf16",
    "amx_int8",
    "asimd",
    "i8mm",
    "bf16",
)
LIBRARIES = ("torch", "transformers", "onnxruntime", "openvino", "nncf", "torchao")


class Device(Frozen):
    """The machine in numbers and names; memory in bytes."""

    name: str
    cores: int
    instruction_sets: tuple[str, ...]
    memory: int
    gpu: str
    system: str

    @property
    def runs_bf16(self) -> bool:
        """Whether bf16 is computed in hardware, so that 16 bits are faster and not only smaller."""
        return bool({"avx512_bf16", "amx_bf16", "bf16"} & set(self.instruction_sets))

    @property
    def runs_int8(self) -> bool:
        """Whether 8-bit products are summed without saturating (VNNI, AMX or ARM's i8mm)."""
        return bool({"avx512_vnni", "avx_vnni", "amx_int8", "i8mm"} & set(self.instruction_sets))


@functools.cache
def this_machine() -> Device:
    """Read once; nothing of it changes while the program runs."""
    name, flags = _processor()
    return Device(
        name=name,
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        instruction_sets=tuple(flag for flag in INSTRUCTION_SETS if flag in flags),
        memory=psutil.virtual_memory().total,
        gpu=_gpu(),
        system=f"{platform.system()} {platform.release()}",
    )


def environment() -> dict[str, str]:
    """Machine and library versions, as they go into every record and into the baseline's key."""
    machine = this_machine()
    versions = {library: version_of(library) for library in LIBRARIES}
    return {
        "machine": machine.name,
        "cores": str(machine.cores),
        "instruction_sets": " ".join(machine.instruction_sets),
        "memory_gb": f"{machine.memory / 1e9:.1f}",
        "gpu": machine.gpu or "none",
        "system": machine.system,
        "python": platform.python_version(),
        "bozzetto": version_of("bozzetto"),
        **versions,
    }


def version_of(library: str) -> str:
    """An installed library's version, or "not installed"."""
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "not installed"


def threads() -> int:
    """Threads for measuring: all cores, the same for every runtime."""
    return this_machine().cores


def free_disk(folder: Path) -> int:
    """Free bytes where `folder` is or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def free_memory() -> int:
    """Bytes that can be had without swapping."""
    return psutil.virtual_memory().available


def _processor() -> tuple[str, set[str]]:
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return platform.processor() or platform.machine(), set()
    fields = dict(line.split(":", 1) for line in cpuinfo.read_text().split("\n\n")[0].splitlines() if ":" in line)
    values = {key.strip(): value.strip() for key, value in fields.items()}
    flags = values.get("flags") or values.get("Features") or ""
    return values.get("model name", platform.machine()), set(flags.split())


def _gpu() -> str:
    """NVIDIA's tool tells without loading torch; "" where there is none."""
    if not shutil.which("nvidia-smi"):
        return ""
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        found = subprocess.run(query, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.strip().splitlines()[0] if found.stdout.strip() else ""
