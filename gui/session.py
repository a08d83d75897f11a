"""The window's only mutable state: the recipe, its model's profile, its data's task, the runs, which one is selected.

Widgets show it and say what the person did; the window turns that into a call here; every change
is told by one signal. Nothing else is remembered anywhere.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal

from engine import store
from engine.models.profile import Profile
from engine.presets import PRESETS
from engine.recipe import Recipe, recipe_from
from engine.run import Run, Status
from engine.technique import Technique
from engine.techniques import TECHNIQUES
from gui.task_words import CLASSIFICATION, words_for

LOOK_AGAIN_MS = 1500
"""How often the runs' folder is looked at for what a file-system watcher does not tell."""


def first_recipe() -> Recipe:
    """What a new window begins with: the starter model, its data and the "Balanced" preset."""
    return Recipe(steps=PRESETS[0].steps, limits=PRESETS[0].limits)


class Session(QObject):
    """Recipe, profile, runs and selection; see the signals."""

    recipe_changed = Signal(Recipe)
    model_changed = Signal(str)
    data_changed = Signal(object)
    profile_changed = Signal(object)
    """The profile of the recipe's model, or None until it is known."""
    task_changed = Signal(object)
    """What the recipe's data are for, or None until that is known."""
    runs_changed = Signal(list)
    selected_changed = Signal(object)
    """The selected run, or None."""

    def __init__(self, recipe: Recipe, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.recipe = recipe
        self.profile: Profile | None = None
        self.task: str | None = None
        self.runs: list[Run] = []
        self.selected: Run | None = None
        self._seen: object = None
        self._watcher = QFileSystemWatcher(self)
        self._watcher.directoryChanged.connect(self.refresh)
        self._timer = QTimer(self, interval=LOOK_AGAIN_MS)
        self._timer.timeout.connect(self.refresh)

    def watch(self) -> None:
        """Begin to follow the runs' folder, which other windows and the command line write to as well."""
        folder = store.runs_folder()
        folder.mkdir(parents=True, exist_ok=True)
        self._watcher.addPath(str(folder))
        self._timer.start()
        self.refresh()

    def set_recipe(self, recipe: Recipe) -> None:
        """Take a recipe; a new model makes the old one's profile void."""
        before, self.recipe = self.recipe, recipe
        if recipe == before:
            return
        if recipe.model != before.model or recipe.trust_remote_code != before.trust_remote_code:
            self.set_profile(None)
            self.model_changed.emit(recipe.model)
        if recipe.data != before.data:
            self.set_task(None)
            self.data_changed.emit(recipe.data)
        self.recipe_changed.emit(recipe)

    def set_profile(self, profile: Profile | None) -> None:
        """What the engine read of the recipe's model."""
        self.profile = profile
        self.profile_changed.emit(profile)

    def set_task(self, task: str | None) -> None:
        """What the engine read of the recipe's data."""
        if task != self.task:
            self.task = task
            self.task_changed.emit(task)

    def select(self, run_id: str | None) -> None:
        """Select a run by its id; None, or an id that is not there, selects none."""
        found = next((run for run in self.runs if run.id == run_id), None)
        if found != self.selected:
            self.selected = found
            self.selected_changed.emit(found)

    def reuse(self, run_id: str) -> None:
        """Take the recipe of a run. Raises `Refused` where it can no longer be read."""
        for run in self.runs:
            if run.id == run_id:
                self.set_recipe(recipe_from(run.recipe, self.tr("The recipe of run {0}").format(run_id)))

    def delete(self, run_id: str) -> None:
        """Remove a run from disk. Raises `Refused` while it is going."""
        store.delete_run(run_id)
        self.refresh()

    def refresh(self) -> None:
        """Look at the disk; tell only if something changed."""
        seen = _signature(store.runs_folder())
        going = any(run.status is Status.RUNNING for run in self.runs)  # its process may have died
        if seen == self._seen and not going:
            return
        self._seen = seen
        runs = store.list_runs()
        if runs != self.runs:
            self.runs = runs
            self.runs_changed.emit(runs)
            self.select(self.selected.id if self.selected else None)


def changed_steps(recipe: Recipe, profile: Profile) -> Profile:
    """The profile that the recipe's steps leave behind."""
    for step in recipe.steps:
        profile = step.after(profile)
    return profile


def refusal_of(recipe: Recipe, profile: Profile | None, task: str | None) -> str | None:
    """Why this recipe cannot run on this model and data (one sentence), or None. What is unknown is not refused."""
    if profile is None:
        return None
    if task == CLASSIFICATION and not profile.has_head and not any(step.prepares for step in recipe.steps):
        preparing = next(technique for technique in TECHNIQUES if technique.prepares)
        return (
            "This model cannot classify yet: it has no layer that chooses among labels. "
            f"Switch on “{preparing.title}”, or choose another model."
        )
    for step in recipe.steps:
        sentence = misplaced(type(step), task) or step.refusal(profile)
        if sentence:
            return sentence
        profile = step.after(profile)
    return None


def misplaced(technique: type[Technique], task: str | None) -> str | None:
    """Why a technique is of no use for such data (one sentence), or None."""
    if task is None or not technique.tasks or task in technique.tasks:
        return None
    wanted = " / ".join(words_for(name).short.lower() for name in technique.tasks)
    return f"“{technique.title}” is for other data ({wanted}); yours: {words_for(task).short.lower()}."


def _signature(folder: Path) -> object:
    """Changes whenever a run comes, goes or writes its record; costs one `stat` a run."""
    found = []
    for own in sorted(folder.glob("*")):
        try:
            record = own / "run.json"
            found.append((own.name, record.stat().st_mtime_ns))
        except OSError:
            found.append((own.name, 0))
    return found
