"""What the person does, where it concerns several parts of the window at once.

Connected in `MainWindow._connect_signals`; holds no state but the export dialog that is open.
What the engine says is `gui.news`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from engine.errors import Refused
from gui.recipe_panel.run_bar import State

if TYPE_CHECKING:
    from gui.export import ExportDialog
    from gui.window import MainWindow


class Conductor(QObject):
    """One method for each deed."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._session, self._worker, self._questions = window.session, window.worker, window.questions
        self.dialog: ExportDialog | None = None

    def run(self) -> None:
        """Begin a run of the recipe, if nothing stands in the way."""
        if self._window.recipe.run_bar.state is not State.READY:
            return
        recipe = self._session.recipe
        self._remember(recipe.model, recipe.source.path)
        self._window.message.hide()
        self._session.select(None)
        self._window.verdict.set_idle(self.tr("Starting…"))
        self._worker.run(recipe.model_dump(mode="json"))

    def cancel(self) -> None:
        """Stop the run that is going."""
        if self._worker.running:
            self._window.recipe.run_bar.set_state(State.CANCELLING)
        self._worker.cancel()

    def reuse(self, run_id: str) -> None:
        """Set the recipe column as it was for a run."""
        try:
            self._session.reuse(run_id)
        except Refused as refusal:
            self.say(str(refusal), "error")

    def delete(self, run_id: str) -> None:
        """Remove a run (the table has asked already)."""
        try:
            self._session.delete(run_id)
        except Refused as refusal:
            self.say(str(refusal), "error")

    def export(self, run_id: str) -> None:
        """Open the export dialog for a run."""
        run = next((run for run in self._session.runs if run.id == run_id), None)
        if run is None or run.optimized is None:
            self.say(self.tr("Select a finished run first: only what was measured can be exported."), "warning")
            return
        from gui.export import ExportDialog  # not needed before someone exports

        dialog = self.dialog = ExportDialog(run, self._window)
        dialog.asked.connect(self._questions.export)
        dialog.cancel.connect(self._worker.cancel)
        self._questions.exported.connect(dialog.show_result)
        self._worker.happened.connect(dialog.on_event)
        dialog.finished.connect(self._close_export)
        dialog.open()

    def export_selected(self) -> None:
        """The same for the selected run."""
        self.export(self._session.selected.id if self._session.selected else "")

    def try_it(self, text: str, settings: dict[str, Any]) -> None:
        """Ask both models of the selected run."""
        run = self._session.selected
        if run is None:
            return
        if self._worker.running:
            self._window.try_it.show_refusal(self.tr("A run is going. Ask again when it has ended."))
            return
        self._window.try_it.set_busy(True)
        self._questions.try_it(run.id, text, settings)

    def stop_trying(self) -> None:
        """Stop what the models write; a run that was begun meanwhile must not be stopped with it."""
        if not self._worker.running:
            self._worker.cancel()

    def say(self, text: str, level: str, action: tuple[str, Any] | None = None) -> None:
        """A sentence in the message bar and in the log."""
        self._window.message.say(text, level, action)
        self._window.log.add(text, "error" if level == "error" else "warning")

    def _remember(self, model: str, data: str) -> None:
        settings, panel = self._window.settings, self._window.recipe
        settings.add_recent("models", model)
        settings.add_recent("data", data)
        panel.model.set_recent(settings.recent("models"))
        panel.data.set_recent(settings.recent("data"))

    def _close_export(self) -> None:
        if self.dialog is not None:
            self._questions.exported.disconnect(self.dialog.show_result)
            self._worker.happened.disconnect(self.dialog.on_event)
            self.dialog.deleteLater()
            self.dialog = None
