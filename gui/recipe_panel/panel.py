"""The left column as a whole: speaks one `Recipe`; shows what the engine says of it."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QScrollArea, QVBoxLayout, QWidget

from engine.models.profile import Profile
from engine.presets import Preset
from engine.recipe import Recipe
from engine.techniques.train_head import TrainHead
from gui.pickers.data import DataPicker
from gui.pickers.model import STARTER, ModelPicker, data_of
from gui.recipe_panel.cards import Cards
from gui.recipe_panel.limits import LimitsBox
from gui.recipe_panel.presets import PresetBar, applied
from gui.recipe_panel.run_bar import RunBar
from gui.session import misplaced
from gui.task_words import CLASSIFICATION, words_for

WIDTH = 384


class RecipePanel(QWidget):
    """Model, data, presets, one card a technique, limits; at the foot, always in sight, Run."""

    edited = Signal(Recipe)
    """The recipe as the person changed it; show it by `set_recipe`."""
    asked_again = Signal(str)
    """The model that is set was chosen once more: what failed may work now."""
    download_stopped = Signal()

    def __init__(self, recipe: Recipe, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("recipe_column")
        self.setFixedWidth(WIDTH)
        self._recipe = recipe
        self._task: str | None = None
        self._profile: Profile | None = None
        self._picked: Recipe | None = None
        self._whole = Recipe()
        self.model, self.data, self.presets = ModelPicker(), DataPicker(), PresetBar()
        self.cards, self.limits, self.run_bar = Cards(), LimitsBox(), RunBar()
        self._lay_out()
        self.model.chosen.connect(self._take_model)
        self.model.trusted.connect(lambda on: self._edit(trust_remote_code=self._recipe.model if on else None))
        self.model.download.stopped.connect(self._stop_download)
        self.data.chosen.connect(lambda data: self._pick(data=data))
        self.presets.chosen.connect(self._take_preset)
        self.cards.value_changed.connect(lambda steps: self._edit(steps=steps))
        self.limits.value_changed.connect(lambda limits: self._edit(limits=limits))
        self._show(recipe)
        self.set_profile(None)
        self.data.set_data(recipe.data)

    def set_recipe(self, recipe: Recipe) -> None:
        """Show a recipe."""
        before, self._recipe = self._recipe, recipe
        self._whole = recipe if self._profile is not None else self._whole
        if recipe.data != before.data:
            self.data.set_data(recipe.data)
        self._show(recipe)

    def set_profile(self, profile: Profile | None) -> None:
        """What the engine read of the model; None while it reads."""
        self._profile = profile
        self._whole = self._recipe if profile is not None else self._whole
        self.model.set_profile(profile)
        self.presets.set_profile(profile)
        self.cards.set_profile(profile)
        self._settle()

    def set_task(self, task: str | None) -> None:
        """What the data are for, as the engine read them; None while it reads."""
        self._task = task
        self.presets.set_task(task)
        self.cards.set_task(task)
        self.limits.set_loss(words_for(task).loss)
        self._settle()

    def refuse_model(self, sentence: str) -> None:
        """The model cannot be had."""
        self.model.set_refusal(sentence)
        self.cards.set_profile(None, self.tr("Nothing can be foretold without a model."))

    def _show(self, recipe: Recipe) -> None:
        self.model.set_model(recipe.model, trusted=recipe.trust_remote_code == recipe.model)
        self.presets.set_recipe(recipe)
        self.cards.set_value(recipe.steps)
        self.limits.set_value(recipe.limits)

    def _edit(self, **changes: Any) -> None:
        self.edited.emit(self._recipe.model_copy(update=changes))

    def _pick(self, **changes: Any) -> None:
        self._picked = self._recipe.model_copy(update=changes)
        self.edited.emit(self._picked)

    def _take_model(self, model: str) -> None:
        """A starter model brings the data that it is made for: the two always fit.

        A well-known one does so only in the place of other starter data: one's own data say what it is to do.
        """
        if model == self._recipe.model:
            self.model.set_profile(None)
            self.asked_again.emit(model)
            return
        if not self.model.download.isHidden():  # else the engine would fetch the whole of the one before first
            self.download_stopped.emit()
        data = data_of(model)
        own = not model.startswith(STARTER) and not self._recipe.source.path.startswith(STARTER)
        fitting = {"data": data} if data and not own else {}
        self._pick(model=model, trust_remote_code=None, **fitting)

    def _settle(self) -> None:
        """Once model and data that a person picked are known: teach a head where one is lacking, and only there.

        Steps that are for other data leave, for they could not be carried out. A recipe from a file stays as it is.
        """
        recipe, picked = self._recipe, self._picked
        if self._profile is None or self._task is None or picked is None:
            return
        self._picked = None
        if (recipe.model, recipe.data) != (picked.model, picked.data):
            return
        lacking = self._task == CLASSIFICATION and not self._profile.has_head
        fitting = tuple(step for step in recipe.steps if not misplaced(type(step), self._task))
        rest = tuple(step for step in fitting if not step.prepares)
        head = (fitting[: len(fitting) - len(rest)] or (TrainHead(),)) if lacking else ()
        if head + rest != recipe.steps:
            self._edit(steps=head + rest)

    def _stop_download(self) -> None:
        """Back to the last model that was there."""
        self.download_stopped.emit()
        self.edited.emit(self._whole)

    def _take_preset(self, preset: Preset) -> None:
        self.edited.emit(applied(preset, self._recipe, self._task))

    def _lay_out(self) -> None:
        content = QWidget()
        content.setObjectName("recipe_content")
        column = QVBoxLayout(content)
        column.setContentsMargins(14, 10, 6, 16)
        column.setSpacing(7)
        sections = (
            (self.tr("Model"), self.model),
            (self.tr("Data"), self.data),
            (self.tr("Ready-made recipes"), self.presets),
            (self.tr("What to do, in this order"), self.cards),
            (self.tr("Limits"), self.limits),
        )
        for title, widget in sections:
            column.addWidget(_section(title))
            column.addWidget(widget)
            column.addSpacing(7)
        column.addStretch(1)
        self.area = QScrollArea()
        self.area.setWidget(content)
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.area, 1)
        layout.addWidget(self.run_bar)


def _section(title: str) -> QLabel:
    label = QLabel(title)
    label.setProperty("class", "section")
    return label
