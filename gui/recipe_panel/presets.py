"""The four ready-made recipes, as buttons; the one that the recipe equals is lit."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QPushButton, QSizePolicy, QWidget

from engine.models.profile import Profile
from engine.presets import PRESETS, Preset, presets_for
from engine.recipe import Recipe
from gui.session import misplaced


class PresetBar(QWidget):
    """Two rows of two, as they are for the task and the model at hand."""

    chosen = Signal(Preset)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._task: str | None = None
        self._profile: Profile | None = None
        self._recipe: Recipe | None = None
        self.presets = {preset.name: preset for preset in PRESETS}
        self.buttons = {preset.name: self._button(preset) for preset in PRESETS}
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        for index, button in enumerate(self.buttons.values()):
            layout.addWidget(button, index // 2, index % 2)

    def set_recipe(self, recipe: Recipe) -> None:
        """Light the preset that this recipe is."""
        self._recipe = recipe
        for name, preset in self.presets.items():
            self.buttons[name].setChecked(applied(preset, recipe) == recipe)

    def set_task(self, task: str | None) -> None:
        """What the data are for; None until it is known."""
        self._task = task
        self._renew()

    def set_profile(self, profile: Profile | None) -> None:
        """The model that the presets are meant for; None until it is known."""
        self._profile = profile
        self._renew()

    def _renew(self) -> None:
        self.presets = {preset.name: preset for preset in presets_for(self._task, self._profile)}
        for name, preset in self.presets.items():
            self.buttons[name].setToolTip(preset.summary)
        if self._recipe is not None:
            self.set_recipe(self._recipe)

    def _button(self, preset: Preset) -> QPushButton:
        button = QPushButton(preset.title)
        button.setCheckable(True)
        button.setToolTip(preset.summary)
        button.setAccessibleName(self.tr("Preset: {0}").format(preset.title))
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.clicked.connect(lambda: self._choose(preset.name))
        return button

    def _choose(self, name: str) -> None:
        self.buttons[name].setChecked(True)  # a click on the lit one would put it out
        self.chosen.emit(self.presets[name])


def applied(preset: Preset, recipe: Recipe, task: str | None = None) -> Recipe:
    """The recipe with the preset's steps and limits; what prepares its original stays, if it is for the task."""
    kept = tuple(step for step in recipe.steps if step.prepares and not misplaced(type(step), task))
    return recipe.model_copy(update={"steps": kept + preset.steps, "limits": preset.limits})
