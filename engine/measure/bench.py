"""The fresh process: loads one saved folder and answers for it. `python -m engine.measure.bench`.

Requests come as JSON lines on the input, answers go as JSON lines on the output:

    {"do": "load", "folder": "…", "task": "classification", "threads": 2, "full_precision": false}
                                                    → {"runtime": …, "libraries_bytes": …}
    {"do": "time", "items": [one of a workload, …]} → {"ms": [one for each item]}
    {"do": "answers", "examples": "FILE.json", "out": "FILE.npy", "keep": null, "against": null}
                                                    → {"done": n} …, {"rows": n}
    {"do": "respond", "text": "…", "settings": {}}  → {"piece": "…"} …, the task's answer
    {"do": "memory"}                                → {"peak_bytes": …}

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

from engine.errors import Refused

TOLD_EVERY_SECONDS = 0.1


class Bench:
    """One loaded folder."""

    def __init__(self, say: TextIO) -> None:
        self._say = say
        self._told = 0.0

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Carry out one request by its name."""
        return getattr(self, f"do_{request['do']}")(request)

    def do_load(self, request: dict[str, Any]) -> dict[str, Any]:
        """Find the folder's runtime, note what its libraries take, load the model."""
        from engine.runtimes import runtime_of
        from engine.tasks import task_named

        folder = Path(request["folder"])
        runtime = runtime_of(folder)
        if runtime is None:
            raise FileNotFoundError(f"{folder} holds no model that a runtime here can load")
        task = task_named(request["task"])
        task.encoder(folder)
        for package in runtime.packages:
            __import__(package) if package in ("torch", "transformers", "onnxruntime", "openvino") else None
        libraries = psutil.Process().memory_info().rss
        self._reader = task.load(runtime, folder, request["threads"], full_precision=request["full_precision"])
        return {"runtime": runtime.name, "libraries_bytes": libraries}

    def do_time(self, request: dict[str, Any]) -> dict[str, Any]:
        """Time each item, in milliseconds."""
        return {"ms": [self._reader.time(item) for item in request["items"]]}

    def do_answers(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answers [rows, figures] to all examples of a JSON file, saved as .npy."""
        import numpy as np

        from engine.data.splits import Examples

        values = json.loads(Path(request["examples"]).read_text(encoding="utf-8"))
        examples = Examples(*(tuple(values[name]) for name in ("texts", "labels", "corpus")))
        keep, against = (Path(request[name]) if request[name] else None for name in ("keep", "against"))
        found = self._reader.answers(examples, self._done, keep=keep, against=against)
        np.save(request["out"], found)
        return {"rows": len(found)}

    def do_respond(self, request: dict[str, Any]) -> dict[str, Any]:
        """The task's answer to a person's text."""
        return self._reader.respond(request["text"], lambda piece: self._write({"piece": piece}), request["settings"])

    def do_memory(self, _: dict[str, Any]) -> dict[str, Any]:
        """Peak resident memory of this process so far, in bytes."""
        return {"peak_bytes": peak_memory()}

    def _done(self, count: int) -> None:
        now = time.monotonic()
        if now - self._told >= TOLD_EVERY_SECONDS:
            self._told = now
            self._write({"done": count})

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
            except Refused as refused:
                self._write({"error": str(refused)})
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
