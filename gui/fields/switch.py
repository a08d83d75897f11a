"""A switch: on or off, painted in the theme's colours; Space turns it."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QLabel, QSizePolicy, QWidget

from engine.technique import Toggle
from gui.theme import blend, colors

WIDTH, HEIGHT = 34, 20


class Switch(QAbstractButton):
    """A checkable button that looks like a switch."""

    def __init__(self, name: str, help: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(name)
        self.setToolTip(help)

    def sizeHint(self) -> QSize:
        """Its fixed size."""
        return QSize(WIDTH + 4, HEIGHT + 4)

    def paintEvent(self, event: QPaintEvent) -> None:
        """A rounded groove and a knob; a ring around it when it has the keyboard."""
        role = colors()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        groove = QRectF(2, 2, WIDTH, HEIGHT)
        on = role.accent if self.isEnabled() else role.estimate
        off = blend(role.text, role.surface, 0.22 if self.isEnabled() else 0.08)
        fill = on if self.isChecked() else off
        painter.setPen(QPen(QColor(role.text), 1.5) if self.hasFocus() else Qt.PenStyle.NoPen)
        painter.setBrush(QColor(fill))
        painter.drawRoundedRect(groove, HEIGHT / 2, HEIGHT / 2)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(role.on_accent if self.isChecked() else role.surface))
        knob = HEIGHT - 6
        left = groove.right() - knob - 3 if self.isChecked() else groove.left() + 3
        painter.drawEllipse(QRectF(left, groove.top() + 3, knob, knob))


class ToggleField(QWidget):
    """Speaks one bool: a title with a switch at its right."""

    value_changed = Signal(bool)

    def __init__(self, control: Toggle, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.switch = Switch(control.title, control.help)
        title = QLabel(control.title)
        title.setToolTip(control.help)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(title, 1)
        layout.addWidget(self.switch)
        self.setFocusProxy(self.switch)
        self.switch.clicked.connect(self.value_changed)

    def value(self) -> bool:
        """Whether it is on."""
        return self.switch.isChecked()

    def set_value(self, value: bool) -> None:
        """Turn it on or off."""
        self.switch.setChecked(value)
