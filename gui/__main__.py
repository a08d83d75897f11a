"""python -m gui [RECIPE.yaml] [--style light|dark|system] [--screenshot FILE]

Opens the window before anything heavy: the engine is started once the window is on the screen.
"""

from __future__ import annotations

import argparse
import gc
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gui.window import MainWindow


def main(arguments: Sequence[str] | None = None) -> int:
    """Open the window; the exit code of the application."""
    chosen = _parse(arguments)
    gc.disable()  # what is made while starting stays: looking for garbage in it costs a tenth of a second
    from PySide6.QtWidgets import QApplication

    from gui.first_paint import FirstPaint
    from gui.garbage import GarbageCollector
    from gui.settings import Settings
    from gui.theme import dress, is_dark, prepare
    from gui.window import MainWindow

    app = QApplication([sys.argv[0]])
    app.setApplicationName("Bozzetto")
    app.setDesktopFileName("bozzetto")
    app.setStyle("Fusion")
    prepare(app, dark=is_dark(chosen.style or Settings().theme))
    window = MainWindow()
    dress(app)
    window.show()
    gc.freeze()
    GarbageCollector(window)
    FirstPaint(window, partial(_begin, window, chosen))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: window.close())  # seen at the status bar's next look
    return app.exec()


def _begin(window: MainWindow, chosen: argparse.Namespace) -> None:
    window.begin()
    if chosen.recipe is not None:
        window.menus.open_recipe(chosen.recipe)
    if chosen.screenshot is not None:
        from gui.screenshot import Photographer

        Photographer(window, chosen.screenshot)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bozzetto gui", description="Open the window.")
    parser.add_argument("recipe", nargs="?", type=Path, help="a recipe to open")
    parser.add_argument("--style", choices=("light", "dark", "system"), help="colours, this time only")
    parser.add_argument("--screenshot", type=Path, metavar="FILE", help="run, save a picture of the window, and close")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
