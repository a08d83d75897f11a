"""One model's answer in the tab "Try it", as its task has it: a label, a text that grows, or a ranked list."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QVBoxLayout

from gui.label import Label, base_pixels
from gui.numbers import count, milliseconds
from gui.plots.panel import Panel
from gui.tabs.choice_bars import ChoiceBars
from gui.tabs.ranked_list import ONLY_HERE, RankedList, moves
from gui.theme import THEME, colors

END_OF_TEXT = "\x1e"
"""What stands between the starter's texts."""


class Answer(Panel):
    """Who answers, how fast, and beneath it the answer. A kind of answer fills `column`."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self.who = Label(title, role="muted", bold=True)
        self.time = Label(role="muted")
        top = QHBoxLayout()
        top.addWidget(self.who, 1)
        top.addWidget(self.time)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(14, 10, 14, 10)
        self.column.addLayout(top)

    def clear(self, which: str = "") -> None:
        """No answer yet; `which` says which model this is."""
        self.who.setText(f"{self._title}  {which}" if which else self._title)
        self.time.setText("")

    def begin(self, text: str) -> None:
        """A text is being asked."""

    def add_piece(self, piece: str) -> None:
        """A piece of a written answer."""

    def show_answer(self, answer: dict[str, Any], other: dict[str, Any], role: str) -> None:
        """The whole answer; `other` is the other model's, `role` the colour of what is said of the two."""


class LabelAnswer(Answer):
    """A classifier's: its first choice, and how sure it is of each."""

    def __init__(self, title: str, role: str) -> None:
        super().__init__(title)
        self.answer = Label("–", scale=1.7, bold=True)
        self.bars = ChoiceBars(role)
        self.column.addWidget(self.answer)
        self.column.addWidget(self.bars)

    def clear(self, which: str = "") -> None:
        """A dash."""
        super().clear(which)
        self.answer.setText("–")
        self.answer.set_role("muted")
        self.bars.show_choices([])

    def show_answer(self, answer: dict[str, Any], other: dict[str, Any], role: str) -> None:
        """Answer, time in ms, choices."""
        self.answer.setText(str(answer["answer"]))
        self.answer.set_role(role)
        self.time.setText(milliseconds(float(answer["ms"])))
        self.bars.show_choices([(str(label), float(share)) for label, share in answer["choices"]])
        self.setAccessibleName(f"{self._title}: {answer['answer']}")


class RankedAnswer(Answer):
    """An embedder's: the nearest texts, those marked that the other model does not have."""

    def __init__(self, title: str, role: str) -> None:
        super().__init__(title)
        self._is_original = role == "original"
        self.list = RankedList(role)
        self.column.addWidget(self.list)

    def clear(self, which: str = "") -> None:
        """An empty list."""
        super().clear(which)
        self.list.show_rows([])

    def show_answer(self, answer: dict[str, Any], other: dict[str, Any], role: str) -> None:
        """The list, its likenesses, and what differs from the other one."""
        names = [str(name) for name, _ in answer["choices"]]
        marks = moves([str(name) for name, _ in other["choices"]], names)
        if self._is_original:  # its places are those that the other's moved from
            marks = [mark if mark == ONLY_HERE else "" for mark in marks]
        likeness = (float(share) for _, share in answer["choices"])
        self.list.show_rows(list(zip(names, likeness, marks, strict=True)))
        self.time.setText(milliseconds(float(answer["ms"])))
        self.setAccessibleName(f"{self._title}: {', '.join(names)}")


class WrittenAnswer(Answer):
    """A language model's: the beginning as it was typed, and what it writes behind it as it comes."""

    def __init__(self, title: str, role: str) -> None:
        super().__init__(title)
        self._prompt, self._told, self._parts = "", "", 0
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setFrameStyle(0)
        self.text.setStyleSheet("background: transparent; border: none; padding: 0;")
        self.text.setMinimumHeight(base_pixels() * 8)
        self.text.setAccessibleName(self.tr("What the model writes: {0}").format(title))
        self.text.setToolTip(
            self.tr("Your beginning, and what this model writes behind it. Marked: where the two part.")
        )
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.column.addWidget(self.text, 1)
        THEME.changed.connect(self._write_anew)

    @property
    def written(self) -> str:
        """What the model has written so far."""
        return self._told

    def clear(self, which: str = "") -> None:
        """No text."""
        super().clear(which)
        self.begin("")

    def begin(self, text: str) -> None:
        """The beginning alone."""
        self._prompt, self._told, self._parts = text, "", -1
        self.time.setText("")
        self._write_anew()

    def add_piece(self, piece: str) -> None:
        """What came is written behind the rest."""
        piece = piece.replace(END_OF_TEXT, "\n")
        self._told += piece
        self._insert(piece, "text")
        bar = self.text.verticalScrollBar()
        bar.setValue(bar.maximum())

    def show_answer(self, answer: dict[str, Any], other: dict[str, Any], role: str) -> None:
        """The whole text, marked from where the two part, and how fast it was written."""
        self._told = str(answer["text"]).replace(END_OF_TEXT, "\n")
        self._parts = len(agreed(str(answer["text"]), str(other["text"]))) if role != "text" else -1
        tokens = len(answer["ids"])
        rate = self.tr("{0} tokens/s").format(count(float(answer["per_second"])))
        self.time.setText(
            self.tr("{0} tokens, {1}").format(count(tokens), rate) if tokens else self.tr("wrote nothing")
        )
        self.setAccessibleName(f"{self._title}: {self._told}")
        self._write_anew()

    def _write_anew(self) -> None:
        self.text.clear()
        self._insert(self._prompt, "muted")
        parts = len(self._told) if self._parts < 0 else self._parts
        self._insert(self._told[:parts], "text")
        self._insert(self._told[parts:], "warning")

    def _insert(self, text: str, role: str) -> None:
        style = QTextCharFormat()
        style.setForeground(QColor(getattr(colors(), role)))
        cursor = QTextCursor(self.text.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(text, style)


def agreed(first: str, second: str) -> str:
    """The whole words with which two texts begin alike."""
    pairs = zip(first, second, strict=False)
    same = next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(first), len(second)))
    if all(same == len(text) or text[same].isspace() for text in (first, second)):
        return first[:same]
    return first[: first.rfind(" ", 0, same) + 1]
