"""The log: plain lines with the time, in the order in which they came."""

from __future__ import annotations

import time
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QColor, QFontDatabase, QGuiApplication, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QMessageBox,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from engine.events import Event, Measured, Note, Progress, RunFinished, StepStarted
from gui.numbers import count, megabytes, milliseconds, quality
from gui.runs.words import status_in_words
from gui.task_words import words_for
from gui.theme import colors

MOST_LINES = 5000
FLUSH_MS = 50
ROLES = {
    "info": "text",
    "step": "accent",
    "progress": "muted",
    "warning": "warning",
    "error": "bad",
}


class Log(QWidget):
    """Lines are gathered and written every 50 ms; progress is one line that changes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._waiting: list[tuple[str, str]] = []
        self._last_is_progress = False
        self._timer = QTimer(self, interval=FLUSH_MS, singleShot=True)
        self._timer.timeout.connect(self.flush)
        self.view = QPlainTextEdit(self)
        self.copy_button = QPushButton(self.tr("Copy"), self)
        self.save_button = QPushButton(self.tr("Save…"), self)
        self._set_up()
        self._lay_out()

    def _set_up(self) -> None:
        self.view.setReadOnly(True)
        self.view.setUndoRedoEnabled(False)
        self.view.setMaximumBlockCount(MOST_LINES)
        self.view.setTabChangesFocus(True)
        self.view.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)
        self.view.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.view.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.view.setPlaceholderText(self.tr("What a run says while it runs is written here."))
        self.view.setAccessibleName(self.tr("Log"))
        self.view.setToolTip(self.tr("Everything that happened, with the time. The last 5,000 lines are kept."))
        self.copy_button.setToolTip(self.tr("Copies the whole log to the clipboard."))
        self.copy_button.setAccessibleName(self.tr("Copy the log"))
        self.copy_button.clicked.connect(self._copy)
        self.save_button.setToolTip(self.tr("Saves the whole log as a text file."))
        self.save_button.setAccessibleName(self.tr("Save the log"))
        self.save_button.clicked.connect(self._save)

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self.copy_button)
        row.addWidget(self.save_button)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.view, 1)
        layout.addLayout(row)

    def on_event(self, event: Event) -> None:
        """Write down what a run says; curve points are for the plots only."""
        if isinstance(event, StepStarted):
            place = self.tr("step {0} of {1}").format(event.step + 1, event.steps)
            self.add(f"{event.title} ({place})", "step")
        elif isinstance(event, Progress):
            done = self.tr("{0} of {1}").format(count(event.done), count(event.total))
            self._write(f"  {event.message}  {done if event.total > 0 else ''}".rstrip(), "progress")
        elif isinstance(event, Note):
            self.add(event.text, event.level)
        elif isinstance(event, Measured):
            label = f" ({event.label})" if event.label and event.label != event.subject else ""
            self.add(f"{event.subject}{label}: {_figures(event)}")
        elif isinstance(event, RunFinished):
            reason = f": {event.run.reason}" if event.run.reason else ""
            level = "error" if event.run.status == "failed" else "step"
            self.add(self.tr("Run ended, {0}{1}").format(status_in_words(event.run), reason), level)

    def add(self, text: str, level: str = "info") -> None:
        """Write a line; several lines keep together. Levels: info, step, warning, error."""
        self._write(text, level if level in ROLES else "info")

    def text(self) -> str:
        """All lines, those that wait included."""
        self.flush()
        return self.view.toPlainText()

    def _write(self, text: str, level: str) -> None:
        line = (f"{time.strftime('%H:%M:%S')}  {text}", level)
        if level == "progress" and self._waiting and self._waiting[-1][1] == "progress":
            self._waiting[-1] = line
        else:
            self._waiting.append(line)
        if len(self._waiting) > MOST_LINES:
            del self._waiting[:-MOST_LINES]
        if not self._timer.isActive():
            self._timer.start()

    def flush(self) -> None:
        """Write what waits; stay at the end only if the reader is there."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        bar = self.view.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 2
        cursor = QTextCursor(self.view.document())
        cursor.beginEditBlock()
        for text, level in waiting:
            self._write_line(cursor, text, level)
        cursor.endEditBlock()
        if at_end:
            bar.setValue(bar.maximum())

    def _write_line(self, cursor: QTextCursor, text: str, level: str) -> None:
        """Append a line, or put it in the place of the progress before it."""
        cursor.movePosition(QTextCursor.MoveOperation.End)
        if level == "progress" and self._last_is_progress:
            cursor.movePosition(QTextCursor.MoveOperation.StartOfBlock, QTextCursor.MoveMode.KeepAnchor)
        elif not self.view.document().isEmpty():
            cursor.insertBlock()
        style = QTextCharFormat()
        style.setForeground(QColor(getattr(colors(), ROLES[level])))
        cursor.insertText(text, style)
        self._last_is_progress = level == "progress"

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text())

    def _save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, self.tr("Save the log"), "bozzetto-log.txt")
        if not name:
            return
        try:
            Path(name).write_text(self.text() + "\n", encoding="utf-8")
        except OSError as error:
            QMessageBox.warning(
                self,
                self.tr("Not saved"),
                self.tr("The log could not be saved: {0}.").format(error),
            )


def _figures(event: Measured) -> str:
    """What was measured, in short."""
    measured = event.measurement
    found = [measured.runtime, measured.precision]
    if measured.size_bytes is not None:
        found.append(megabytes(measured.size_bytes))
    words = words_for(measured.task)
    if measured.latency:
        found.append(f"{milliseconds(measured.latency.median_ms)} ({words.one.lower()})")
    if measured.throughput:
        found.append(f"{count(measured.throughput.per_second)} ({words.many.lower()})")
    if measured.quality:
        found.append(f"{measured.quality.metric} {quality(measured.quality.metric, measured.quality.value)}")
    return ", ".join(found)
