"""The fresh process: loads one saved folder and answers for it. `python -m engine.measure.bench`.

Requests come as JSON lines on the input, answers go as JSON lines on the output:

    {"do": "load", "folder": "…", "threads": 2, "full_precision": false} → {"runtime": …, "libraries_bytes": …}
    {"do": "time", "batches": [["text", …], …], "warm_up": 3}            → {"ms": [one for each batch]}
    {"do": "logits", "texts": "FILE.json", "out": "FILE.npy", "batch": 32} → {"done": n} …, {"texts": n}
    {"do": "answer", "text": "…"}                                        → {"logits": […], "ms": …}
    {"do": "memory"}                                                     → {"peak_bytes": …}

A failure is {"error": "one sentence"}; the process goes on. Nothing that ran before can colour what
is measured here: no warm caches, no training mode, no patched modules.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from pathlib import Path
from typing import Any, TextIO

import psutil

PIECE = 256
"""Texts between two lines of progress."""


class Bench:
    """One loaded folder."""

    def __init__(self, say: TextIO) -> None:
        self._say = say

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Carry out one request by its name."""
        return getattr(self, f"do_{request['do']}")(request)

    def do_load(self, request: dict[str, Any]) -> dict[str, Any]:
        """Find the folder's runtime, note what its libraries take, load the model."""
        from engine.runtimes import runtime_of
        from engine.tasks.encoding import Encoder

        folder = Path(request["folder"])
        runtime = runtime_of(folder)
        if runtime is None:
            raise FileNotFoundError(f"{folder} holds no model that a runtime here can load")
        self._encoder = Encoder(folder)
        _ = self._encoder.tokenizer
        for package in runtime.packages:
            __import__(package) if package in ("torch", "transformers", "onnxruntime", "openvino") else None
        libraries = psutil.Process().memory_info().rss
        self._session = runtime.load(folder, request["threads"], full_precision=request["full_precision"])
        return {"runtime": runtime.name, "libraries_bytes": libraries}

    def do_time(self, request: dict[str, Any]) -> dict[str, Any]:
        """Time each batch from text to logits, in milliseconds, after `warm_up` untimed ones."""
        batches = request["batches"]
        for batch in batches[: request["warm_up"]]:
            self._session(self._encoder.batch(batch))
        return {"ms": [self._timed(batch)[1] for batch in batches]}

    def do_logits(self, request: dict[str, Any]) -> dict[str, Any]:
        """Logits [texts, labels] for all texts of a JSON file, saved as .npy."""
        import numpy as np

        texts = json.loads(Path(request["texts"]).read_text(encoding="utf-8"))
        # Alike lengths together waste no padding; the order is put back afterwards.
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        found: list[Any] = [None] * len(texts)
        size = request["batch"]
        for start in range(0, len(texts), size):
            indices = order[start : start + size]
            logits = self._session(self._encoder.batch([texts[index] for index in indices]))
            for row, index in enumerate(indices):
                found[index] = logits[row]
            if start % PIECE < size:
                self._write({"done": start + len(indices)})
        np.save(request["out"], np.stack(found).astype(np.float32))
        return {"texts": len(texts)}

    def do_answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Logits and milliseconds for one text (answered once unseen, so that it is warm)."""
        self._timed([request["text"]])
        logits, ms = self._timed([request["text"]])
        return {"logits": [float(value) for value in logits[0]], "ms": ms}

    def do_memory(self, _: dict[str, Any]) -> dict[str, Any]:
        """Peak resident memory of this process so far, in bytes."""
        return {"peak_bytes": peak_memory()}

    def _timed(self, texts: list[str]) -> tuple[Any, float]:
        start = time.perf_counter()
        logits = self._session(self._encoder.batch(texts))
        return logits, (time.perf_counter() - start) * 1000.0

    def _write(self, value: dict[str, Any]) -> None:
        self._say.write(json.dumps(value) + "\n")
        self._say.flush()

    def serve(self, requests: TextIO) -> None:
        """Answer until the input ends: then whoever asked is gone, and this process with it, even in mid-answer."""
        lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=_read, args=(requests, lines), daemon=True).start()
        while True:
            try:
                self._write(self.answer(json.loads(lines.get())))
            except Exception as error:
                self._write({"error": f"{type(error).__name__}: {error}".splitlines()[0]})


def _read(requests: TextIO, lines: queue.Queue[str]) -> None:
    for line in requests:
        lines.put(line)
    os._exit(0)


def peak_memory() -> int:
    """Peak resident bytes of this process, from the operating system's own count."""
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count the parent's memory too: it is kept from fork to exec
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main(bench: type[Bench] = Bench) -> None:
    """Keep the real output for answers; whatever libraries print goes to the error stream."""
    say = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ["HF_HUB_OFFLINE"] = "1"
    bench(say).serve(sys.stdin)


if __name__ == "__main__":
    main()
