"""What happens upon a signal when it concerns several parts of the window at once.

Connected in `MainWindow._connect_signals`; holds no state but the export dialog that is open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from engine.errors import Refused
from engine.events import Event, Measured, Note, RunFinished
from engine.models.profile import Profile
from engine.run import Run, Status
from engine.techniques import estimates
from gui.recipe_panel.run_bar import State
from gui.session import changed_steps, refusal_of

if TYPE_CHECKING:
    from gui.export import ExportDialog
    from gui.window import MainWindow


class Conductor(QObject):
    """One method for each thing that happens."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._session, self._worker, self._questions = window.session, window.worker, window.questions
        self.dialog: ExportDialog | None = None
        self._problems = False

    # -- what the person does

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

    def try_it(self, text: str) -> None:
        """Ask both models of the selected run."""
        run = self._session.selected
        if run is None:
            return
        if self._worker.running:
            self._window.try_it.show_refusal(self.tr("A run is going. Ask again when it has ended."))
            return
        self._window.try_it.set_busy(True)
        self._questions.try_it(run.id, text)

    # -- what the engine says

    def greet(self) -> None:
        """A process is there: ask it about the recipe."""
        self._window.log.add(self.tr("The engine has started."))
        self._questions.all_about(self._session.recipe)

    def mourn(self, why: str, was_running: bool) -> None:
        """The process is gone; the next one is on its way."""
        self._window.log.add(why, "error")
        self._session.refresh()
        if was_running:
            self.say(why + " " + self.tr("The run has ended; a new engine is ready."), "error")
            self._window.verdict.set_idle(self.tr("The run ended before it was done."))
            self._session.select(self._session.runs[0].id if self._session.runs else None)
        else:
            self.say(why + " " + self.tr("A new engine is ready."), "warning")

    def give_up(self, why: str) -> None:
        """The engine does not start here."""
        self._window.log.add(why, "error")
        self.say(why, "error", (self.tr("Try again"), self._worker.restart))

    def on_event(self, event: Event) -> None:
        """A run's end selects it; a warning is shown as well as logged."""
        if isinstance(event, RunFinished):
            self._finish(event.run)
        elif isinstance(event, Note) and event.level == "warning":
            self.say(event.text, "warning")

    def take_profile(self, profile: Profile, reply: dict[str, Any]) -> None:
        """What the engine read of the model."""
        self._session.set_profile(profile)
        for note in reply.get("notes") or ():
            self._window.log.add(note, "warning")

    def take_data(self, found: dict[str, Any]) -> None:
        """What the engine read of the data."""
        self._window.recipe.data.set_inspection(found)

    def take_preflight(self, figures: dict[str, Any]) -> None:
        """Time, memory, disk, and what stands in the way."""
        self._problems = bool(figures.get("problems"))
        if refusal_of(self._session.recipe, self._session.profile) is None:
            self._window.recipe.run_bar.show_preflight(figures)
        self._show_state()

    def refused(self, kind: str, sentence: str) -> None:
        """The engine could not answer: the sentence goes where the answer would have gone."""
        panel = self._window.recipe
        match kind:
            case "profile":
                panel.refuse_model(sentence)
            case "data":
                panel.data.set_refusal(sentence)
            case "preflight":
                self._problems = True
                panel.run_bar.show_refusal(sentence)
                self._show_state()
            case "try":
                self._window.try_it.show_refusal(sentence)
            case "export" if self.dialog is not None:
                self.dialog.show_refusal(sentence)

    # -- what the state shows

    def ask_profile(self, model: str) -> None:
        """Another model was chosen."""
        self._questions.profile(model, self._session.recipe.trust_remote_code)

    def show_recipe(self) -> None:
        """The recipe or its model's profile changed: foretell, and ask whether it can run."""
        recipe, profile = self._session.recipe, self._session.profile
        found = estimates(recipe.steps, profile) if profile is not None else []
        self._window.live.set_estimate(found[-1] if found else None, profile)
        self._window.layers.set_profiles(profile, changed_steps(recipe, profile) if profile else None)
        self._problems = False
        refusal = refusal_of(recipe, profile)
        if refusal is None:
            self._window.recipe.run_bar.show_waiting()
            self._questions.preflight(recipe)
        else:
            self._window.recipe.run_bar.show_refusal(refusal)
        self._show_state()

    def show_selected(self, run: Run | None) -> None:
        """Another run is selected."""
        self._window.table.select(run.id if run else None)
        self._window.map.select(run.id if run else None)
        self._window.changed.set_run(run)
        self._window.try_it.set_run(run)
        if self._worker.running:
            return  # the banner and the plots belong to the run that is going
        self._window.verdict.set_run(run)
        self._window.live.clear()
        if run is not None and run.baseline is not None:
            self._window.live.set_original(run.baseline)
        if run is not None and run.optimized is not None:
            told = Measured(subject="optimized", label="", measurement=run.optimized, comparison=run.comparison)
            self._window.live.on_event(told)

    def show_running(self, running: bool) -> None:
        """A run began or ended."""
        self._show_state()
        if not running:
            self._questions.preflight(self._session.recipe)

    def say(self, text: str, level: str, action: tuple[str, Any] | None = None) -> None:
        """A sentence in the message bar and in the log."""
        self._window.message.say(text, level, action)
        self._window.log.add(text, "error" if level == "error" else "warning")

    def _finish(self, run: Run) -> None:
        self._session.refresh()
        self._session.select(run.id)
        self._window.verdict.set_run(run)  # a recipe refused at once leaves no record to select
        if run.status is Status.FAILED and run.reason:
            self.say(run.reason, "error")

    def _show_state(self) -> None:
        bar = self._window.recipe.run_bar
        if self._worker.running:
            if bar.state is not State.CANCELLING:
                bar.set_state(State.RUNNING)
            return
        refused = self._problems or refusal_of(self._session.recipe, self._session.profile) is not None
        bar.set_state(State.REFUSED if refused else State.READY)

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
