"""python -m gui [RECIPE.yaml] [--style light|dark|system] [--screenshot FILE]

Opens the window before anything heavy.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from gui.settings import Settings
from gui.theme import CHOICES, use_choice
from gui.window import MainWindow


def main(arguments: Sequence[str] | None = None) -> int:
    """Open the window; the exit code of the application."""
    parser = argparse.ArgumentParser(prog="bozzetto gui", description="Open the window.")
    parser.add_argument("recipe", nargs="?", type=Path, help="a recipe to open")
    parser.add_argument("--style", choices=CHOICES, help="colours, this time only")
    parser.add_argument("--screenshot", type=Path, metavar="FILE", help="run, save a picture of the window, and close")
    chosen = parser.parse_args(arguments)
    app = QApplication([sys.argv[0]])
    app.setApplicationName("Bozzetto")
    app.setDesktopFileName("bozzetto")
    app.setStyle("Fusion")
    use_choice(app, chosen.style or Settings().theme)  # before any widget: each is styled once
    window = MainWindow()
    if chosen.recipe is not None:
        window.menus.open_recipe(chosen.recipe)
    window.show()
    QTimer.singleShot(0, window.begin)
    if chosen.screenshot is not None:
        from gui.screenshot import Photographer

        Photographer(window, chosen.screenshot)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: window.close())  # seen at the status bar's next look
    return app.exec()


if __name__ == "__main__":
    sys.exit(main())
