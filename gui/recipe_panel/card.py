"""One technique: a switch, its controls, what it foretells, and why it cannot be had if it cannot."""

from __future__ import annotations

from functools import cached_property

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from engine.technique import Estimate, Technique
from gui.fields.switch import Switch
from gui.form import Form
from gui.recipe_panel.prediction import Prediction
from gui.theme import restyle


class Card(QFrame):
    """Speaks one technique, or None while it is switched off."""

    value_changed = Signal(object)

    def __init__(self, technique: type[Technique], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.technique = technique
        self.setProperty("class", "card")
        self.switch = Switch(technique.title, technique.summary)
        self.prediction = Prediction()
        self.refusal = QLabel(wordWrap=True)
        self.refusal.setVisible(False)
        self.refusal.setProperty("class", "warning")
        self.misplaced = QLabel(wordWrap=True)
        self.misplaced.setVisible(False)
        self.misplaced.setProperty("class", "small")
        self._body = QWidget()
        self._lay_out()
        self.switch.clicked.connect(self._switched)
        self.set_value(None)

    @cached_property
    def form(self) -> Form:
        """The controls; made when the card is first switched on, for most cards never are."""
        form = Form(self.technique)
        form.value_changed.connect(self.value_changed)
        self._body_layout.insertWidget(0, form)
        return form

    def value(self) -> Technique | None:
        """The technique as set, or None."""
        return self.form.value() if self.switch.isChecked() else None

    def set_value(self, technique: Technique | None) -> None:
        """Show a technique, or switch the card off (it keeps its settings for the next time)."""
        self.switch.setChecked(technique is not None)
        if technique is not None:
            self.form.set_value(technique)
        self._show_state()

    def show_estimate(self, estimate: Estimate, original_bytes: int) -> None:
        """What the recipe up to and with this card foretells."""
        self.prediction.show_estimate(estimate, original_bytes)

    def show_nothing(self, text: str) -> None:
        """Nothing can be foretold (yet): why."""
        self.prediction.show_nothing(text)

    def set_refusal(self, sentence: str | None) -> None:
        """Why this model cannot take it, or None."""
        self.refusal.setText(sentence or "")
        self.refusal.setVisible(sentence is not None)
        if self.property("refused") != (sentence is not None):
            self.setProperty("refused", sentence is not None)
            restyle(self)

    def set_misplaced(self, sentence: str | None) -> None:
        """Why it is of no use for these data, or None. It can then be switched off, but not on."""
        self.misplaced.setText(sentence or "")
        self.misplaced.setVisible(sentence is not None)
        self.switch.setEnabled(sentence is None or self.switch.isChecked())

    def _switched(self) -> None:
        value = self.value()
        self._show_state()
        self.value_changed.emit(value)

    def _show_state(self) -> None:
        on = self.switch.isChecked()
        self._body.setVisible(on)
        if not on:
            self.set_refusal(None)
        self.switch.setEnabled(on or not self.misplaced.text())
        if self.property("on") != on:
            self.setProperty("on", on)
            restyle(self)

    def _lay_out(self) -> None:
        title = QLabel(self.technique.title)
        title.setProperty("class", "title")
        technical = QLabel(self.technique.technical)
        technical.setProperty("class", "small")
        for label in (title, technical):
            label.setToolTip(self.technique.summary)
        names = QVBoxLayout()
        names.setSpacing(0)
        names.addWidget(title)
        names.addWidget(technical)
        top = QHBoxLayout()
        top.addLayout(names, 1)
        top.addWidget(self.switch, 0, Qt.AlignmentFlag.AlignTop)
        rule = QFrame()
        rule.setProperty("class", "rule")
        body = self._body_layout = QVBoxLayout(self._body)
        body.setContentsMargins(0, 4, 0, 0)
        body.setSpacing(10)
        for widget in (self.refusal, rule, self.prediction):
            body.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 11, 12, 11)
        layout.setSpacing(6)
        layout.addLayout(top)
        layout.addWidget(self.misplaced)
        layout.addWidget(self._body)
