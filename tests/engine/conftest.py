"""Tiny models and texts for the engine's tests (see tests/tiny_models.py)."""

import contextlib
import importlib.util
import io
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import psutil
import pytest

# Two measuring processes and other tests share the cores: with threads that wait by spinning, a
# tiny model's answer takes ten times as long. (Benchmarks do not load this file.)
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


class TinyModel(Protocol):
    """Makes a folder with a tiny model; the keywords are those of `tiny_models.build`."""

    def __call__(self, family: str, **settings: int | bool) -> Path: ...


class TinyTexts(Protocol):
    """Makes a CSV file with the columns text and label."""

    def __call__(self, count: int, labels: int = 3, seed: int = 0) -> Path: ...


@pytest.fixture(scope="session")
def tiny_models() -> ModuleType:
    """The module tests/tiny_models.py, loaded once and late: it imports torch."""
    name = "tiny_models"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / f"{name}.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def built_models() -> dict[str, Path]:
    """What was built in this session, by its settings."""
    return {}


@pytest.fixture
def tiny_model(
    tiny_models: ModuleType,
    built_models: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> TinyModel:
    """A function that gives a folder of one's own with a tiny model: damage it at will."""

    def make(family: str, **settings: int | bool) -> Path:
        key = repr((family, sorted(settings.items())))
        if key not in built_models:
            build = tiny_models.build_decoder if family in tiny_models.DECODERS else tiny_models.build
            built_models[key] = build(tmp_path_factory.mktemp("built") / family, family, **settings)
        return Path(shutil.copytree(built_models[key], tmp_path_factory.mktemp("tiny") / family))

    return make


@pytest.fixture
def tiny_texts(tiny_models: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> TinyTexts:
    """A function that gives a CSV file of texts that the tiny models of as many labels know."""

    def make(count: int, labels: int = 3, seed: int = 0) -> Path:
        rows = tiny_models.texts(count, labels, seed)
        return tiny_models.write_csv(tmp_path_factory.mktemp("texts") / "texts.csv", rows)

    return make


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, for tests that count runs or break things."""
    monkeypatch.setenv("BOZZETTO_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def bench_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders answer in this process and no time is taken: a run takes one second rather than ten."""
    import torch

    from engine.measure.bench import Bench

    class Inside:
        def __init__(self, folder: Path, task: str, check: Callable[[], None], *, full_precision: bool = False) -> None:
            self.folder, self._check, self._bench = folder, check, Bench(io.StringIO())
            request = {"do": "load", "folder": str(folder), "task": task, "threads": 1}
            self.loaded = self._bench.answer(request | {"full_precision": full_precision})

        def __enter__(self) -> "Inside":
            return self

        def __exit__(self, *_: object) -> None:
            torch.set_num_threads(2)

        def time(self, items: list[Any]) -> list[float]:
            self._check()
            return [1.0 + 0.01 * place for place in range(len(items))]

        def answers(self, examples: Any, done: Callable[[int], None], **files: Path | None) -> Any:
            done(0)
            return self._bench._reader.answers(examples, done, **files)

        def respond(
            self, text: str, settings: dict[str, Any], piece: Callable[[str], None] = lambda piece: None
        ) -> dict[str, Any]:
            return self._bench._reader.respond(text, piece, settings)

        def peak_memory(self) -> int:
            return 1

    monkeypatch.setattr("engine.measure.referee.BenchProcess", Inside)
    monkeypatch.setattr("engine.measure.referee.Referee.opens", Inside)
    monkeypatch.setattr("engine.trying.BenchProcess", Inside)


class Engine:
    """A real `bozzetto serve`: requests go in, events come out as dictionaries."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.process = subprocess.Popen(
            [sys.executable, "-m", "engine", "serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "BOZZETTO_HOME": str(home)},
        )
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def send(self, **request: Any) -> None:
        """One request."""
        self.write(json.dumps(request).encode() + b"\n")

    def write(self, raw: bytes) -> None:
        """Whatever bytes."""
        self.process.stdin.write(raw)
        self.process.stdin.flush()

    def next(self, seconds: float = 120.0) -> dict[str, Any] | None:
        """The next event; None when the output has ended."""
        return self._events.get(timeout=seconds)

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Read on to the first event that is wanted."""
        while (event := self.next()) is not None:
            assert event["kind"] != "run_finished" or wanted(event), event["run"]["reason"]
            if wanted(event):
                return event
        raise AssertionError(f"the engine ended: {self.process.stderr.read().decode()[-2000:]}")

    def finished(self) -> dict[str, Any]:
        """The record of the run that is going, when it is over."""
        return self.until(lambda event: event["kind"] == "run_finished")["run"]

    def run(self, recipe: dict[str, Any]) -> dict[str, Any]:
        """Carry out a recipe."""
        self.send(do="run", recipe=recipe)
        return self.finished()

    def ask(self, **request: Any) -> dict[str, Any]:
        """The reply to a request; a run's events before it are dropped."""
        self.send(**request)
        return self.until(lambda event: event["kind"] == "reply" and event["id"] == request["id"])

    def children(self) -> list[psutil.Process]:
        """The processes that it started."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def close(self) -> None:
        """End it whatever it does."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(OSError):
                pipe.close()

    def _read(self) -> None:
        for line in self.process.stdout:
            self._events.put(json.loads(line))
        self._events.put(None)


@pytest.fixture
def start_engine(tmp_path: Path) -> Iterator[Callable[..., Engine]]:
    """A function that starts an engine of one's own."""
    started: list[Engine] = []

    def start(home: Path | None = None) -> Engine:
        started.append(Engine(home or tmp_path / "home"))
        return started[-1]

    yield start
    for engine in started:
        engine.close()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One engine for all tests of a file: what one test asked must not matter to the next."""
    shared = Engine(tmp_path_factory.mktemp("engine") / "home")
    yield shared
    shared.close()


@pytest.fixture
def bozzetto(own_home: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command, in a process of its own."""

    def call(*arguments: object, **settings: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "engine", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, **settings)

    return call


def wait_for(true: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture(name="wait_for")
def _wait_for() -> Callable[..., None]:
    return wait_for
