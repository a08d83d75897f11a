"""A line of text in a role's colour, as large as its place in the hierarchy asks."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QFontInfo
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from gui.theme import THEME, colors


def base_pixels() -> int:
    """The height of ordinary text in pixels; everything larger or smaller is a multiple of it."""
    return QFontInfo(QApplication.font()).pixelSize()


def scaled_font(scale: float, *, bold: bool = False) -> QFont:
    """The application's font at a multiple of its size, for what is painted by hand."""
    font = QFont(QApplication.font())
    font.setPixelSize(max(9, round(base_pixels() * scale)))
    font.setBold(bold)
    return font


class Label(QLabel):
    """Text that follows the theme. `role` is the name of a colour in `gui.theme.Colors`."""

    def __init__(
        self,
        text: str = "",
        *,
        role: str = "text",
        scale: float = 1.0,
        bold: bool = False,
        wrap: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text, parent)
        self._role, self._scale, self._bold = role, scale, bold
        self.setWordWrap(wrap)
        self.setTextFormat(Qt.TextFormat.PlainText)
        THEME.changed.connect(self._restyle)
        self._restyle()

    def set_role(self, role: str) -> None:
        """Take another role's colour."""
        if role != self._role:
            self._role = role
            self._restyle()

    def set_scale(self, scale: float) -> None:
        """Take another size."""
        if scale != self._scale:
            self._scale = scale
            self._restyle()

    def _restyle(self) -> None:
        # A style sheet, not a palette: the application's own style sheet would win over a palette.
        size = max(9, round(base_pixels() * self._scale))
        weight = 600 if self._bold else 400
        self.setStyleSheet(
            f"color: {getattr(colors(), self._role)}; font-size: {size}px; font-weight: {weight};"
            "background: transparent; border: none;"
        )
