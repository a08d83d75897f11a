"""The foot of the column, always in sight: what the run will take, and the button that begins it."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from gui.numbers import megabytes
from gui.theme import restyle
from gui.words import rough_duration


class State(Enum):
    """What the button does."""

    READY = auto()
    REFUSED = auto()
    RUNNING = auto()
    CANCELLING = auto()


class RunBar(QWidget):
    """Run becomes Cancel while a run is going."""

    run = Signal()
    cancel = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("run_bar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._state = State.READY
        self.line = QLabel(wordWrap=True)
        self.button = QPushButton()
        self.button.setMinimumHeight(42)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 10, 16, 14)
        layout.setSpacing(8)
        layout.addWidget(self.line)
        layout.addWidget(self.button)
        self.button.clicked.connect(self._pressed)
        self.show_waiting()
        self._show_state()

    @property
    def state(self) -> State:
        """What the button does now."""
        return self._state

    def set_state(self, state: State) -> None:
        """Change what the button does."""
        if state is not self._state:
            self._state = state
            self._show_state()

    def show_waiting(self) -> None:
        """The preflight figures are on their way."""
        self._say(self.tr("Working out time, memory and disk…"), "small")

    def show_going(self) -> None:
        """A run is going: the engine answers no other question until it has ended."""
        self._say(self.tr("Running. What you change now is for the next run."), "small")

    def show_preflight(self, figures: dict[str, Any]) -> None:
        """Time, memory and disk; or, in red, what stands in the way."""
        problems = figures.get("problems") or []
        if problems:
            self._say("\n".join(problems), "bad")
            return
        text = self.tr("Takes {0}, {1} of memory and {2} of disk.")
        memory, disk = megabytes(figures["memory_bytes"]), megabytes(figures["disk_bytes"])
        self._say(text.format(rough_duration(figures["seconds"]), memory, disk), "small")

    def show_refusal(self, sentence: str) -> None:
        """Why the recipe cannot run."""
        self._say(sentence, "bad")

    def _say(self, text: str, kind: str) -> None:
        self.line.setText(text)
        if self.line.property("class") != kind:
            self.line.setProperty("class", kind)
            restyle(self.line)

    def _pressed(self) -> None:
        (self.cancel if self._state is State.RUNNING else self.run).emit()

    def _show_state(self) -> None:
        going = self._state in (State.RUNNING, State.CANCELLING)
        texts = {State.RUNNING: self.tr("Cancel"), State.CANCELLING: self.tr("Cancelling…")}
        helps = {
            State.RUNNING: self.tr("Stop this run (Esc). Nothing of the original is touched."),
            State.REFUSED: self.tr("This recipe cannot run; the line above says why."),
        }
        ready = self.tr("Make the model smaller, measure it, and say in words what that cost (Ctrl+R).")
        self.button.setText(texts.get(self._state, self.tr("Run")))
        self.button.setAccessibleName(self.button.text())
        self.button.setToolTip(helps.get(self._state, ready))
        self.button.setEnabled(self._state in (State.READY, State.RUNNING))
        self.button.setProperty("class", "stop" if going else "primary")
        restyle(self.button)
