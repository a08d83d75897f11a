"""The four ready-made recipes, as buttons; the one that the recipe equals is lit."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QPushButton, QSizePolicy, QWidget

from engine.presets import PRESETS, Preset
from engine.recipe import Recipe


class PresetBar(QWidget):
    """Two rows of two."""

    chosen = Signal(Preset)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buttons = {preset.name: self._button(preset) for preset in PRESETS}
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        for index, button in enumerate(self.buttons.values()):
            layout.addWidget(button, index // 2, index % 2)

    def set_recipe(self, recipe: Recipe) -> None:
        """Light the preset that this recipe is."""
        for preset in PRESETS:
            self.buttons[preset.name].setChecked(applied(preset, recipe) == recipe)

    def _button(self, preset: Preset) -> QPushButton:
        button = QPushButton(preset.title)
        button.setCheckable(True)
        button.setToolTip(preset.summary)
        button.setAccessibleName(self.tr("Preset: {0}").format(preset.title))
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.clicked.connect(lambda: self._choose(preset))
        return button

    def _choose(self, preset: Preset) -> None:
        self.buttons[preset.name].setChecked(True)  # a click on the lit one would put it out
        self.chosen.emit(preset)


def applied(preset: Preset, recipe: Recipe) -> Recipe:
    """The recipe with the preset's steps and limits; what prepares its original stays."""
    kept = tuple(step for step in recipe.steps if step.prepares)
    return recipe.model_copy(update={"steps": kept + preset.steps, "limits": preset.limits})
