"""What the engine says and what the state becomes, brought to the parts of the window that show it.

Connected in `MainWindow._connect_signals`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from engine.events import Event, Measured, Note, Progress, RunFinished
from engine.models.metering import DOWNLOADING
from engine.models.profile import Profile
from engine.run import Run, Status
from engine.techniques import estimates
from gui.recipe_panel.run_bar import State
from gui.session import changed_steps, refusal_of

if TYPE_CHECKING:
    from gui.window import MainWindow


class News(QObject):
    """One method for each thing that is told."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._session, self._worker, self._questions = window.session, window.worker, window.questions
        self._say = window.conductor.say
        self._problems = False

    # -- the engine

    def greet(self) -> None:
        """A process is there: ask it about the recipe."""
        self._window.log.add(self.tr("The engine has started."))
        self._questions.all_about(self._session.recipe)

    def mourn(self, why: str, was_running: bool) -> None:
        """The process is gone; the next one is on its way."""
        self._window.log.add(why, "error")
        self._session.refresh()
        if was_running:
            self._say(why + " " + self.tr("The run has ended; a new engine is ready."), "error")
            self._window.verdict.set_idle(self.tr("The run ended before it was done."))
            self._session.select(self._session.runs[0].id if self._session.runs else None)
        else:
            self._say(why + " " + self.tr("A new engine is ready."), "warning")

    def give_up(self, why: str) -> None:
        """The engine does not start here."""
        self._window.log.add(why, "error")
        self._say(why, "error", (self.tr("Try again"), self._worker.restart))

    def on_event(self, event: Event) -> None:
        """A run's end selects it; a warning is shown as well as logged."""
        if isinstance(event, RunFinished):
            self._finish(event.run)
        elif isinstance(event, Note) and event.level == "warning":
            self._say(event.text, "warning")
        elif isinstance(event, Progress) and event.message == DOWNLOADING and not self._worker.running:
            self._window.recipe.model.show_download(event.done, event.total)

    def take_profile(self, profile: Profile, reply: dict[str, Any]) -> None:
        """What the engine read of the model."""
        self._session.set_profile(profile)
        notes = [str(note) for note in reply.get("notes") or ()]
        self._window.recipe.model.set_notes(notes)
        for note in notes:
            self._window.log.add(note, "warning")

    def take_data(self, found: dict[str, Any]) -> None:
        """What the engine read of the data."""
        self._window.recipe.data.set_inspection(found)
        self._session.set_task(found.get("task"))

    def take_preflight(self, figures: dict[str, Any]) -> None:
        """Time, memory, disk, and what stands in the way."""
        self._problems = bool(figures.get("problems"))
        if self._refusal() is None:
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
            case "export" if self._window.conductor.dialog is not None:
                self._window.conductor.dialog.show_refusal(sentence)

    # -- the state

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
        refusal = self._refusal()
        if refusal is None:
            self._ask_preflight()
        else:
            self._window.recipe.run_bar.show_refusal(refusal)
        self._show_state()

    def show_selected(self, run: Run | None) -> None:
        """Another run is selected."""
        self._window.table.select(run.id if run else None)
        self._window.map.select(run.id if run else None)
        self._window.changed.set_run(run)
        self._questions.forget_try()
        self._window.try_it.set_run(run)
        if self._worker.running:
            return  # the banner and the plots belong to the run that is going
        self._window.layers.set_run(run)
        self._window.verdict.set_run(run)
        self._window.live.clear()
        if run is not None and run.baseline is not None:
            self._window.live.set_original(run.baseline)
        if run is not None and run.optimized is not None:
            told = Measured(subject="optimized", label="", measurement=run.optimized, comparison=run.comparison)
            self._window.live.on_event(told)

    def show_running(self, running: bool) -> None:
        """A run began or ended."""
        if running:
            self._window.recipe.run_bar.show_going()
            self._show_state()
        else:
            self.show_recipe()

    def _ask_preflight(self) -> None:
        bar = self._window.recipe.run_bar
        if self._worker.running:
            bar.show_going()
        else:
            bar.show_waiting()
            self._questions.preflight(self._session.recipe)

    def _finish(self, run: Run) -> None:
        self._session.refresh()
        self._session.select(run.id)
        self._window.verdict.set_run(run)  # a recipe refused at once leaves no record to select
        if run.status is Status.FAILED and run.reason:
            self._say(run.reason, "error")

    def _show_state(self) -> None:
        bar = self._window.recipe.run_bar
        if self._worker.running:
            if bar.state is not State.CANCELLING:
                bar.set_state(State.RUNNING)
            return
        refused = self._problems or self._refusal() is not None
        bar.set_state(State.REFUSED if refused else State.READY)

    def _refusal(self) -> str | None:
        return refusal_of(self._session.recipe, self._session.profile, self._session.task)
