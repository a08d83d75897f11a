"""The engine's process, seen from the window: requests go in, events come out as signals.

    Worker (window's thread) --queued--> gui.engine_process.EngineProcess (its own QThread)
                             <--queued--  batches of events, "started", "ended because …"

Promises kept here: every request with an id is answered by exactly one reply, even if the process
dies; a process that dies is replaced; one that does not answer a cancel is ended and replaced.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QMetaObject, QObject, Qt, QThread, Signal

from engine.events import Event, Reply, RunFinished
from gui.engine_process import EngineProcess, Patience

ENGINE = (sys.executable, "-m", "engine", "serve")
LONG_JOBS = ("run", "export", "try", "profile")
"""What can be cancelled; a profile is long where its model is downloaded first."""


class Worker(QObject):
    """Drives one engine process at a time. `start` it, `stop` it before the program ends."""

    happened = Signal(object)
    """Every event of a run, in order; a burst of progress is thinned to its last."""
    replied = Signal(Reply)
    """The one answer to a request that `ask` numbered."""
    started = Signal()
    """A process is there; it knows nothing of what was asked before."""
    died = Signal(str, bool)
    """The process ended without being asked to: why, in words, and whether a run was going."""
    gave_up = Signal(str)
    """It died again and again right after its start: no further one is started."""
    running_changed = Signal(bool)

    _send = Signal(dict)
    _cancel = Signal()

    def __init__(
        self, command: Sequence[str] = ENGINE, patience: Patience | None = None, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._ids = itertools.count(1)
        self._open: dict[int, str] = {}
        self._running = False
        self._ready = False
        self._thread = QThread(self)
        self._process = EngineProcess(command, patience or Patience())
        self._process.moveToThread(self._thread)
        self._connect_signals()

    @property
    def running(self) -> bool:
        """Whether a run is going (asked for, and not finished)."""
        return self._running

    @property
    def ready(self) -> bool:
        """Whether a process is there to be asked."""
        return self._ready

    @property
    def busy(self) -> bool:
        """Whether a long job (see `LONG_JOBS`) is going."""
        return self._running or any(kind in LONG_JOBS for kind in self._open.values())

    def start(self) -> None:
        """Start the thread and in it the first process."""
        self._thread.start()
        self.restart()

    def restart(self) -> None:
        """Start a process if there is none, whatever happened before."""
        QMetaObject.invokeMethod(self._process, "begin", Qt.ConnectionType.QueuedConnection)

    def stop(self) -> None:
        """End the process and everything it started; back within two seconds."""
        if not self._thread.isRunning():
            return
        QMetaObject.invokeMethod(self._process, "end", Qt.ConnectionType.BlockingQueuedConnection)
        self._thread.quit()
        self._thread.wait()

    def run(self, recipe: dict[str, Any]) -> None:
        """Begin a run; its events follow, `RunFinished` last."""
        self._set_running(True)
        self._send.emit({"do": "run", "recipe": recipe})

    def cancel(self) -> None:
        """Stop the long job that is going; the process is ended if it does not answer in time."""
        if self.busy:
            self._cancel.emit()

    def ask(self, kind: str, **fields: Any) -> int:
        """Send a request; its id, under which `replied` will answer."""
        number = next(self._ids)
        self._open[number] = kind
        self._send.emit({"do": kind, "id": number, **fields})
        return number

    def _connect_signals(self) -> None:
        self._send.connect(self._process.send)
        self._cancel.connect(self._process.cancel)
        self._process.events.connect(self._receive)
        self._process.started.connect(self._greet)
        self._process.ended.connect(self._lost)
        self._process.gave_up.connect(self.gave_up)

    def _receive(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Reply):
                self._open.pop(event.id, None)
                self.replied.emit(event)
                continue
            if isinstance(event, RunFinished):
                self._set_running(False)
            self.happened.emit(event)

    def _greet(self) -> None:
        self._ready = True
        self.started.emit()

    def _lost(self, why: str) -> None:
        self._ready = False
        was_running = self._running
        unanswered, self._open = self._open, {}
        self._set_running(False)
        self.died.emit(why, was_running)
        for number in unanswered:
            self.replied.emit(Reply(id=number, refused=why))

    def _set_running(self, running: bool) -> None:
        if running != self._running:
            self._running = running
            self.running_changed.emit(running)
