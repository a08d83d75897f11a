"""The techniques' cards, top to bottom in the order in which they run."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from engine.models.profile import Profile
from engine.technique import Technique
from engine.techniques import TECHNIQUES, estimates
from gui.recipe_panel.card import Card
from gui.session import misplaced
from gui.task_words import CLASSIFICATION


def arranged(steps: Sequence[Technique]) -> list[tuple[type[Technique], Technique | None]]:
    """A card for each step in its own order, and an empty one for each technique not used.

    A recipe from a file may use a technique twice or in another order than the registry's; the
    empty cards are put where they would run.
    """
    cards: list[tuple[type[Technique], Technique | None]] = [(type(step), step) for step in steps]
    rank = TECHNIQUES.index
    for technique in TECHNIQUES:
        if all(kind is not technique for kind, _ in cards):
            later = (i for i, (kind, _) in enumerate(cards) if rank(kind) > rank(technique))
            cards.insert(next(later, len(cards)), (technique, None))
    return cards


class Cards(QWidget):
    """Speaks a recipe's `steps`. A step is foretold on what the steps before it leave."""

    value_changed = Signal(tuple)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._profile: Profile | None = None
        self._task: str | None = None
        self._waiting = self.tr("Reading the model…")
        self.cards: list[Card] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(8)
        self.set_value(())

    def value(self) -> tuple[Technique, ...]:
        """The steps of the cards that are on."""
        return tuple(value for card in self.cards if (value := card.value()) is not None)

    def set_value(self, steps: tuple[Technique, ...]) -> None:
        """Show these steps."""
        wanted = arranged(steps)
        if [kind for kind, _ in wanted] != [card.technique for card in self.cards]:
            self._rebuild([kind for kind, _ in wanted])
        for card, (_, step) in zip(self.cards, wanted, strict=True):
            if card.value() != step:
                card.set_value(step)
        self._foretell()

    def set_profile(self, profile: Profile | None, waiting: str | None = None) -> None:
        """The model that the steps begin with; None until it is known (`waiting` says why)."""
        self._profile = profile
        self._waiting = waiting or self.tr("Reading the model…")
        self._foretell()

    def set_task(self, task: str | None) -> None:
        """What the data are for; None until it is known."""
        self._task = task
        self._foretell()

    def _rebuild(self, kinds: list[type[Technique]]) -> None:
        for card in self.cards:
            self._layout.removeWidget(card)
            card.deleteLater()
        self.cards = [Card(kind) for kind in kinds]
        for card in self.cards:
            card.value_changed.connect(self._tell)
            self._layout.addWidget(card)

    def _tell(self) -> None:
        self.value_changed.emit(self.value())

    def _foretell(self) -> None:
        for card in self.cards:
            card.setVisible(card.value() is not None or not self._is_needless(card.technique))
            card.set_misplaced(misplaced(card.technique, self._task))
        on = [card for card in self.cards if card.value() is not None]
        if self._profile is None:
            for card in on:
                card.set_refusal(None)
                card.show_nothing(self._waiting)
            return
        profile = self._profile
        for card, estimate in zip(on, estimates(self.value(), profile), strict=True):
            step = card.form.value()
            card.set_refusal(step.refusal(profile))
            card.show_estimate(estimate, self._profile.original_bytes)
            profile = step.after(profile)

    def _is_needless(self, technique: type[Technique]) -> bool:
        """A head is offered where there is none and the data have labels to choose among."""
        if not technique.prepares or misplaced(technique, self._task):
            return False
        return self._profile is None or self._profile.has_head or self._task not in (None, CLASSIFICATION)
