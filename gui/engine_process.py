"""One engine process after another, inside a thread of its own: start, write, read, cancel, end.

begin → running → (dies) → told why → begin again, unless it died young three times in a row
            └→ cancel → answered in time → running
                    └→ not answered → ended with all its children → told → begin again
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from pydantic import ValidationError
from PySide6.QtCore import QCoreApplication, QIODevice, QObject, QProcess, QProcessEnvironment, QTimer, Signal, Slot

from engine import store
from engine.events import Event, Progress, Reply, RunFinished, parse

YOUNG_SECONDS = 10.0
YOUNG_DEATHS = 3
KILLED = 9
LARGEST_LOG = 1_000_000


@dataclass(frozen=True)
class Patience:
    """How long to wait for the engine, in milliseconds."""

    cancel: int = 5000
    quit: int = 700
    batch: int = 40
    """Events are passed on this often, so that a burst costs the window one repaint."""


class EngineProcess(QObject):
    """Lives in the worker's thread; every slot is called through a queued signal."""

    events = Signal(list)
    started = Signal()
    ended = Signal(str)
    gave_up = Signal(str)

    def __init__(self, command: Sequence[str], patience: Patience) -> None:
        super().__init__()
        self._command, self._patience = list(command), patience
        self._process: QProcess | None = None
        self._rest = b""
        self._batch: list[Event] = []
        self._why = ""
        self._born = 0.0
        self._young_deaths = 0
        self._flush_timer = QTimer(self, singleShot=True, interval=patience.batch)
        self._flush_timer.timeout.connect(self._flush)
        self._cancel_timer = QTimer(self, singleShot=True, interval=patience.cancel)
        self._cancel_timer.timeout.connect(self._lose_patience)

    @Slot()
    def begin(self) -> None:
        """Start a process if none is there."""
        if self._process is not None:
            return
        self._rest, self._why, self._born = b"", "", time.monotonic()
        process = self._process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONUNBUFFERED", "1")
        process.setProcessEnvironment(environment)
        process.setStandardErrorFile(str(_ready_log()), QIODevice.OpenModeFlag.Append)
        process.started.connect(self.started)
        process.readyReadStandardOutput.connect(self._read)
        process.finished.connect(self._finished)
        process.errorOccurred.connect(self._not_started)
        process.start(self._command[0], self._command[1:])

    @Slot(dict)
    def send(self, request: dict[str, Any]) -> None:
        """Write one request as a line; refused at once where no process is there."""
        if self._process is not None:
            self._process.write(json.dumps(request).encode() + b"\n")
        elif "id" in request:
            self.events.emit([Reply(id=request["id"], refused=self._absent())])
        elif request["do"] == "run":
            self.ended.emit(self._absent())

    @Slot()
    def cancel(self) -> None:
        """Ask the long job to stop, and begin to count."""
        self.send({"do": "cancel"})
        self._cancel_timer.start()

    @Slot()
    def end(self) -> None:
        """Let the process end by itself for a moment, then end it and all its children."""
        process, self._process = self._process, None
        self._flush_timer.stop()
        self._cancel_timer.stop()
        if process is None:
            return
        process.finished.disconnect(self._finished)
        process.errorOccurred.disconnect(self._not_started)
        process.write(b'{"do": "quit"}\n')
        process.closeWriteChannel()
        family = _family(process.processId())
        if not process.waitForFinished(self._patience.quit):
            process.kill()
            process.waitForFinished(1000)
        _kill(family)

    def _read(self) -> None:
        if self._process is None:
            return
        *lines, self._rest = (self._rest + self._process.readAllStandardOutput().data()).split(b"\n")
        for line in lines:
            event = _event(line)
            if event is None:
                continue
            if isinstance(event, (RunFinished, Reply)):
                self._cancel_timer.stop()
                self._young_deaths = 0
            if isinstance(event, Progress) and self._batch and isinstance(self._batch[-1], Progress):
                self._batch[-1] = event
            else:
                self._batch.append(event)
        if self._batch and not self._flush_timer.isActive():
            self._flush_timer.start()

    def _flush(self) -> None:
        batch, self._batch = self._batch, []
        if batch:
            self.events.emit(batch)

    def _lose_patience(self) -> None:
        if self._process is None:
            return
        text = self.tr("The engine did not answer the cancel within {0:g} s and was ended.")
        self._why = text.format(self._patience.cancel / 1000)
        _kill(_family(self._process.processId()))

    def _not_started(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart and self._process is not None:
            text = self.tr("The engine could not be started ({0}: {1}).")
            self._why = text.format(self._command[0], self._process.errorString())
            self._finished(-1, QProcess.ExitStatus.NormalExit)

    def _absent(self) -> str:
        return self.tr("The engine is not running. Restart it first.")

    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._read()
        self._flush()
        self._cancel_timer.stop()
        if self._process is None:
            return
        self._process.deleteLater()
        self._process = None
        why = self._why or in_words(code, crashed=status is QProcess.ExitStatus.CrashExit)
        self.ended.emit(why)
        young = time.monotonic() - self._born < YOUNG_SECONDS
        self._young_deaths = self._young_deaths + 1 if young else 0
        if self._young_deaths < YOUNG_DEATHS:
            self.begin()
        else:
            self._young_deaths = 0
            text = self.tr("{0} It was started {1} times. The log is {2}.")
            self.gave_up.emit(text.format(why, YOUNG_DEATHS, log_file()))


def in_words(code: int, *, crashed: bool) -> str:
    """Why a process ended, for a person. After a crash, Qt's exit code is the signal's number."""
    say = partial(QCoreApplication.translate, "EngineProcess")
    if not crashed:
        return say("The engine's process ended by itself (exit code {0}).").format(code)
    if code == KILLED:
        return say("The engine's process was killed (signal 9), perhaps because memory ran out.")
    names = {known.value: known.name for known in signal.Signals}
    return say("The engine's process crashed (signal {0}, {1}).").format(code, names.get(code, "?"))


def log_file() -> Path:
    """Where the engine's error stream goes: tracebacks and what libraries print."""
    return store.home() / "engine.log"


def _ready_log() -> Path:
    """Old lines are dropped once there are many: nobody reads them, and they would fill the disk."""
    log = log_file()
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.is_file() and log.stat().st_size > LARGEST_LOG:
        log.unlink()
    return log


def _event(line: bytes) -> Event | None:
    """The event of a line; None for a stray print of some library."""
    try:
        return parse(line)
    except ValidationError:
        return None


def _family(pid: int) -> list[psutil.Process]:
    """A process and all that it started, children first."""
    try:
        parent = psutil.Process(pid)
        return [*parent.children(recursive=True), parent]
    except (psutil.Error, ValueError):
        return []


def _kill(family: list[psutil.Process]) -> None:
    for process in family:
        try:
            process.kill()
        except psutil.Error:
            continue  # gone already
