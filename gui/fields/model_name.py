"""A model by name: typed as on the Hub, or a folder that is chosen; empty is none."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from engine.technique import ModelName


class ModelNameField(QWidget):
    """Speaks one str. What is typed counts once it is entered, so that half a name is never looked for."""

    value_changed = Signal(str)

    def __init__(self, control: ModelName, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._value = ""
        self.entry = QLineEdit()
        self.entry.setPlaceholderText(self.tr("starter:NAME, a folder or a name on the Hub"))
        self.entry.setClearButtonEnabled(True)
        self.title = QLabel(control.title)
        self.title.setBuddy(self.entry)
        for widget in (self.entry, self.title):
            widget.setToolTip(control.help)
            widget.setAccessibleName(control.title)
        self.choose = QPushButton(self.tr("Choose folder…"))
        self.choose.setToolTip(self.tr("Choose a model folder on this computer (with config.json)."))
        self.choose.setAccessibleName(self.tr("{0}: choose a folder").format(control.title))
        self.setFocusProxy(self.entry)
        self._lay_out()
        self.entry.editingFinished.connect(lambda: self._change(self.entry.text()))
        self.entry.textChanged.connect(self._emptied)
        self.choose.clicked.connect(self._choose)

    def value(self) -> str:
        """The name as it was last entered."""
        return self._value

    def set_value(self, value: str) -> None:
        """Show a name."""
        self._value = value
        self.entry.setText(value)

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.title, 1)
        top.addWidget(self.choose)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self.entry)

    def _emptied(self, text: str) -> None:
        """The button that clears the entry is an answer of its own: no Enter follows it."""
        if not text:
            self._change("")

    def _change(self, text: str) -> None:
        name = text.strip()
        if name != self._value:
            self._value = name
            self.value_changed.emit(name)

    def _choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self.tr("Choose a model folder (with config.json)"))
        if folder:
            self.entry.setText(folder)
            self._change(folder)
