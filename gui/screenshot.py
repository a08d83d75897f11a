"""A picture of the real window after a real run: starts it, runs what is set, saves, closes.

`python -m gui --screenshot FILE.png`, as the README's picture is made (`make screenshot`).
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QApplication

from engine.events import Event, RunFinished
from gui.recipe_panel.run_bar import State
from gui.window import MainWindow

SIZE = (1440, 900)
LOOK_MS = 200
SETTLE_MS = 1500
"""After the verdict the plots draw one after the other."""


class Photographer(QObject):
    """Presses Run once the engine has answered, and takes the picture when the run has ended."""

    def __init__(self, window: MainWindow, path: Path) -> None:
        super().__init__(window)
        self._window, self._path = window, path
        window.resize(*SIZE)
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._run_when_ready)
        self._timer.start()
        window.worker.happened.connect(self._on_event)

    def _run_when_ready(self) -> None:
        bar = self._window.recipe.run_bar
        if self._window.session.profile is not None and bar.state is State.READY:
            self._timer.stop()
            self._window.conductor.run()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, RunFinished):
            QTimer.singleShot(SETTLE_MS, self._take)

    def _take(self) -> None:
        saved = self._window.grab().save(str(self._path), "PNG")
        self._window.close()
        QApplication.exit(0 if saved else 1)
