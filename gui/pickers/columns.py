"""What the data are for and which column holds what; left empty, the engine finds both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QWidget

from gui.task_words import CLASSIFICATION, LANGUAGE, SIMILARITY, TASKS, words_for

USED = {
    CLASSIFICATION: ("text", "label"),
    SIMILARITY: ("text", "other", "score"),
    LANGUAGE: ("text",),
}


class Columns(QWidget):
    """Lists that can also be typed into: where reading failed there is nothing to list.

    Speaks a mapping: `task` and the columns `text`, `label`, `other` and `score`; None is "found by itself".
    """

    value_changed = Signal(dict)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.task = QComboBox()
        self.text = self._list(self.tr("Column with the text"), self.tr("The column that the model reads."))
        self.label = self._list(self.tr("Column with the label"), self.tr("The column with the right answer."))
        other = self.tr("The column with the text that belongs to it: a paraphrase, or what a question should find.")
        self.other = self._list(self.tr("Column with the other text"), other)
        score = self.tr("The column that says how alike the two are, if there is one.")
        self.score = self._list(self.tr("Column with the score"), score)
        self._boxes = {"text": self.text, "label": self.label, "other": self.other, "score": self.score}
        self._form = QFormLayout(self)
        self._lay_out()
        self.show_task(None)

    def _lay_out(self) -> None:
        self.task.addItem(self.tr("found by itself"), None)
        for name in TASKS:
            self.task.addItem(words_for(name).short, name)
        self.task.setAccessibleName(self.tr("What the data are for"))
        self.task.setToolTip(self.tr("What such data are for. It decides which columns are needed."))
        self.task.activated.connect(self._choose_task)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.addRow(self.tr("For"), self.task)
        names = (self.tr("Text"), self.tr("Label"), self.tr("Other text"), self.tr("Score"))
        for name, box in zip(names, self._boxes.values(), strict=True):
            self._form.addRow(name, box)

    def set_choices(self, columns: Sequence[str]) -> None:
        """The columns that there are."""
        for box in self._boxes.values():
            box.clear()
            box.addItems(list(columns))

    def set_value(self, value: Mapping[str, Any]) -> None:
        """Show names; None or "" is "found by the engine"."""
        for name, box in self._boxes.items():
            box.setEditText(value.get(name) or "")
        self.task.setCurrentIndex(max(0, self.task.findData(value.get("task"))))

    def show_task(self, task: str | None) -> None:
        """Only the columns that data for this task have."""
        self._used = USED.get(task or "", USED[CLASSIFICATION])
        for name, box in self._boxes.items():
            self._form.setRowVisible(box, name in self._used)

    def _list(self, name: str, help: str) -> QComboBox:
        box = QComboBox(editable=True)
        box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        box.setAccessibleName(name)
        box.setToolTip(help)
        entry = box.lineEdit()
        assert entry is not None  # an editable box has one
        entry.setPlaceholderText(self.tr("found by itself"))
        entry.setAccessibleName(name)
        entry.setToolTip(help)
        entry.returnPressed.connect(self._tell)
        box.activated.connect(self._tell)
        return box

    def _choose_task(self) -> None:
        """Columns found for another task mean nothing for this one."""
        self.value_changed.emit({"task": self.task.currentData()} | dict.fromkeys(self._boxes))

    def _tell(self) -> None:
        said = {name: box.currentText().strip() or None for name, box in self._boxes.items()}
        used = {name: said[name] if name in self._used else None for name in self._boxes}
        self.value_changed.emit({"task": self.task.currentData()} | used)
