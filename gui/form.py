"""A technique's fields as a form: no control is written by hand for a parameter.

`Technique.controls()` says how each field is shown, pydantic says of what type it is. The form
speaks exactly one engine type, the technique's own class.
"""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from engine.technique import Control, ModelName, Options, Slider, Technique, Toggle
from gui.fields.choice import ChoiceField
from gui.fields.model_name import ModelNameField
from gui.fields.number import NumberField
from gui.fields.switch import ToggleField

Field = NumberField | ChoiceField | ToggleField | ModelNameField


def field_for(control: Control, *, whole: bool = False) -> Field:
    """The widget for one declared control; TypeError for a kind that has none."""
    match control:
        case Slider():
            return NumberField(control, whole=whole)
        case Options():
            return ChoiceField(control)
        case Toggle():
            return ToggleField(control)
        case ModelName():
            return ModelNameField(control)
    raise TypeError(f"no field for a {type(control).__name__}")


class Form(QWidget):
    """The controls of one technique class, in declared order; those marked `more` fold away."""

    value_changed = Signal(object)

    def __init__(self, technique: type[Technique], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._technique = technique
        self._base = technique()
        controls = technique.controls()
        self.fields = {
            name: field_for(control, whole=technique.model_fields[name].annotation is int)
            for name, control in controls.items()
        }
        self._lay_out(controls)
        for field in self.fields.values():
            field.value_changed.connect(self._tell)
        self.set_value(self._base)

    def value(self) -> Technique:
        """The technique as the controls stand."""
        changed = {name: field.value() for name, field in self.fields.items()}
        return self._technique.model_validate(self._base.model_dump() | changed)

    def set_value(self, technique: Technique) -> None:
        """Show a technique of this form's class."""
        self._base = technique
        for name, field in self.fields.items():
            field.set_value(getattr(technique, name))

    def _tell(self) -> None:
        self.value_changed.emit(self.value())

    def _lay_out(self, controls: dict[str, Control]) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        hidden = QVBoxLayout()
        hidden.setContentsMargins(0, 0, 0, 0)
        hidden.setSpacing(10)
        for name, control in controls.items():
            (hidden if control.more else layout).addWidget(self.fields[name])
        if hidden.count() == 0:
            return
        rest = QWidget()
        rest.setLayout(hidden)
        self.more = _More(rest, self._technique.title)
        layout.addWidget(self.more)
        layout.addWidget(rest)


class _More(QPushButton):
    """Unfolds the controls that few people need."""

    def __init__(self, rest: QWidget, title: str) -> None:
        super().__init__()
        self.setText(self.tr("More…"))
        self.setCheckable(True)
        self.setProperty("class", "link")
        self.setToolTip(self.tr("Settings that rarely need a change."))
        self.setAccessibleName(self.tr("More settings of “{0}”").format(title))
        rest.setVisible(False)
        self.toggled.connect(rest.setVisible)
        self.toggled.connect(lambda on: self.setText(self.tr("Less") if on else self.tr("More…")))
