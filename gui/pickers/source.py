"""What the two pickers share: a tile that names what is chosen, its menu, and lines about it."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QFontMetrics
from PySide6.QtWidgets import QFrame, QLabel, QMenu, QPushButton, QSizePolicy, QVBoxLayout, QWidget, QWidgetAction

from gui.icons import icon
from gui.theme import THEME, colors, restyle

TILE_TEXT = 260
"""Pixels for the name in the column of fixed width."""


def add_heading(menu: QMenu, text: str) -> None:
    """A heading among a menu's entries; Qt's own sections lose their text under a style sheet."""
    label = QLabel(text)
    label.setProperty("class", "heading")
    action = QWidgetAction(menu)
    action.setDefaultWidget(label)
    action.setEnabled(False)
    menu.addAction(action)


class SourcePicker(QFrame):
    """A tile with a menu of starters and recents, and under it what the engine read there."""

    chosen = Signal(object)

    def __init__(self, icon_name: str, name: str, help: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("class", "card")
        self._icon_name = icon_name
        self.tile = QPushButton()
        self.tile.setProperty("class", "tile")
        self.tile.setAccessibleName(name)
        self.tile.setToolTip(help)
        self.tile.setIconSize(QSize(27, 18))
        self.menu = QMenu(self)
        self.menu.setToolTipsVisible(True)
        self.tile.setMenu(self.menu)
        self.tile.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.details = QLabel(wordWrap=True)
        self.details.setProperty("class", "small")
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(12, 12, 12, 11)
        self.column.setSpacing(7)
        self.column.addWidget(self.tile)
        self.column.addWidget(self.details)
        THEME.changed.connect(self._paint_icon)
        self._paint_icon()

    def say(self, text: str, kind: str = "small") -> None:
        """What is known of the choice; `kind` "bad" for a refusal."""
        self.details.setText(text)
        if self.details.property("class") != kind:
            self.details.setProperty("class", kind)
            restyle(self.details)

    def set_name(self, name: str, whole: str) -> None:
        """The tile's text, shortened in its middle where it is too long."""
        font = self.tile.font()
        font.setBold(True)  # as the style sheet has it
        short = QFontMetrics(font).elidedText(name, Qt.TextElideMode.ElideMiddle, TILE_TEXT)
        self.tile.setText("  " + short)
        self.tile.setAccessibleDescription(whole)

    def add_choices(self, heading: str, choices: Iterable[tuple[str, str, str]]) -> None:
        """Menu entries under a heading: (value, title, tooltip) each."""
        entries = list(choices)
        if not entries:
            return
        add_heading(self.menu, heading)
        for value, title, help in entries:
            action = QAction(title, self.menu)
            action.setToolTip(help)
            action.triggered.connect(lambda _checked=False, value=value: self.chosen.emit(value))
            self.menu.addAction(action)

    def _paint_icon(self) -> None:
        self.tile.setIcon(icon(self._icon_name, colors().accent, lead=50))
