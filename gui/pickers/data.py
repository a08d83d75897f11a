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
from gui.task_words import CLASSIFICATION, SIMILARITY, words_for

STARTER = "starter:"
TABLES = "*.csv *.tsv *.jsonl *.ndjson *.json *.parquet *.csv.gz *.tsv.gz *.jsonl.gz"
TEXTS = "*.txt *.text *.md *.rst *.txt.gz *.md.gz"
SHOWN_LETTERS = 90


def title_of(path: str) -> str:
    """A starter's title, or a file's name."""
    starter = catalogue().data.get(path.removeprefix(STARTER)) if path.startswith(STARTER) else None
    return starter.title if starter is not None else Path(path).name or path


class DataPicker(SourcePicker):
    """Speaks the recipe's `data`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        help = self.tr("Texts with labels, pairs of texts, or running text: to calibrate, to learn and to measure on.")
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
        self.peek.setToolTip(self.tr("The first few texts, with what belongs to each."))
        self.peek.toggled.connect(self.examples.setVisible)
        for widget in (self.columns, self.peek, self.examples):
            self.column.addWidget(widget)
        self.menu.aboutToShow.connect(self._fill_menu)

    def set_data(self, data: str | DataSource) -> None:
        """Show a choice; what is in it follows by `set_inspection` or `set_refusal`."""
        self._source = data if isinstance(data, DataSource) else DataSource(path=data)
        self.set_name(title_of(self._source.path), self._source.path)
        self.columns.setVisible(not self._is_starter)
        self.columns.set_value(self._source.model_dump())
        self.columns.show_task(self._source.task)
        self.peek.setVisible(False)
        self.examples.setText("")
        self.say(self.tr("Reading the data…"))

    def set_inspection(self, found: dict[str, Any]) -> None:
        """What the engine read: what the data are for, columns, labels with their rows, some examples."""
        task = found.get("task") or CLASSIFICATION
        lines = [self._counted(found), words_for(task).data, *(found.get("notes") or [])]
        self.say("\n".join(line for line in lines if line))
        self.columns.setVisible(not self._is_starter and bool(found["columns"]))
        self.columns.set_choices(found["columns"])
        self.columns.set_value(found | {"task": self._source.task})
        self.columns.show_task(task)
        lines = [f"“{_cut(text)}”{self._beside(task, other)}" for text, other in found["examples"]]
        self.examples.setText("\n".join(lines))
        self.peek.setVisible(bool(lines))

    @property
    def _is_starter(self) -> bool:
        return self._source.path.startswith(STARTER)

    def _counted(self, found: dict[str, Any]) -> str:
        """Rows and labels; nothing of a text file, whose passages nobody counts."""
        if not found["columns"]:
            return ""
        rows = self.tr("the first {0} rows") if found.get("is_sample") else self.tr("{0} rows")
        text = rows.format(count(found["rows"]))
        labels = len(found.get("labels") or ())
        return text + self.tr(" · {0} labels").format(count(labels)) if labels else text

    def _beside(self, task: str, other: str) -> str:
        """What belongs to a text: its label, or the other text. A starter's are numbers of texts: not shown."""
        if task == SIMILARITY:
            return "" if self._is_starter else f" ↔ “{_cut(other)}”"
        return f" → {other}" if other else ""

    def set_refusal(self, sentence: str) -> None:
        """Why this data cannot be used."""
        self.say(sentence, "bad")

    def set_recent(self, paths: Sequence[str]) -> None:
        """Files used before, latest first."""
        self._recent = [path for path in paths if not path.startswith(STARTER)]

    def _choose_columns(self, value: dict[str, Any]) -> None:
        self.chosen.emit(self._source.model_copy(update=value))

    def _fill_menu(self) -> None:
        self.menu.clear()
        starters = catalogue().data.items()
        self.add_choices(self.tr("Starter"), ((STARTER + name, d.title, d.summary) for name, d in starters))
        self.add_choices(self.tr("Recent"), ((path, title_of(path), path) for path in self._recent))
        self.menu.addSeparator()
        self.menu.addAction(self.tr("Open file…"), self._open)

    def _open(self) -> None:
        filters = self.tr("Data ({0} {1});;Tables ({0});;Running text ({1});;All files (*)").format(TABLES, TEXTS)
        path, _ = QFileDialog.getOpenFileName(self, self.tr("Choose a data file"), filter=filters)
        if path:
            self.chosen.emit(path)


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_LETTERS else text[:SHOWN_LETTERS].rstrip() + "…"
