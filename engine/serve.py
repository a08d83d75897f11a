"""What the window drives: requests as JSON lines on the input, events as JSON lines on the output.

    {"do": "run", "recipe": {...}}                    a run; its events follow, `run_finished` last
    {"do": "cancel"}                                  stop the run or export that is going
    {"do": "preflight", "id": 1, "recipe": {...}}     reply: Preflight (engine/preflight.py)
    {"do": "profile", "id": 2, "model": "starter:…", "trust": null}
                                                      reply: {"folder": …, "profile": {...} , "notes": [...]}
    {"do": "data", "id": 3, "data": "…" | {...}}      reply: {"columns": [...], "text": …, "label": …,
                                                              "labels": {name: rows}, "rows": n, "examples": [...]}
    {"do": "try", "id": 4, "run": "RUN-ID", "text": "…"}
                      reply: {"original": Answer, "optimized": Answer},
                      Answer = {"answer": "animal", "confidence": 0.93, "ms": 2.1,
                                "choices": [["animal", 0.93], ["person", 0.02], …]}
    {"do": "export", "id": 5, "run": "RUN-ID", "format": "torch"|"onnxruntime"|"openvino", "folder": "…"}
                      `progress` events, then reply: {"folder": …, "size_bytes": …, "loads_plainly": …, "note": …}
    {"do": "quit"}

Every request with an id is answered by exactly one `reply` with the same id. A `run` is answered by
`run_finished` even when its recipe is refused. One job (run, export, try) goes at a time; light
requests (preflight, profile, data) are answered between events of a run only after it has ended.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from engine import store
from engine.errors import Cancelled, Refused
from engine.events import Event, Reply
from engine.recipe import DataSource, Recipe, recipe_from

LOG = logging.getLogger(__name__)


class Server:
    """Reads requests in a thread (so that a cancel is seen at once) and carries them out one by one."""

    def __init__(self, requests: TextIO, say: TextIO) -> None:
        self._requests = requests
        self._say = say
        self._queue: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._cancelled = threading.Event()
        self._trier: Any = None

    def serve(self) -> None:
        """Answer until told to quit or the input ends (the window is gone): then the job going is cancelled."""
        threading.Thread(target=self._read, daemon=True).start()
        while (request := self._queue.get()) is not None:
            self._cancelled.clear()
            self._answer(request)
        if self._trier is not None:
            self._trier.close()

    def _read(self) -> None:
        for line in self._requests:
            try:
                request = json.loads(line)
                what = request["do"]
            except (ValueError, KeyError, TypeError):
                LOG.error("not a request: %s", line[:200])
                continue
            if what == "cancel":
                self._cancelled.set()
            elif what == "quit":
                break
            else:
                self._queue.put(request)
        self._cancelled.set()
        self._queue.put(None)

    def _answer(self, request: dict[str, Any]) -> None:
        number = int(request.get("id", 0))
        try:
            carry_out = getattr(self, f"_do_{request['do']}", None)
            if carry_out is None:
                raise Refused(f"The engine knows no request '{request['do']}'.")
            value = carry_out(request)
            if value is not None:
                self._emit(Reply(id=number, value=value))
        except (Refused, Cancelled) as reason:
            self._emit(Reply(id=number, refused=str(reason)))
        except Exception as error:
            from engine.recording import surprise

            LOG.exception("request %s failed", request.get("do"))
            self._emit(Reply(id=number, refused=surprise(error)))

    def _do_run(self, request: dict[str, Any]) -> None:
        from engine.runner import refused_run, run

        self._close_trier()
        try:
            recipe = recipe_from(request["recipe"])
        except Refused as reason:
            refused_run(request["recipe"], str(reason), self._emit)
            return
        run(recipe, self._emit, self._cancelled.is_set)

    def _do_preflight(self, request: dict[str, Any]) -> dict[str, Any]:
        from engine.models.resolve import resolve
        from engine.preflight import preflight

        recipe: Recipe = recipe_from(request["recipe"])
        source = resolve(recipe.model, trust_remote_code=recipe.trust_remote_code)
        return preflight(recipe, source.profile).model_dump(mode="json")

    def _do_profile(self, request: dict[str, Any]) -> dict[str, Any]:
        from engine.models.resolve import resolve

        found = resolve(request["model"], trust_remote_code=request.get("trust"))
        return {
            "folder": str(found.folder),
            "profile": found.profile.model_dump(mode="json"),
            "notes": list(found.notes),
        }

    def _do_data(self, request: dict[str, Any]) -> dict[str, Any]:
        from engine.data.reading import inspect

        given = request["data"]
        source = DataSource(path=given) if isinstance(given, str) else DataSource.model_validate(given)
        return inspect(source).model_dump(mode="json")

    def _do_try(self, request: dict[str, Any]) -> dict[str, Any]:
        from engine.trying import Trier

        if self._trier is None:
            self._trier = Trier(self._check)
        return self._trier.ask(store.read_run(request["run"]), request["text"])

    def _do_export(self, request: dict[str, Any]) -> dict[str, Any]:
        from engine.export import export

        run = store.read_run(request["run"])
        return asdict(export(run, request["format"], Path(request["folder"]), self._emit, self._cancelled.is_set))

    def _check(self) -> None:
        if self._cancelled.is_set():
            raise Cancelled("Cancelled.")

    def _close_trier(self) -> None:
        """A run must not share the cores with models that wait to be tried."""
        if self._trier is not None:
            self._trier.close()

    def _emit(self, event: Event) -> None:
        self._say.write(event.model_dump_json() + "\n")
        self._say.flush()


def main() -> None:
    """Keep the real output for events; whatever libraries print goes to the error stream."""
    say = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    Server(sys.stdin, say).serve()
