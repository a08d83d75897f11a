"""Talks to a fresh process that holds one saved folder (`engine.measure.bench`)."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.device import threads
from engine.errors import Refused

if TYPE_CHECKING:
    import numpy as np

    from engine.data.splits import Examples

POLL_SECONDS = 0.1


class BenchProcess:
    """A context manager: the process lives as long as the `with` block.

    `check` is called while waiting; it cancels by raising, and the process is ended with the block.
    """

    def __init__(self, folder: Path, task: str, check: Callable[[], None], *, full_precision: bool = False) -> None:
        self.folder = folder
        self._task = task
        self._check = check
        self._full_precision = full_precision

    def __enter__(self) -> BenchProcess:
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=Path(__file__).parents[2],
            text=True,
            encoding="utf-8",
            process_group=0,  # Ctrl+C in a terminal is for us: we end this process when we are done
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        load = {"do": "load", "folder": str(self.folder), "task": self._task, "threads": threads()}
        self._send({**load, "full_precision": self._full_precision})
        self._loaded: dict[str, Any] | None = None
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()  # type: ignore[union-attr]
        self._errors.close()

    @property
    def command(self) -> list[str]:
        """What is started."""
        return [sys.executable, "-m", "engine.measure.bench"]

    @property
    def loaded(self) -> dict[str, Any]:
        """What loading told: runtime, bytes of its libraries. Waits for it the first time."""
        if self._loaded is None:
            self._loaded = self._receive()
        return self._loaded

    def time(self, items: Sequence[Any]) -> list[float]:
        """Milliseconds for each item of a workload."""
        return self._ask({"do": "time", "items": list(items)})["ms"]

    def answers(
        self,
        examples: Examples,
        done: Callable[[int], None],
        *,
        keep: Path | None = None,
        against: Path | None = None,
    ) -> np.ndarray:
        """Answers [rows, figures]; `done` is told how many examples are answered. See `engine.tasks.base.Reader`."""
        import numpy as np

        with tempfile.TemporaryDirectory() as place:
            source, out = Path(place) / "examples.json", Path(place) / "answers.npy"
            source.write_text(json.dumps(asdict(examples)), encoding="utf-8")
            files = {"keep": keep and str(keep), "against": against and str(against)}
            self._ask({"do": "answers", "examples": str(source), "out": str(out), **files}, done)
            return np.load(out, allow_pickle=False)

    def respond(
        self, text: str, settings: dict[str, Any], piece: Callable[[str], None] = lambda piece: None
    ) -> dict[str, Any]:
        """The task's answer to a person's text; `piece` is told what is written, as it is written."""
        return self._ask({"do": "respond", "text": text, "settings": settings}, piece=piece)

    def peak_memory(self) -> int:
        """Peak resident bytes of the process so far."""
        return self._ask({"do": "memory"})["peak_bytes"]

    def _ask(
        self,
        request: dict[str, Any],
        done: Callable[[int], None] = lambda done: None,
        piece: Callable[[str], None] = lambda piece: None,
    ) -> dict[str, Any]:
        _ = self.loaded
        self._send(request)
        return self._receive(done, piece)

    def _send(self, request: dict[str, Any]) -> None:
        try:
            self._process.stdin.write(json.dumps(request) + "\n")  # type: ignore[union-attr]
            self._process.stdin.flush()  # type: ignore[union-attr]
        except OSError:
            raise self._ended() from None

    def _receive(
        self, done: Callable[[int], None] = lambda done: None, piece: Callable[[str], None] = lambda piece: None
    ) -> dict[str, Any]:
        while True:
            try:
                line = self._lines.get(timeout=POLL_SECONDS)
            except queue.Empty:
                self._check()
                continue
            if line is None:
                raise self._ended()
            found = json.loads(line)
            if "error" in found:
                raise Refused(
                    f"The saved folder {self.folder} did not pass in a fresh process: {found['error'].rstrip('.')}. "
                    "It is not offered as a result; the log holds the details."
                )
            if not {"done", "piece"} & set(found):
                return found
            self._check()
            if "done" in found:
                done(found["done"])
            else:
                piece(found["piece"])

    def _read(self) -> None:
        with contextlib.suppress(ValueError, OSError):
            for line in self._process.stdout:  # type: ignore[union-attr]
                self._lines.put(line)
        self._lines.put(None)

    def _ended(self) -> Refused:
        code = self._process.wait()
        self._errors.seek(0)
        tail = self._errors.read().decode(errors="replace").strip().splitlines()[-1:]
        why = "it was killed, most likely for want of memory" if code == -9 else f"exit code {code}, {' '.join(tail)}"
        return Refused(
            f"The process that measured {self.folder} ended early: {why}. Close other programs and try again."
        )
