"""From Run to verdict in a warm engine, and what the engine's process takes."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from typing import Any

import psutil

from engine.presets import PRESETS
from engine.recipe import Recipe

REPEATS = 3
IMPORTS = "import torch, transformers, onnxruntime, openvino, nncf, onnx, scipy.stats, pyarrow, accelerate"


def figures() -> list[tuple[str, str, str]]:
    """Rows (what, measured, target)."""
    balanced = PRESETS[0]
    recipe = Recipe(steps=balanced.steps, limits=balanced.limits).model_dump(mode="json")
    with subprocess.Popen(
        [sys.executable, "-m", "engine", "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as engine:
        _run(engine, recipe)  # warms the engine and measures the original
        seconds = [_run(engine, recipe) for _ in range(REPEATS)]
        peak = _peak(engine.pid)
        engine.stdin.close()  # type: ignore[union-attr]
    libraries = _libraries()
    return [
        (
            "from Run to verdict, Balanced, warm engine, baseline known",
            f"{statistics.median(seconds):.1f} s (of {REPEATS}: {min(seconds):.1f} to {max(seconds):.1f})",
            "≤ 60 s",
        ),
        (
            "peak memory of the engine's process",
            f"{peak / 1e6:.0f} MB, of which libraries {libraries / 1e6:.0f} MB ({libraries / peak:.0%})".replace(
                "%", " %"
            ),
            "stated",
        ),
    ]


def _run(engine: subprocess.Popen[str], recipe: dict[str, Any]) -> float:
    started = time.monotonic()
    engine.stdin.write(json.dumps({"do": "run", "recipe": recipe}) + "\n")  # type: ignore[union-attr]
    engine.stdin.flush()  # type: ignore[union-attr]
    for line in engine.stdout:  # type: ignore[union-attr]
        event = json.loads(line)
        if event["kind"] == "run_finished":
            if not event["run"]["verified"]:
                raise SystemExit(f"the run failed: {event['run']['reason']}")
            return time.monotonic() - started
    raise SystemExit("the engine ended")


def _peak(pid: int) -> int:
    """Peak resident bytes (Linux counts them; elsewhere what is resident now)."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return psutil.Process(pid).memory_info().rss


def _libraries() -> int:
    code = f"{IMPORTS}; import psutil; print(psutil.Process().memory_info().rss)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(found.stdout.split()[-1])
