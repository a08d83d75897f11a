"""Taking a run's model away: in which format, to which place, and what came of it.

The format that was measured is copied, checked against its hashes; any other is written by the
engine and measured again before it is handed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from engine.events import Event, Progress
from engine.run import Run
from gui.numbers import megabytes
from gui.runs.words import model_in_words, steps_in_words
from gui.task_words import LANGUAGE, task_of
from gui.theme import restyle


@dataclass(frozen=True)
class Format:
    """A runtime's name in the engine, and what its folder is called and good for."""

    runtime: str
    title: str
    help: str


def formats() -> tuple[Format, ...]:
    """The three kinds of folder."""
    say = partial(QCoreApplication.translate, "Export")
    return (
        Format("torch", "safetensors", say("for PyTorch; loads with plain from_pretrained unless heads were removed")),
        Format("onnxruntime", "ONNX", say("for ONNX Runtime, on nearly every system and in many languages")),
        Format("openvino", "OpenVINO", say("for Intel processors, usually the fastest there")),
    )


class ExportDialog(QDialog):
    """Asks for a format and a place, then shows the progress and the end."""

    asked = Signal(str, str, str)
    """Run id, runtime, folder."""
    cancel = Signal()

    def __init__(self, run: Run, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.run, self._busy = run, False
        self.setWindowTitle(self.tr("Export"))
        self.setMinimumWidth(540)
        self._group = QButtonGroup(self)
        measured = run.optimized.runtime if run.optimized else ""
        self.choices = {each.runtime: self._choice(each, each.runtime == measured) for each in formats()}
        self.choices.get(measured, self.choices["torch"]).setChecked(True)
        self._impossible = {"onnxruntime"} if task_of(run) == LANGUAGE else set[str]()
        self.place = QLineEdit(str(Path.home() / f"{model_in_words(run)}-{run.id[-6:]}"))
        self.place.setAccessibleName(self.tr("Folder to export to"))
        self.place.setToolTip(self.tr("A new or empty folder: nothing of yours is overwritten."))
        self.browse = QPushButton(self.tr("Choose…"))
        self.browse.setAccessibleName(self.tr("Choose the folder"))
        self.browse.setToolTip(self.tr("Choose where the new folder shall lie."))
        self.bar = QProgressBar()
        self.bar.setVisible(False)
        self.bar.setTextVisible(False)
        self.message = QLabel(wordWrap=True)
        self.go = QPushButton(self.tr("Export"))
        self.go.setProperty("class", "primary")
        self.go.setDefault(True)
        self.close_button = QPushButton(self.tr("Close"))
        self._name_buttons()
        self._lay_out()
        self._enable()
        self.browse.clicked.connect(self._browse)
        self.go.clicked.connect(self._ask)
        self.close_button.clicked.connect(self.reject)
        self.go.setFocus()

    def on_event(self, event: Event) -> None:
        """Follow the engine while it writes and measures."""
        if self._busy and isinstance(event, Progress):
            self.bar.setRange(0, 1000 if event.total else 0)
            self.bar.setValue(round(1000 * event.done / event.total) if event.total else 0)
            self._say(event.message, "muted")

    def show_result(self, result: dict[str, Any]) -> None:
        """It is there: where, how large, and what loads it."""
        plainly = (
            self.tr("It loads with plain from_pretrained.")
            if result["loads_plainly"]
            else self.tr("Its own runtime loads it; plain from_pretrained does not.")
        )
        text = self.tr("Exported {0} to {1}.").format(megabytes(result["size_bytes"]), result["folder"])
        self._end(f"{text} {plainly}\n{result.get('note', '')}".strip(), "title")

    def show_refusal(self, sentence: str) -> None:
        """Why it was not exported."""
        self._end(sentence, "bad")

    def reject(self) -> None:
        """Close; an export that is going is cancelled first and says so."""
        if self._busy:
            self._say(self.tr("Cancelling…"), "muted")
            self.cancel.emit()
        else:
            super().reject()

    def _ask(self) -> None:
        runtime = next(name for name, button in self.choices.items() if button.isChecked())
        folder = self.place.text().strip()
        if not folder:
            self._say(self.tr("Choose a folder first."), "bad")
            return
        self._busy = True
        self._enable()
        self._say(self.tr("Exporting…"), "muted")
        self.asked.emit(self.run.id, runtime, str(Path(folder).expanduser()))

    def _end(self, text: str, kind: str) -> None:
        self._busy = False
        self._enable()
        self._say(text, kind)

    def _enable(self) -> None:
        for widget in (self.go, self.place, self.browse):
            widget.setEnabled(not self._busy)
        for runtime, button in self.choices.items():
            button.setEnabled(not self._busy and runtime not in self._impossible)
        self.bar.setVisible(self._busy)
        self.close_button.setText(self.tr("Cancel") if self._busy else self.tr("Close"))

    def _say(self, text: str, kind: str) -> None:
        self.message.setText(text)
        self.message.setProperty("class", kind)
        restyle(self.message)

    def _browse(self) -> None:
        above = str(Path(self.place.text()).parent)
        folder = QFileDialog.getExistingDirectory(self, self.tr("Where shall the new folder lie?"), above)
        if folder:
            self.place.setText(str(Path(folder) / Path(self.place.text()).name))

    def _choice(self, each: Format, measured: bool) -> QRadioButton:
        mark = self.tr(" (as measured)") if measured else self.tr(" (converted, then measured again)")
        button = QRadioButton(each.title + mark)
        button.setToolTip(each.help)
        button.setAccessibleName(each.title + mark)
        self._group.addButton(button)
        return button

    def _name_buttons(self) -> None:
        self.go.setAccessibleName(self.tr("Export"))
        self.go.setToolTip(self.tr("Write the folder. It carries a certificate with all that was measured."))
        self.close_button.setAccessibleName(self.tr("Close or cancel"))
        self.close_button.setToolTip(self.tr("Close this; an export that is going is cancelled."))

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(22, 20, 22, 18)
        layout.setSpacing(10)
        size = self.run.optimized.size_bytes if self.run.optimized else None
        heading = QLabel(f"{model_in_words(self.run)} · {steps_in_words(self.run)}", wordWrap=True)
        heading.setProperty("class", "title")
        measured = QLabel(self.tr("The measured folder takes {0}.").format(megabytes(size or 0)))
        measured.setProperty("class", "muted")
        layout.addWidget(heading)
        layout.addWidget(measured)
        for each in formats():
            layout.addWidget(self.choices[each.runtime])
            possible = each.runtime not in self._impossible
            help = QLabel(each.help if possible else self.tr("not for models that write text"), wordWrap=True)
            help.setProperty("class", "small")
            help.setIndent(24)
            layout.addWidget(help)
        row = QHBoxLayout()
        row.addWidget(self.place, 1)
        row.addWidget(self.browse)
        layout.addLayout(row)
        layout.addWidget(self.bar)
        layout.addWidget(self.message)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.close_button)
        buttons.addWidget(self.go)
        layout.addLayout(buttons)
