"""Type a text and see what both models make of it, how sure they are and how long they took."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QStackedLayout, QVBoxLayout, QWidget

from engine.run import Run
from gui.label import Label, base_pixels
from gui.numbers import count, ratio
from gui.runs.words import data_in_words, heading
from gui.tabs.answers import Answer, LabelAnswer, RankedAnswer, WrittenAnswer, agreed
from gui.tabs.ranked_list import ONLY_HERE, moves
from gui.tabs.writing_settings import WritingSettings
from gui.task_words import CLASSIFICATION, LANGUAGE, SIMILARITY, task_of, words_for

KINDS: dict[str, type[LabelAnswer | WrittenAnswer | RankedAnswer]] = {
    CLASSIFICATION: LabelAnswer,
    LANGUAGE: WrittenAnswer,
    SIMILARITY: RankedAnswer,
}


class TryIt(QWidget):
    """`asked` carries text and settings; pieces and answers come back through `add_piece` and `show_answer`."""

    asked = Signal(str, dict)
    stopped = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: Run | None = None
        self._busy = self._stopping = self._loaded = False
        self._task, self._example, self._tried = CLASSIFICATION, "", ""
        self.text = QLineEdit(self)
        self.button, self.stop = QPushButton(self.tr("Ask both"), self), QPushButton(self.tr("Stop"), self)
        self.more = QPushButton(self.tr("Settings"), self)
        self.settings = WritingSettings(self)
        self.message = Label(role="muted", wrap=True)
        self._sides = {
            task: (kind(self.tr("Original"), "original"), kind(self.tr("Optimized"), "optimized"))
            for task, kind in KINDS.items()
        }
        self._pages = QStackedLayout()
        self._set_up()
        self._lay_out()
        self.set_run(None)

    @property
    def original(self) -> Answer:
        """The original's side, as the run's task has it."""
        return self._sides[self._task][0]

    @property
    def optimized(self) -> Answer:
        """The optimized model's side."""
        return self._sides[self._task][1]

    def _set_up(self) -> None:
        self.text.setMaxLength(5000)
        self.text.setClearButtonEnabled(True)
        self.text.setAccessibleName(self.tr("Text to ask both models"))
        self.text.setToolTip(
            self.tr("Type a text as in your data, then press Enter. Leave it empty to try the example.")
        )
        self.button.setToolTip(self.tr("Asks the original and the optimized model the same text, one after the other."))
        self.button.setAccessibleName(self.tr("Ask both models"))
        self.stop.setToolTip(self.tr("Stops the writing; what was written so far stays."))
        self.stop.setAccessibleName(self.tr("Stop the writing"))
        self.more.setCheckable(True)
        self.more.setMinimumWidth(self.more.sizeHint().width() + base_pixels())  # bold while it is pressed
        self.more.setToolTip(self.tr("How long the models write, and how daringly."))
        self.more.setAccessibleName(self.tr("Settings of the writing"))
        self.text.returnPressed.connect(self._ask)
        self.button.clicked.connect(self._ask)
        self.stop.clicked.connect(self._stop)
        self.more.toggled.connect(self.settings.setVisible)
        self.settings.setVisible(False)

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self.text, 1)
        for button in (self.more, self.stop, self.button):
            row.addWidget(button)
        for sides in self._sides.values():
            page = QWidget(self)  # a stack shows its first page at once: without a parent, as a window
            answers = QHBoxLayout(page)
            answers.setContentsMargins(0, 0, 0, 0)
            answers.setSpacing(10)
            for side in sides:
                answers.addWidget(side, 1)
            self._pages.addWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.settings)
        layout.addWidget(self.message)
        layout.addLayout(self._pages, 1)

    def set_run(self, run: Run | None) -> None:
        """The run whose model is asked; None where there is no model to ask."""
        self._run = run if run and run.optimized else None
        self._busy = self._stopping = self._loaded = False
        task = task_of(self._run)
        self._task = task if task in KINDS else CLASSIFICATION
        words = words_for(self._task)
        self._example, hint = words.example, words.example
        if run and self._task == LANGUAGE and data_in_words(run) == "definitions":
            self._example, hint = "bozzetto:", self.tr("a word followed by a colon, e.g. bozzetto:")
        if self.text.text() != self._example and self.text.text() in (self._tried, ""):
            self.text.clear()  # an example of another task
        self.text.setPlaceholderText(hint)
        self.button.setText(self.tr("Let both write") if self._task == LANGUAGE else self.tr("Ask both"))
        self._pages.setCurrentIndex(list(KINDS).index(self._task))
        for widget in (self.more, self.stop):
            widget.setVisible(self._task == LANGUAGE)
        self.settings.setVisible(self._task == LANGUAGE and self.more.isChecked())
        self.original.clear()
        self.optimized.clear(heading(run) if self._run and run else "")
        self._say(words.ask if self._run else self.tr("Select a finished run to ask its model."), "muted")
        self._enable()

    def set_busy(self, busy: bool) -> None:
        """While the models think, nothing more can be asked."""
        self._busy = busy
        if busy:
            self._stopping = False
            self._say(self._waiting(), "muted")
        self._enable()

    def add_piece(self, side: str, piece: str) -> None:
        """A piece of what one model writes."""
        if not self._loaded and self._busy:
            self._loaded = True
            self._say(self._waiting(), "muted")
        (self.original if side == "original" else self.optimized).add_piece(piece)

    def show_answer(self, answer: dict[str, Any]) -> None:
        """Both answers, side by side."""
        self.set_busy(False)
        self._loaded = True
        before, after = answer["original"], answer["optimized"]
        verdict, same = self._verdict(before, after)
        self.original.show_answer(before, after, "text")
        self.optimized.show_answer(after, before, "good" if same else "warning")
        self._say(verdict + self._speed(_times(before, after)), "good" if same else "warning")

    def show_refusal(self, reason: str) -> None:
        """Why there is no answer; a writing that was stopped is no fault."""
        self.set_busy(False)
        if self._stopping:
            self._say(self.tr("Stopped."), "muted")
        else:
            self._say(reason, "bad")

    def _waiting(self) -> str:
        """What is being waited for: a run's models are loaded when they are first asked."""
        if not self._loaded and self._task == SIMILARITY:
            return self.tr("Loading both models, which first read every text that can be found…")
        if not self._loaded:
            return self.tr("Loading both models…")
        return self.tr("Both write, one after the other…") if self._task == LANGUAGE else self.tr("Asking both models…")

    def _verdict(self, before: dict[str, Any], after: dict[str, Any]) -> tuple[str, bool]:
        """What can be said of two answers, and whether they are the same."""
        if self._task == LANGUAGE:
            same = before["text"] == after["text"]
            words = len(agreed(str(after["text"]), str(before["text"])).split())
            parted = self.tr("The same for the first {0} words, then they part").format(count(words))
            return (self.tr("Word for word the same") if same else parted), same
        if self._task == SIMILARITY:
            lists = [[str(name) for name, _ in side["choices"]] for side in (before, after)]
            new = moves(*lists).count(ONLY_HERE)
            if lists[0] == lists[1]:
                return self.tr("The same list"), True
            first = self.tr("The same text first") if lists[0][:1] == lists[1][:1] else self.tr("Another text first")
            return self.tr("{0}, {1} of {2} found only by one").format(first, count(new), count(len(lists[1]))), False
        same = before["answer"] == after["answer"]
        return (self.tr("Same answer") if same else self.tr("Different answers")), same

    def _speed(self, times: float) -> str:
        if times >= 1.05:
            return self.tr(", {0} faster this time.").format(ratio(times))
        return self.tr(", {0} slower this time.").format(ratio(1 / times)) if times <= 0.95 else "."

    def _ask(self) -> None:
        if self._run is None or self._busy:
            return
        if not self.text.text().strip():
            self.text.setText(self._example)
            self._tried = self._example
        text = self.text.text().strip()
        for side in (self.original, self.optimized):
            side.begin(text)
        self.asked.emit(text, self.settings.next() if self._task == LANGUAGE else {})

    def _stop(self) -> None:
        self._stopping = True
        self.stop.setEnabled(False)
        self.stopped.emit()

    def _say(self, text: str, role: str) -> None:
        self.message.setText(text)
        self.message.set_role(role)

    def _enable(self) -> None:
        self.text.setEnabled(self._run is not None)
        self.button.setEnabled(self._run is not None and not self._busy)
        self.stop.setEnabled(self._busy and not self._stopping)


def _times(before: dict[str, Any], after: dict[str, Any]) -> float:
    """How many times as fast the second answer came: by tokens a second where it was written, else by its time."""
    if "per_second" in before:
        return after["per_second"] / before["per_second"] if before["per_second"] and after["per_second"] else 1.0
    return before["ms"] / after["ms"] if after["ms"] > 0 else 1.0
