"""What the window asks of the engine, and which answer belongs to which question.

A question asked again makes the earlier one stale: its late answer is dropped. What the engine lost
by dying is refused; the next process is asked anew for all that the window shows.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from engine.events import Event, Piece, Reply
from engine.models.profile import Profile
from engine.recipe import DataSource, Recipe
from gui.worker import Worker

PAUSE_MS = 250
"""Preflight is asked this long after the last change of the recipe."""


class Questions(QObject):
    """One method a question, one signal an answer; `refused` says what was asked and why not."""

    profile_read = Signal(Profile, dict)
    """The profile of the model asked about, and the engine's whole reply."""
    data_read = Signal(dict)
    preflight_read = Signal(dict)
    answered = Signal(dict)
    written = Signal(str, str)
    """A piece of what a model writes while it is tried: whose ("original" or "optimized"), and what."""
    exported = Signal(dict)
    refused = Signal(str, str)

    def __init__(self, worker: Worker, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worker = worker
        self._latest: dict[str, int] = {}
        self._recipe: Recipe | None = None
        self._pause = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._pause.timeout.connect(self._preflight_now)
        worker.replied.connect(self._take)
        worker.happened.connect(self._take_piece)

    def profile(self, model: str, trust: str | None) -> None:
        """What is in a model?"""
        self._ask_when_ready("profile", model=model, trust=trust)

    def data(self, data: str | DataSource) -> None:
        """What is in a data file?"""
        self._ask_when_ready("data", data=data if isinstance(data, str) else data.model_dump(mode="json"))

    def preflight(self, recipe: Recipe) -> None:
        """How long, how much memory and disk? Asked once the recipe has stood still for a moment."""
        self._recipe = recipe
        self._latest.pop("preflight", None)  # what is on its way is about another recipe
        self._pause.start()

    def try_it(self, run_id: str, text: str, settings: dict[str, Any]) -> None:
        """What do the original and the optimized model answer to this text?"""
        self._ask("try", run=run_id, text=text, settings=settings)

    def forget_try(self) -> None:
        """Another run is shown: what is still being answered is about the one before."""
        self._latest.pop("try", None)

    def export(self, run_id: str, runtime: str, folder: str) -> None:
        """Save a run's model for a runtime in a folder."""
        self._ask("export", run=run_id, format=runtime, folder=folder)

    def all_about(self, recipe: Recipe) -> None:
        """Ask a new process for everything that the window shows of a recipe."""
        self.profile(recipe.model, recipe.trust_remote_code)
        self.data(recipe.data)
        self.preflight(recipe)

    def _preflight_now(self) -> None:
        if self._recipe is not None:
            self._ask_when_ready("preflight", recipe=self._recipe.model_dump(mode="json"))

    def _ask_when_ready(self, kind: str, **fields: Any) -> None:
        """A process that is not there yet will be asked `all_about` the recipe as soon as it is."""
        if self._worker.ready:
            self._ask(kind, **fields)

    def _ask(self, kind: str, **fields: Any) -> None:
        self._latest[kind] = self._worker.ask(kind, **fields)

    def _take(self, reply: Reply) -> None:
        kind = next((kind for kind, number in self._latest.items() if number == reply.id), None)
        if kind is None:
            return
        del self._latest[kind]
        if reply.value is None:
            self.refused.emit(kind, reply.refused)
        else:
            self._tell(kind, reply.value)

    def _take_piece(self, event: Event) -> None:
        if isinstance(event, Piece) and event.id == self._latest.get("try"):
            self.written.emit(event.side, event.text)

    def _tell(self, kind: str, value: dict[str, Any]) -> None:
        if kind == "profile":
            self.profile_read.emit(Profile.model_validate(value["profile"]), value)
        else:
            self._signals()[kind].emit(value)

    def _signals(self) -> dict[str, Any]:
        return {
            "data": self.data_read,
            "preflight": self.preflight_read,
            "try": self.answered,
            "export": self.exported,
        }
