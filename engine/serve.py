"""What the window drives: requests as JSON lines on the input, events as JSON lines on the output.

    {"do": "run", "recipe": {...}}                    a run; its events follow, `run_finished` last
    {"do": "cancel"}                                  stop the run, export or download that is going
    {"do": "preflight", "id": 1, "recipe": {...}}     reply: Preflight (engine/preflight.py)
    {"do": "profile", "id": 2, "model": "starter:…", "trust": null}
                                                      reply: {"folder": …, "profile": {...} , "notes": [...]};
                                                      `progress` events before it, while a model is downloaded
    {"do": "data", "id": 3, "data": "…" | {...}}      reply: an Inspection (engine/data/source.py)
    {"do": "try", "id": 4, "run": "RUN-ID", "text": "…", "settings": {"tokens": 64, "temperature": 0.7, "seed": 1}}
                      (settings: for language models only, and may be left out)
                      for language models `piece` events as they write; then
                      reply: {"original": Answer, "optimized": Answer}.
                      Classification, Answer = {"answer": "animal", "confidence": 0.93, "ms": 2.1,
                                                "choices": [["animal", 0.93], ["person", 0.02], …]}
                      Sentence similarity: the same, the choices being the ten nearest texts of the corpus
                      Language modelling, Answer = {"text": "…", "ids": [...], "prompt_tokens": 5, "prompt_ms": 3.1,
                                                    "ms": 410.0, "per_second": 155.2}
    {"do": "export", "id": 5, "run": "RUN-ID", "format": "torch"|"onnxruntime"|"openvino", "folder": "…"}
                      `progress` events, then reply: {"folder": …, "size_bytes": …, "loads_plainly": …, "note": …}
    {"do": "quit"}

Every request with an id is answered by exactly one `reply` with the same id; a `run` is answered by
`run_finished` instead, also when its recipe is refused. Requests are carried out one at a time, in the order
in which they came. A cancel counts for everything asked before it and for nothing asked after it.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, TextIO, get_args

from engine import store
from engine.data.source import Inspection
from engine.errors import Cancelled, Refused
from engine.events import Event, Piece, Progress, Reply
from engine.models.profile import RuntimeName
from engine.recipe import DataSource, data_source_from, recipe_from

LOG = logging.getLogger(__name__)


class Server:
    """Reads requests in a thread (so that a cancel is seen at once) and carries them out one by one."""

    def __init__(self, requests: BinaryIO, say: TextIO) -> None:
        self._requests = requests
        self._say = say
        self._queue: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._asked = 0
        self._begun = 0
        self._cancelled_up_to = 0
        self._trier: Any = None
        self._looked_at: Any = None

    def serve(self) -> None:
        """Answer until told to quit or the input ends (the window is gone): then the job going is cancelled."""
        threading.Thread(target=self._read, daemon=True).start()
        while (request := self._queue.get()) is not None:
            self._begun += 1
            self._answer(request)
        self._close_trier()

    def _read(self) -> None:
        for line in self._requests:
            request = _request(line)
            if request is None:
                LOG.error("not a request: %r", line[:200])
            elif request["do"] == "cancel":
                self._cancelled_up_to = self._asked
            elif request["do"] == "quit":
                break
            else:
                self._asked += 1
                self._queue.put(request)
        self._cancelled_up_to = self._asked
        self._queue.put(None)

    def _cancelled(self) -> bool:
        """Counted rather than flagged: a cancel may be read before the job it is meant for has begun."""
        return self._begun <= self._cancelled_up_to

    def _answer(self, request: dict[str, Any]) -> None:
        if request["do"] == "run":
            self._run(request.get("recipe"))
            return
        number = request["id"]
        try:
            carry_out = _REQUESTS.get(request["do"])
            if carry_out is None:
                raise Refused(f"The engine knows no request '{request['do']}'.")
            self._emit(Reply(id=number, value=carry_out(self, request)))
        except (Refused, Cancelled) as reason:
            self._emit(Reply(id=number, refused=str(reason)))
        except Exception as error:
            from engine.recording import surprise

            LOG.exception("request %s failed", request["do"])
            self._emit(Reply(id=number, refused=surprise(error)))

    def _run(self, values: Any) -> None:
        from engine.runner import refused_run, run

        self._close_trier()
        try:
            run(recipe_from(values), self._emit, self._cancelled)
        except Refused as reason:
            refused_run(values, str(reason), self._emit)

    def _preflight(self, request: dict[str, Any]) -> dict[str, Any]:
        from engine.models.resolve import resolve
        from engine.preflight import preflight
        from engine.tasks import task_named

        recipe = recipe_from(_field(request, "recipe"))
        source = resolve(recipe.model, trust_remote_code=recipe.trust_remote_code, tell=self._say_progress)
        task = task_named(self._inspected(recipe.source).task)
        return preflight(recipe, source.profile, task, model=source.folder).model_dump(mode="json")

    def _profile(self, request: dict[str, Any]) -> dict[str, Any]:
        from engine.models.resolve import resolve

        found = resolve(str(_field(request, "model")), trust_remote_code=request.get("trust"), tell=self._say_progress)
        return {
            "folder": str(found.folder),
            "profile": found.profile.model_dump(mode="json"),
            "notes": list(found.notes),
        }

    def _data(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._inspected(data_source_from(_field(request, "data"))).model_dump(mode="json")

    def _inspected(self, source: DataSource) -> Inspection:
        """A first look at data; the last one is kept, for the window asks again at every slider."""
        from engine.data.source import inspect

        path = Path(source.path).expanduser()
        told = (source, path.stat().st_mtime_ns if path.is_file() else 0)
        if told != self._looked_at:
            self._inspection, self._looked_at = inspect(source), told
        return self._inspection

    def _try(self, request: dict[str, Any]) -> dict[str, Any]:
        from engine.trying import Trier

        if self._trier is None:
            self._trier = Trier(self._check)
        run, text = store.read_run(str(_field(request, "run"))), str(_field(request, "text"))

        def told(side: str, piece: str) -> None:
            self._emit(Piece(id=int(request["id"]), side=side, text=piece))

        return self._trier.ask(run, text, told, dict(request.get("settings") or {}))

    def _export(self, request: dict[str, Any]) -> dict[str, Any]:
        from engine.export import export

        run = store.read_run(str(_field(request, "run")))
        runtime, folder = _field(request, "format"), Path(str(_field(request, "folder")))
        if runtime not in get_args(RuntimeName):
            raise Refused(f"There is no format '{runtime}'; there are {', '.join(get_args(RuntimeName))}.")
        return asdict(export(run, runtime, folder, self._emit, self._cancelled))

    def _check(self) -> None:
        if self._cancelled():
            raise Cancelled("Cancelled.")

    def _say_progress(self, done: float, total: float, message: str) -> None:
        self._check()
        self._emit(Progress(step=0, done=done, total=total, message=message))

    def _close_trier(self) -> None:
        """A run must not share the cores with models that wait to be tried."""
        if self._trier is not None:
            self._trier.close()

    def _emit(self, event: Event) -> None:
        try:
            self._say.write(event.model_dump_json() + "\n")
            self._say.flush()
        except OSError:  # nobody listens any more: as good as a quit
            self._cancelled_up_to = self._asked


_REQUESTS: dict[str, Callable[[Server, dict[str, Any]], dict[str, Any]]] = {
    "preflight": Server._preflight,
    "profile": Server._profile,
    "data": Server._data,
    "try": Server._try,
    "export": Server._export,
}


def _request(line: bytes) -> dict[str, Any] | None:
    """A line as a request with "do" (a string) and "id" (a number, 0 if left out); None if it is none."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(request, dict):
        return None
    number = request.get("id", 0)
    return {**request, "do": str(request.get("do")), "id": number if isinstance(number, int) else 0}


def _field(request: dict[str, Any], name: str) -> Any:
    if name not in request:
        raise Refused(f"The request '{request['do']}' lacks '{name}'.")
    return request[name]


def main() -> None:
    """Keep the real output for events; whatever libraries print goes to the error stream."""
    say = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    Server(sys.stdin.buffer, say).serve()
