"""Which model: a starter, one used before, a folder, a GGUF file, or a name on the Hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QLabel, QLineEdit, QMenu, QWidget

from engine.models.profile import Profile
from engine.models.starter import catalogue
from engine.models.wellknown import WELL_KNOWN, WellKnown, well_known
from gui.numbers import count, megabytes
from gui.pickers.download import Download
from gui.pickers.source import SourcePicker, add_heading

STARTER = "starter:"


def title_of(model: str) -> str:
    """A starter's or a well-known model's title, a folder's name, or the Hub id as it is."""
    starter = catalogue().models.get(model.removeprefix(STARTER)) if model.startswith(STARTER) else None
    if starter is not None:
        return starter.title
    if known := well_known(model):
        return known.title
    return Path(model).name if Path(model).is_absolute() else model


def data_of(model: str) -> str | None:
    """The starter data that a starter model, or a well-known one, is made for."""
    entries = catalogue()
    starter = entries.models.get(model.removeprefix(STARTER)) if model.startswith(STARTER) else None
    if starter is not None:
        return STARTER + starter.data
    known = well_known(model)
    fitting = (name for name, data in entries.data.items() if known and data.task == known.task)
    return next((STARTER + name for name in fitting), None)


class ModelPicker(SourcePicker):
    """Speaks the recipe's `model`; `trusted` is told when its own code may (no longer) run."""

    trusted = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        help = self.tr("The model to make smaller. It is never changed: the result is a new folder.")
        super().__init__("model", "", help, parent)
        self.tile.setAccessibleName(self.tr("Model"))
        self._recent: Sequence[str] = ()
        self.hub = QLineEdit()
        self.hub.setVisible(False)
        self.hub.setPlaceholderText(self.tr("name on the Hub, e.g. distilbert/distilbert-base-uncased"))
        self.hub.setAccessibleName(self.tr("Name of a model on the Hub"))
        self.hub.setToolTip(self.tr("A model's name on huggingface.co; Enter downloads it once. Needs a network."))
        self.hub.returnPressed.connect(self._take_hub)
        self.notes = QLabel(wordWrap=True)
        self.notes.setVisible(False)
        self.notes.setProperty("class", "small")
        self.download = Download()
        self.known = QMenu(self.tr("Well-known, from the Hub"), self)
        self.known.setToolTipsVisible(True)
        self.column.insertWidget(1, self.hub)
        self.column.insertWidget(2, self.download)
        self.column.addWidget(self.notes)
        self._trust = QAction(self.tr("Let this model run its own code"), self, checkable=True)
        self._trust.setToolTip(
            self.tr("Some models bring Python code of their own. Allow it only for a model whose author you trust.")
        )
        self._trust.triggered.connect(self.trusted)
        self.menu.aboutToShow.connect(self._fill_menu)

    def set_model(self, model: str, *, trusted: bool = False) -> None:
        """Show a choice; what is in it follows by `set_profile` or `set_refusal`."""
        self.set_name(title_of(model), model)
        self.hub.setVisible(False)
        self._trust.setChecked(trusted)

    def set_profile(self, profile: Profile | None) -> None:
        """What the engine read; None while it is reading. Its notes follow by `set_notes`."""
        self.set_notes(())
        self.download.end()
        self.say(self.tr("Reading the model…") if profile is None else self._in_words(profile))

    def set_notes(self, notes: Sequence[str]) -> None:
        """What the engine found worth saying of the model."""
        self.notes.setText("\n".join(notes))
        self.notes.setVisible(bool(notes))

    def set_refusal(self, sentence: str) -> None:
        """Why this model cannot be had."""
        self.set_notes(())
        self.download.end()
        self.say(sentence, "bad")

    def show_download(self, done: float, total: float) -> None:
        """How many megabytes of the model have come from the Hub."""
        self.say(self.tr("Downloading the model, once…"))
        self.download.show_progress(done, total)

    def set_recent(self, models: Sequence[str]) -> None:
        """Models used before, latest first."""
        self._recent = [model for model in models if not model.startswith(STARTER)]

    def _in_words(self, profile: Profile) -> str:
        parts = [
            self.tr("{0} M parameters").format(f"{profile.parameters / 1e6:.1f}"),
            megabytes(profile.original_bytes),
            self.tr("{0}, {1} layers").format(profile.family, profile.layers),
            self._ability(profile),
        ]
        return " · ".join(parts)

    def _ability(self, profile: Profile) -> str:
        if profile.labels:
            return self.tr("{0} labels").format(count(len(profile.labels)))
        return self.tr("writes text") if profile.writes else self.tr("no labels, gives vectors")

    def _fill_menu(self) -> None:
        self.menu.clear()
        starters = catalogue().models.items()
        self.add_choices(self.tr("Starter"), ((STARTER + name, m.title, m.summary) for name, m in starters))
        self.add_choices(self.tr("Recent"), ((model, title_of(model), model) for model in self._recent))
        self.menu.addSeparator()
        self._fill_known()
        self.menu.addMenu(self.known)
        self.menu.addAction(self.tr("Open folder…"), self._open)
        self.menu.addAction(self.tr("Open GGUF file…"), self._open_gguf)
        self.menu.addAction(self.tr("Type a name on the Hub…"), self._type)
        self.menu.addSeparator()
        self.menu.addAction(self._trust)

    def _fill_known(self) -> None:
        """By what they are for; one that cannot fit is shown, so that nobody looks for it, but cannot be chosen."""
        self.known.clear()
        sections = {
            "writes": self.tr("Write text"),
            "finds": self.tr("Find what is alike"),
            "sorts": self.tr("Learn to sort texts by your labels"),
        }
        for use, heading in sections.items():
            add_heading(self.known, heading)
            for model in (each for each in WELL_KNOWN if each.use == use):
                action = QAction(f"{model.title}\t{self._costs(model)}", self.known)
                action.setToolTip(model.in_words)
                action.setEnabled(model.fit != "too large")
                action.triggered.connect(lambda _checked=False, name=model.name: self.chosen.emit(name))
                self.known.addAction(action)

        add_heading(self.known, self.tr("Downloaded once; needs a network."))

    def _costs(self, model: WellKnown) -> str:
        """What is downloaded, and whether this machine's memory holds it."""
        fits = {
            "fits": self.tr("fits this machine"),
            "close programs": self.tr("close other programs first"),
            "too large": self.tr("too large for this machine"),
        }[model.fit]
        return self.tr("{0}, {1}").format(model.download_in_words, fits)

    def _open(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self.tr("Choose a model folder (with config.json)"))
        if folder:
            self.chosen.emit(folder)

    def _open_gguf(self) -> None:
        filters = self.tr("GGUF files (*.gguf);;All files (*)")
        path, _ = QFileDialog.getOpenFileName(self, self.tr("Choose a GGUF file"), filter=filters)
        if path:
            self.chosen.emit(path)

    def _type(self) -> None:
        self.hub.setVisible(True)
        self.hub.setFocus()

    def _take_hub(self) -> None:
        name = self.hub.text().strip()
        if name:
            self.hub.setVisible(False)
            self.chosen.emit(name)
