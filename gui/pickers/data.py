"""Which data: a starter set or a file; which columns; and a look at the first rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QFileDialog, QLabel, QPushButton, QWidget

from engine.models.starter import catalogue
from engine.recipe import DataSource
from gui.numbers import count
from gui.pickers.columns import Columns
from gui.pickers.source import SourcePicker

STARTER = "starter:"
FILES = "*.csv *.tsv *.jsonl *.parquet *.txt"
SHOWN_LETTERS = 90


def title_of(path: str) -> str:
    """A starter's title, or a file's name."""
    starter = catalogue().data.get(path.removeprefix(STARTER)) if path.startswith(STARTER) else None
    return starter.title if starter is not None else Path(path).name or path


class DataPicker(SourcePicker):
    """Speaks the recipe's `data`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        help = self.tr("Texts with their right answers: to calibrate, to learn from, and to measure quality on.")
        super().__init__("data", "", help, parent)
        self.tile.setAccessibleName(self.tr("Data"))
        self._source = DataSource(path="starter:kinds")
        self._recent: Sequence[str] = ()
        self.columns = Columns()
        self.columns.setVisible(False)
        self.columns.value_changed.connect(self._choose_columns)
        self.examples = QLabel(wordWrap=True)
        self.examples.setVisible(False)
        self.examples.setProperty("class", "small")
        self.peek = QPushButton(self.tr("Show examples"))
        self.peek.setCheckable(True)
        self.peek.setProperty("class", "link")
        self.peek.setAccessibleName(self.tr("Show examples of the data"))
        self.peek.setToolTip(self.tr("The first few texts with their labels."))
        self.peek.toggled.connect(self.examples.setVisible)
        for widget in (self.columns, self.peek, self.examples):
            self.column.addWidget(widget)
        self.menu.aboutToShow.connect(self._fill_menu)

    def set_data(self, data: str | DataSource) -> None:
        """Show a choice; what is in it follows by `set_inspection` or `set_refusal`."""
        self._source = data if isinstance(data, DataSource) else DataSource(path=data)
        self.set_name(title_of(self._source.path), self._source.path)
        self.columns.setVisible(not self._source.path.startswith(STARTER))
        self.columns.set_value(self._source.text, self._source.label)
        self.peek.setVisible(False)
        self.examples.setText("")
        self.say(self.tr("Reading the data…"))

    def set_inspection(self, found: dict[str, Any]) -> None:
        """What the engine read: columns, labels with their rows, some examples."""
        rows, labels = found["rows"], found["labels"]
        sampled = found.get("is_sample")
        text = self.tr("the first {0} rows · {1} labels") if sampled else self.tr("{0} rows · {1} labels")
        notes = found.get("notes") or []
        self.say("\n".join([text.format(count(rows), count(len(labels))), *notes]))
        self.columns.set_choices(found["columns"])
        self.columns.set_value(found["text"], found["label"])
        lines = [f"“{_cut(text)}” → {label}" for text, label in found["examples"]]
        self.examples.setText("\n".join(lines))
        self.peek.setVisible(bool(lines))

    def set_refusal(self, sentence: str) -> None:
        """Why this data cannot be used."""
        self.say(sentence, "bad")

    def set_recent(self, paths: Sequence[str]) -> None:
        """Files used before, latest first."""
        self._recent = [path for path in paths if not path.startswith(STARTER)]

    def _choose_columns(self, text: str | None, label: str | None) -> None:
        self.chosen.emit(DataSource(path=self._source.path, text=text, label=label))

    def _fill_menu(self) -> None:
        self.menu.clear()
        starters = catalogue().data.items()
        self.add_choices(self.tr("Starter"), ((STARTER + name, d.title, d.summary) for name, d in starters))
        self.add_choices(self.tr("Recent"), ((path, title_of(path), path) for path in self._recent))
        self.menu.addSeparator()
        self.menu.addAction(self.tr("Open file…"), self._open)

    def _open(self) -> None:
        filters = self.tr("Data ({0});;All files (*)").format(FILES)
        path, _ = QFileDialog.getOpenFileName(self, self.tr("Choose a data file"), filter=filters)
        if path:
            self.chosen.emit(path)


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_LETTERS else text[:SHOWN_LETTERS].rstrip() + "…"
