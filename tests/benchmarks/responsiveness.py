"""The window's own figures: how soon it is on the screen, and how late its timer is while a run goes."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

REPEATS = 9
PROBES = Path(__file__).parent / "probes"


def figures() -> list[tuple[str, str, str]]:
    """Rows (what, measured, target)."""
    empty, ours = [], []
    for _ in range(REPEATS):  # turn about
        empty.append(_probe("empty_window.py")["seconds"])
        found = _probe("our_window.py")
        ours.append(found["seconds"])
    ratios = sorted(b / a for a, b in zip(empty, ours, strict=True))
    late = _probe("lateness.py")
    return [
        (
            "window on screen, beside an empty PySide6 window with one pyqtgraph plot",
            f"{statistics.median(ratios):.2f}× ({ratios[0]:.2f} to {ratios[-1]:.2f}; {statistics.median(ours):.2f} s "
            f"against {statistics.median(empty):.2f} s); torch in its process: {'yes' if found['torch'] else 'no'}",
            "≤ 1.5×, no",
        ),
        (
            f"lateness of the window's 16 ms timer during a run ({late['ticks']:,} ticks)",
            f"{late['p99']:.1f} ms at the 99th percentile (median {late['median']:.1f}, worst {late['worst']:.0f})",
            "≤ 16 ms at the 99th percentile",
        ),
    ]


def _probe(script: str) -> dict[str, float]:
    environment = {"QT_QPA_PLATFORM": "offscreen", **os.environ}
    found = subprocess.run(
        [sys.executable, str(PROBES / script)], env=environment, capture_output=True, text=True, timeout=600, check=True
    )
    return json.loads(found.stdout.strip().splitlines()[-1])
