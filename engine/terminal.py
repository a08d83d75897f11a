"""The user's terminal: our own words on it, the libraries' chatter in the log, a run shown as it goes."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from engine import events
from engine.errors import Cancelled, Refused
from engine.events import Emit, Event


@dataclass(frozen=True)
class Streams:
    """Where the user reads: results on `out`, what went wrong on `err`."""

    out: TextIO
    err: TextIO


@contextlib.contextmanager
def own_streams(log: Path) -> Iterator[Streams]:
    """Keep output and error stream for ourselves; all that anyone else prints goes to `log`.

    Done with file descriptors, since compiled libraries and child processes print past Python.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    chatter = _appending(log)
    os.dup2(chatter, 1)
    os.dup2(chatter, 2)
    os.close(chatter)
    streams = Streams(_text(kept[0], sys.stdout), _text(kept[1], sys.stderr))
    try:
        yield streams
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, stream in enumerate((streams.out, streams.err), start=1):
            os.dup2(stream.fileno(), number)
            with contextlib.suppress(OSError):  # nobody reads any more
                stream.close()


def _appending(log: Path) -> int:
    try:
        return os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError:  # a home that cannot be written; whoever needs it will say so
        return os.open(os.devnull, os.O_WRONLY)


def _text(descriptor: int, like: TextIO) -> TextIO:
    encoding = like.encoding if os.isatty(descriptor) else "utf-8"
    return os.fdopen(descriptor, "w", encoding=encoding, errors="replace", buffering=1)


class Terminal:
    """Shows events as they come; use as a context manager.

    On a terminal a bar for each step, on the error stream. In a pipe plain lines on the output, so
    that the error stream holds nothing but what went wrong.
    """

    def __init__(self, streams: Streams, *, quiet: bool = False) -> None:
        bars = streams.err.isatty()
        console = Console(file=streams.err if bars else streams.out, quiet=quiet, soft_wrap=not bars)
        columns = (
            TextColumn("{task.description:<34}"),
            BarColumn(),
            TextColumn("{task.fields[message]}"),
            TimeElapsedColumn(),
        )
        self._bars = bars and not quiet
        self._progress = Progress(*columns, console=console, disable=not self._bars)
        self._task: TaskID | None = None

    def __enter__(self) -> Terminal:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, event: Event) -> None:
        """One bar a step; notes between them."""
        if isinstance(event, events.StepStarted):
            self._end_bar()
            self._task = self._progress.add_task(event.title, total=None, message="")
            if not self._bars:
                self._progress.console.print(event.title, markup=False, highlight=False)
        elif isinstance(event, events.Progress) and self._task is not None:
            total = event.total or None
            self._progress.update(self._task, completed=event.done, total=total, message=event.message)
        elif isinstance(event, events.Note):
            style = "yellow" if event.level == "warning" else "dim"
            self._progress.console.print(event.text, style=style, markup=False, highlight=False)
        elif isinstance(event, events.RunFinished):
            self._end_bar()

    def _end_bar(self) -> None:
        if self._task is not None:
            self._progress.update(self._task, total=1, completed=1, message="")


@contextlib.contextmanager
def event_writer(target: str | None, out: TextIO) -> Iterator[Emit]:
    """Writes events as JSON lines to a file, to the output for "-", or nowhere."""
    if target is None:
        yield lambda event: None
        return
    if target == "-":
        yield _line_writer(out)
        return
    try:
        file = Path(target).open("w", encoding="utf-8")  # noqa: SIM115
    except OSError as error:
        raise Refused(f"The events cannot be written to {target} ({error.strerror}). Choose another file.") from error
    with file:
        yield _line_writer(file)


def _line_writer(file: TextIO) -> Emit:
    """Whoever reads the events may leave: that cancels the run, once."""
    gone = False

    def write(event: Event) -> None:
        nonlocal gone
        if gone:
            return
        try:
            file.write(event.model_dump_json() + "\n")
            file.flush()
        except BrokenPipeError:
            gone = True
            raise Cancelled("Cancelled, because nobody reads the events any more.") from None

    return write
