"""One of a few named values: buttons side by side where they fit, a list to open where they do not."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QButtonGroup, QComboBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from engine.technique import Options

MOST_BUTTONS = 4
MOST_LETTERS = 38
"""Labels longer than this together do not fit beside each other in the column."""


class ChoiceField(QWidget):
    """Speaks one of `control.labels`' keys."""

    value_changed = Signal(object)

    def __init__(self, control: Options, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._values = list(control.labels)
        labels = list(control.labels.values())
        beside = len(labels) <= MOST_BUTTONS and sum(map(len, labels)) <= MOST_LETTERS
        self.chooser: _Buttons | _List = (_Buttons if beside else _List)(labels, control)
        title = QLabel(control.title)
        title.setToolTip(control.help)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(title)
        layout.addWidget(self.chooser)
        self.setFocusProxy(self.chooser)
        self.chooser.chosen.connect(lambda index: self.value_changed.emit(self._values[index]))

    def value(self) -> Any:
        """The key of the chosen label."""
        return self._values[self.chooser.index()]

    def set_value(self, value: Any) -> None:
        """Choose a key; ValueError where it is none of them."""
        self.chooser.set_index(self._values.index(value))


class _Buttons(QWidget):
    chosen = Signal(int)

    def __init__(self, labels: list[str], control: Options) -> None:
        super().__init__()
        self.setProperty("class", "segments")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._group = QButtonGroup(self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(3, 3, 3, 3)
        layout.setSpacing(2)
        for index, label in enumerate(labels):
            button = QPushButton(label)
            button.setCheckable(True)
            button.setProperty("class", "segment")
            button.setToolTip(control.help)
            button.setAccessibleName(f"{control.title}: {label}")
            self._group.addButton(button, index)
            layout.addWidget(button, len(label))
        self._group.button(0).setChecked(True)
        self.setFocusProxy(self._group.button(0))
        self._group.idClicked.connect(self.chosen)

    def index(self) -> int:
        return self._group.checkedId()

    def set_index(self, index: int) -> None:
        self._group.button(index).setChecked(True)


class _List(QComboBox):
    chosen = Signal(int)

    def __init__(self, labels: list[str], control: Options) -> None:
        super().__init__()
        self.addItems(labels)
        self.setToolTip(control.help)
        self.setAccessibleName(control.title)
        self.activated.connect(self.chosen)

    def index(self) -> int:
        return self.currentIndex()

    def set_index(self, index: int) -> None:
        self.setCurrentIndex(index)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Pass it on: scrolling the column must not change what the pointer crosses."""
        event.ignore()
