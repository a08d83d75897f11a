"""Type a text and see what both models say to it, how sure they are and how long they took."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from engine.run import Run
from gui.label import Label
from gui.numbers import milliseconds, ratio
from gui.plots.panel import Panel
from gui.runs.words import heading
from gui.tabs.choice_bars import ChoiceBars


class TryIt(QWidget):
    """`asked` carries the text; the answer comes back through `show_answer`."""

    asked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: Run | None = None
        self._busy = False
        self.text = QLineEdit(self)
        self.button = QPushButton(self.tr("Ask both"), self)
        self.message = Label(role="muted", wrap=True)
        self.original = _Answer(self.tr("Original"), "original")
        self.optimized = _Answer(self.tr("Optimized"), "optimized")
        self._set_up()
        self._lay_out()
        self.set_run(None)

    def _set_up(self) -> None:
        self.text.setPlaceholderText(self.tr("a bird of prey that hunts at night"))
        self.text.setMaxLength(5000)
        self.text.setClearButtonEnabled(True)
        self.text.setAccessibleName(self.tr("Text to ask both models"))
        self.text.setToolTip(
            self.tr("Type a text as in your data, then press Enter. Leave it empty to try the example.")
        )
        self.button.setToolTip(self.tr("Asks the original and the optimized model the same text, one after the other."))
        self.button.setAccessibleName(self.tr("Ask both models"))
        self.text.returnPressed.connect(self._ask)
        self.button.clicked.connect(self._ask)

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self.text, 1)
        row.addWidget(self.button)
        answers = QHBoxLayout()
        answers.setSpacing(10)
        answers.addWidget(self.original, 1)
        answers.addWidget(self.optimized, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.message)
        layout.addLayout(answers)
        layout.addStretch(1)

    def set_run(self, run: Run | None) -> None:
        """The run whose model is asked; None where there is no model to ask."""
        self._run = run if run and run.optimized else None
        self.original.clear()
        self.optimized.clear(heading(run) if self._run and run else "")
        said = self.tr("Type a text, or press “Ask both” to try the example.")
        self._say(said if self._run else self.tr("Select a finished run to ask its model."), "muted")
        self._enable()

    def set_busy(self, busy: bool) -> None:
        """While the models think, nothing more can be asked."""
        self._busy = busy
        if busy:
            self._say(self.tr("Asking both models…"), "muted")
        self._enable()

    def show_answer(self, answer: dict[str, Any]) -> None:
        """Both answers, side by side."""
        self.set_busy(False)
        before, after = answer["original"], answer["optimized"]
        same = before["answer"] == after["answer"]
        self.original.show_answer(before, "text")
        self.optimized.show_answer(after, "good" if same else "warning")
        verdict = self.tr("Same answer") if same else self.tr("Different answers")
        times = before["ms"] / after["ms"] if after["ms"] > 0 else 1.0
        self._say(f"{verdict}{self._speed(times)}", "good" if same else "warning")

    def show_refusal(self, reason: str) -> None:
        """Why there is no answer."""
        self.set_busy(False)
        self._say(reason, "bad")

    def _speed(self, times: float) -> str:
        if times >= 1.05:
            return self.tr(", {0} faster this time.").format(ratio(times))
        return self.tr(", {0} slower this time.").format(ratio(1 / times)) if times <= 0.95 else "."

    def _ask(self) -> None:
        if self._run is None or self._busy:
            return
        if not self.text.text().strip():
            self.text.setText(self.text.placeholderText())
        self.asked.emit(self.text.text().strip())

    def _say(self, text: str, role: str) -> None:
        self.message.setText(text)
        self.message.set_role(role)

    def _enable(self) -> None:
        self.text.setEnabled(self._run is not None)
        self.button.setEnabled(self._run is not None and not self._busy)


class _Answer(Panel):
    """One model's answer: who, what, how long, and its top choices."""

    def __init__(self, title: str, role: str) -> None:
        super().__init__()
        self._title = title
        self.who = Label(title, role="muted", bold=True)
        self.time = Label(role="muted")
        self.answer = Label("–", scale=1.7, bold=True)
        self.bars = ChoiceBars(role)
        top = QHBoxLayout()
        top.addWidget(self.who, 1)
        top.addWidget(self.time)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 10, 14, 10)
        layout.addLayout(top)
        layout.addWidget(self.answer)
        layout.addWidget(self.bars)

    def clear(self, which: str = "") -> None:
        """No answer yet; `which` says which model this is."""
        self.who.setText(f"{self._title}  {which}" if which else self._title)
        self.time.setText("")
        self.answer.setText("–")
        self.answer.set_role("muted")
        self.bars.show_choices([])

    def show_answer(self, answer: dict[str, Any], role: str) -> None:
        """Answer, time in ms, choices."""
        self.answer.setText(str(answer["answer"]))
        self.answer.set_role(role)
        self.time.setText(milliseconds(float(answer["ms"])))
        self.bars.show_choices([(str(label), float(share)) for label, share in answer["choices"]])
        self.setAccessibleName(f"{self._title}: {answer['answer']}")
