"""A number: a slider to feel it, an entry to type it, both always saying the same."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QValidator, QWheelEvent
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from engine.technique import Slider
from gui.fields.scale import scale_for

TINY = 0.001
"""Below this a number is written as 5e-05."""


class NumberField(QWidget):
    """Speaks one float (or int, if `whole`), in the engine's own unit: a share, not percent."""

    value_changed = Signal(float)

    def __init__(self, control: Slider, *, whole: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._whole = whole
        self._factor = 100.0 if control.unit == "%" else 1.0
        self._scale = scale_for(control)
        self._value = control.low
        self.slider = _QuietSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, self._scale.positions)
        self.slider.setPageStep(max(1, self._scale.positions // 10))
        self.entry = _Entry(control, self._factor)
        self.title = QLabel(control.title)
        self.title.setBuddy(self.entry)
        for widget in (self.slider, self.entry, self.title):
            widget.setToolTip(control.help)
            widget.setAccessibleName(control.title)
        self.setFocusProxy(self.slider)
        self._lay_out()
        self.slider.valueChanged.connect(self._slid)
        self.entry.valueChanged.connect(self._typed)

    def value(self) -> float | int:
        """The number as it stands."""
        return round(self._value) if self._whole else self._value

    def set_value(self, value: float) -> None:
        """Show a number, which need not be one of the slider's places."""
        self._value = value
        self._show()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.title, 1)
        top.addWidget(self.entry)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addWidget(self.slider)

    def _slid(self, position: int) -> None:
        if position != self._scale.position(self._value):  # else the slider only follows `_value`
            self._change(self._scale.value(position))

    def _typed(self, shown: float) -> None:
        smallest = 10.0 ** -self.entry.decimals()
        if not math.isclose(shown, self._value * self._factor, abs_tol=smallest):
            self._change(float(f"{shown / self._factor:.10g}"))

    def _change(self, value: float) -> None:
        self._value = value
        self._show()
        self.value_changed.emit(value)

    def _show(self) -> None:
        self.slider.setValue(self._scale.position(self._value))
        self.entry.setValue(self._value * self._factor)


class _QuietSlider(QSlider):
    """Lets the wheel scroll the column: a value must not change because the pointer rested on it."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Pass it on."""
        event.ignore()


class _Entry(QDoubleSpinBox):
    """The number in its unit; very small ones as 5e-05."""

    def __init__(self, control: Slider, factor: float) -> None:
        super().__init__()
        self._tiny = control.low > 0 and control.low < TINY
        self.setDecimals(12 if self._tiny else 4)
        self.setRange(control.low * factor, control.high * factor)
        self.setSingleStep(control.step * factor)
        self.setSuffix(f" {control.unit}" if control.unit else "")
        self.setKeyboardTracking(False)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setProperty("class", "value")
        longest = self.textFromValue(self.maximum()) + self.suffix()
        letters = self.fontMetrics().horizontalAdvance
        self.setFixedWidth(max(letters("8") * 10 + 16, letters(longest) + letters("88")))

    def textFromValue(self, value: float) -> str:
        """No needless zeros."""
        if self._tiny:
            return f"{value:.2g}"
        return f"{value:,.2f}".rstrip("0").rstrip(".")

    def valueFromText(self, text: str) -> float:
        """Read "1,000 MB", "25 %" or "5e-5"."""
        return float(self._bare(text))

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        """Anything that reads as a number within the range; more may still be typed otherwise."""
        try:
            inside = self.minimum() <= float(self._bare(text)) <= self.maximum()
        except ValueError:
            inside = False
        state = QValidator.State.Acceptable if inside else QValidator.State.Intermediate
        return state, text, position

    def fixup(self, text: str) -> str:
        """What is no number, or out of range, becomes the nearest that is allowed."""
        try:
            wanted = float(self._bare(text))
        except ValueError:
            wanted = self.value()
        return self.textFromValue(min(max(wanted, self.minimum()), self.maximum())) + self.suffix()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Only once it was clicked: see `_QuietSlider`."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def _bare(self, text: str) -> str:
        return text.removesuffix(self.suffix()).strip().replace(",", "")
