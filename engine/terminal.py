"""A run in the terminal: a progress bar on the error stream, events as JSON lines where asked."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from engine import events
from engine.events import Emit, Event


class Terminal:
    """Shows events as they come; use as a context manager."""

    def __init__(self, *, quiet: bool = False) -> None:
        console = Console(stderr=True, quiet=quiet)
        columns = (
            TextColumn("{task.description:<34}"),
            BarColumn(),
            TextColumn("{task.fields[message]}"),
            TimeElapsedColumn(),
        )
        self._progress = Progress(*columns, console=console, transient=False)
        self._task = None

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
        elif isinstance(event, events.Progress) and self._task is not None:
            total = event.total or None
            self._progress.update(self._task, completed=event.done, total=total, message=event.message)
        elif isinstance(event, events.Note):
            self._progress.console.print(event.text, style="yellow" if event.level == "warning" else "dim")
        elif isinstance(event, events.RunFinished):
            self._end_bar()

    def _end_bar(self) -> None:
        if self._task is not None:
            self._progress.update(self._task, total=1, completed=1, message="")


@contextlib.contextmanager
def event_writer(target: str | None) -> Iterator[Emit]:
    """Writes events as JSON lines to a file, to the output for "-", or nowhere."""
    if target is None:
        yield lambda event: None
        return
    if target == "-":
        yield lambda event: print(event.model_dump_json(), flush=True, file=sys.stdout)
        return
    with Path(target).open("w", encoding="utf-8") as file:

        def write(event: Event) -> None:
            file.write(event.model_dump_json() + "\n")
            file.flush()

        yield write
