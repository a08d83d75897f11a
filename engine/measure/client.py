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
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.device import threads
from engine.errors import Refused

if TYPE_CHECKING:
    import numpy as np

POLL_SECONDS = 0.1
BATCH = 32


class BenchProcess:
    """A context manager: the process lives as long as the `with` block.

    `check` is called while waiting; it cancels by raising, and the process is ended with the block.
    """

    def __init__(self, folder: Path, check: Callable[[], None], *, full_precision: bool = False) -> None:
        self.folder = folder
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
        self._send(
            {"do": "load", "folder": str(self.folder), "threads": threads(), "full_precision": self._full_precision}
        )
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

    def time(self, batches: Sequence[Sequence[str]], warm_up: int = 0) -> list[float]:
        """Milliseconds for each batch, from text to logits."""
        return self._ask({"do": "time", "batches": [list(batch) for batch in batches], "warm_up": warm_up})["ms"]

    def logits(self, texts: Sequence[str], done: Callable[[int], None]) -> np.ndarray:
        """Logits [texts, labels] in float32; `done` is told how many texts are answered."""
        import numpy as np

        with tempfile.TemporaryDirectory() as place:
            source, out = Path(place) / "texts.json", Path(place) / "logits.npy"
            source.write_text(json.dumps(list(texts)), encoding="utf-8")
            self._ask({"do": "logits", "texts": str(source), "out": str(out), "batch": BATCH}, done)
            return np.load(out, allow_pickle=False)

    def answer(self, text: str) -> tuple[list[float], float]:
        """Logits and milliseconds for one text."""
        found = self._ask({"do": "answer", "text": text})
        return found["logits"], found["ms"]

    def peak_memory(self) -> int:
        """Peak resident bytes of the process so far."""
        return self._ask({"do": "memory"})["peak_bytes"]

    def _ask(self, request: dict[str, Any], done: Callable[[int], None] | None = None) -> dict[str, Any]:
        _ = self.loaded
        self._send(request)
        return self._receive(done)

    def _send(self, request: dict[str, Any]) -> None:
        try:
            self._process.stdin.write(json.dumps(request) + "\n")  # type: ignore[union-attr]
            self._process.stdin.flush()  # type: ignore[union-attr]
        except OSError:
            raise self._ended() from None

    def _receive(self, done: Callable[[int], None] | None = None) -> dict[str, Any]:
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
                    f"The saved folder {self.folder} did not pass in a fresh process: {found['error']}. "
                    "It is not offered as a result; the log holds the details."
                )
            if "done" not in found:
                return found
            self._check()
            if done:
                done(found["done"])

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
