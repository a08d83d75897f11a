"""The main job without a screen: the Balanced preset on the starter, a folder and a picture."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from engine.presets import PRESETS
from engine.recipe import Recipe
from engine.run import Run, Status
from engine.runner import run
from engine.terminal import Streams, Terminal


def demo(folder: Path, cancelled: Callable[[], bool], streams: Streams) -> Run:
    """Run, and draw the plots to `plots.png` beside the model."""
    balanced = PRESETS[0]
    recipe = Recipe(steps=balanced.steps, limits=balanced.limits)
    with Terminal(streams) as terminal:
        found = run(recipe, terminal.show, cancelled, folder)
    if found.status is Status.FINISHED:
        picture = folder / "plots.png"
        environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
        subprocess.run([sys.executable, "-m", "gui.picture", str(folder), str(picture)], env=environment, check=False)
        if picture.is_file():
            print(f"Picture of the plots: {picture.resolve()}", file=streams.out)
    return found
