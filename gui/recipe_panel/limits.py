"""What must not happen: each limit with a switch, since "no limit" is a value too."""

from __future__ import annotations

from typing import Any, get_type_hints

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from engine.recipe import Limits
from engine.technique import Slider
from gui.fields.number import NumberField
from gui.fields.switch import Switch

FIRST = {"max_quality_loss": 1.0, "max_size_mb": 50.0, "time_minutes": 20.0}
"""What a limit begins with when it is switched on for the first time."""


class LimitsBox(QFrame):
    """Speaks one `Limits`."""

    value_changed = Signal(Limits)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("class", "card")
        self.rows = {name: _Row(control, FIRST[name]) for name, control in _controls().items()}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 11, 12, 11)
        layout.setSpacing(8)
        for row in self.rows.values():
            layout.addWidget(row)
            row.value_changed.connect(lambda: self.value_changed.emit(self.value()))

    def value(self) -> Limits:
        """The limits that are on."""
        return Limits(**{name: row.value() for name, row in self.rows.items()})

    def set_value(self, limits: Limits) -> None:
        """Show limits."""
        for name, row in self.rows.items():
            row.set_value(getattr(limits, name))

    def set_loss(self, unit: str) -> None:
        """What a loss of quality is counted in for these data: points, or percent of a perplexity."""
        self.rows["max_quality_loss"].number.entry.setSuffix(f" {unit}")


class _Row(QWidget):
    """A switch, and under it the number once it is on."""

    value_changed = Signal()

    def __init__(self, control: Slider, first: float) -> None:
        super().__init__()
        self.switch = Switch(control.title, control.help)
        self.number = NumberField(control)
        self.number.set_value(first)
        self.number.title.setVisible(False)
        title = QLabel(control.title)
        title.setToolTip(control.help)
        top = QHBoxLayout()
        top.setSpacing(10)
        top.addWidget(title, 1)
        top.addWidget(self.number.entry)
        top.addWidget(self.switch)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addWidget(self.number)
        self.switch.clicked.connect(self._switched)
        self.number.value_changed.connect(self._tell)
        self.set_value(None)

    def value(self) -> float | None:
        return float(self.number.value()) if self.switch.isChecked() else None

    def set_value(self, value: float | None) -> None:
        self.switch.setChecked(value is not None)
        if value is not None:
            self.number.set_value(value)
        self._show_state()

    def _switched(self) -> None:
        self._show_state()
        self._tell()

    def _tell(self) -> None:
        self.value_changed.emit()

    def _show_state(self) -> None:
        self.number.setVisible(self.switch.isChecked())
        self.number.entry.setVisible(self.switch.isChecked())


def _controls() -> dict[str, Slider]:
    hints: dict[str, Any] = get_type_hints(Limits, include_extras=True)
    return {
        name: next(part for part in hints[name].__metadata__ if isinstance(part, Slider))
        for name in Limits.model_fields
    }
