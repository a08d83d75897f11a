"""A sentence at the top of the window that waits to be read: no dialog, nothing is blocked."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from gui.icons import icon
from gui.theme import THEME, colors, restyle


class MessageBar(QFrame):
    """Shows the latest message until it is closed or another takes its place."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("message_bar")
        self.text = QLabel(wordWrap=True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.action = QPushButton()
        self.action.setVisible(False)
        self.action.setAccessibleName(self.tr("What can be done about it"))
        self.action.setToolTip(self.tr("What can be done about it."))
        self._do: Callable[[], object] | None = None
        self.dismiss = QPushButton()
        self.dismiss.setProperty("class", "link")
        self.dismiss.setAccessibleName(self.tr("Close the message"))
        self.dismiss.setToolTip(self.tr("Close the message; it stays in the log."))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 8, 8, 8)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.action)
        layout.addWidget(self.dismiss, 0, Qt.AlignmentFlag.AlignTop)
        self.action.clicked.connect(self._act)
        self.dismiss.clicked.connect(self.hide)
        THEME.changed.connect(self._paint_icon)
        self._paint_icon()
        self.hide()

    def say(self, text: str, level: str = "info", action: tuple[str, Callable[[], object]] | None = None) -> None:
        """Show a sentence. Levels: info, good, warning, error. `action` is a button's text and deed."""
        self.text.setText(text)
        self.setAccessibleName(text)
        self.setProperty("level", level)
        restyle(self)
        self.action.setVisible(action is not None)
        if action is not None:
            label, self._do = action
            self.action.setText(label)
            self.action.setAccessibleName(label)
        self.show()

    def _act(self) -> None:
        self.hide()
        if self._do is not None:
            self._do()

    def _paint_icon(self) -> None:
        self.dismiss.setIcon(icon("close", colors().muted))
