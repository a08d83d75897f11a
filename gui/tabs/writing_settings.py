"""How a language model writes when it is tried: how much, and how daringly."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QWidget

from engine.technique import Slider
from gui.fields.number import NumberField

FIELD_WIDTH = 260


class WritingSettings(QWidget):
    """Speaks the engine's settings of a "try"; see `engine.serve`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        length = self.tr("How many tokens each model writes at most; it stops by itself at the end of a text.")
        daring = self.tr("0 always takes the likeliest word. Higher draws by chance: livelier, and more often wrong.")
        self.tokens = NumberField(
            Slider(8, 256, step=8, unit="tokens", title=self.tr("Length"), help=length), whole=True
        )
        self.temperature = NumberField(Slider(0.0, 1.5, step=0.1, title=self.tr("Temperature"), help=daring))
        self.tokens.set_value(64)
        self.temperature.set_value(0.0)
        self._asked = 0
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(24)
        for field in (self.tokens, self.temperature):
            field.setFixedWidth(FIELD_WIDTH)
            row.addWidget(field, 0, Qt.AlignmentFlag.AlignLeft)
        row.addStretch(1)

    def next(self) -> dict[str, float]:
        """The settings for one more question: another seed, and the same one for both models."""
        self._asked += 1
        return {"tokens": self.tokens.value(), "temperature": self.temperature.value(), "seed": self._asked}
