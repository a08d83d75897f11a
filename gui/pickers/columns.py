"""Which column holds the text and which the label; left empty, the engine finds them."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QWidget


class Columns(QWidget):
    """Two lists that can also be typed into: where reading failed there is nothing to list."""

    value_changed = Signal(object, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = self._list(self.tr("Column with the text"), self.tr("The column that the model reads."))
        self.label = self._list(self.tr("Column with the label"), self.tr("The column with the right answer."))
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addRow(self.tr("Text"), self.text)
        layout.addRow(self.tr("Label"), self.label)

    def set_choices(self, columns: Sequence[str]) -> None:
        """The columns that there are."""
        for box in (self.text, self.label):
            box.clear()
            box.addItems(list(columns))

    def set_value(self, text: str | None, label: str | None) -> None:
        """Show names; None is "found by the engine"."""
        self.text.setEditText(text or "")
        self.label.setEditText(label or "")

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

    def _tell(self) -> None:
        self.value_changed.emit(self.text.currentText().strip() or None, self.label.currentText().strip() or None)
