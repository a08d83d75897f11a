"""`bozzetto serve` as the window drives it: a real process, real pipes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine import store
from engine.run import Status

TRAINING = {"distill": {"minutes": 5, "layers": 1.0}}
QUICK = {"prune": {"structure": "weights"}}


@pytest.fixture(scope="module")
def recipe(tiny_models, tmp_path_factory) -> Callable[..., dict[str, Any]]:
    """A recipe on a tiny BERT, from its steps; the same model and data each time, so one original."""
    place = tmp_path_factory.mktemp("serve")
    tiny_models.build(place / "bert", "bert")
    tiny_models.write_csv(place / "texts.csv", tiny_models.texts(300))

    def make(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"model": str(place / "bert"), "data": str(place / "texts.csv"), "steps": list(steps), **more}

    return make


def test_whatever_comes_in_every_id_is_answered_once(engine, recipe) -> None:
    engine.write(b'garbage\n[1]\n"x"\nnull\n\xff\xfe\n{"id": 1}\n' + b"[" * 100_000 + b"\n")
    for number, request in enumerate(
        [
            {"do": "nonsense"},
            {"do": "_emit"},
            {"do": "profile"},
            {"do": "profile", "model": 5},
            {"do": "data", "data": {"path": "x", "q": 1}},
            {"do": "data", "data": None},
            {"do": "preflight", "recipe": None},
            {"do": "try", "run": "none", "text": "x"},
            {"do": "try", "run": "../..", "text": "x"},
            {"do": "export", "run": "none", "format": "torch", "folder": "/x"},
            {"do": ["run"]},
        ],
        start=2,
    ):
        engine.send(id=number, **request)
    engine.send(do="preflight", id=99, recipe=recipe(QUICK))
    replies = []
    while not replies or replies[-1]["id"] != 99:
        replies.append(engine.next())
    assert [reply["id"] for reply in replies] == [*range(1, 13), 99]
    assert all(reply["refused"].endswith((".", "…")) and not reply["value"] for reply in replies[:-1])
    assert not any("did not foresee" in reply["refused"] for reply in replies), replies
    assert replies[-1]["value"]["memory_bytes"] > 1e9
    assert replies[-1]["value"]["problems"] == []


def test_a_request_that_is_not_there_to_be_numbered_gets_number_zero(engine) -> None:
    engine.send(do="nonsense", id="seven")
    assert engine.next()["id"] == 0


@pytest.mark.parametrize("values", [None, 5, [], {"modle": "x"}, {"model": "/nowhere/at/all", "data": "x"}])
def test_a_refused_recipe_ends_as_a_run_does(engine, values) -> None:
    found = engine.run(values)
    assert found["status"] == "failed"
    assert found["reason"].endswith(".")


def test_a_cancel_right_behind_its_run_is_not_lost_and_spares_the_next(engine, recipe) -> None:
    run = json.dumps({"do": "run", "recipe": recipe(TRAINING)}).encode()
    engine.write(run + b'\n{"do": "cancel"}\n{"do": "profile", "id": 5, "model": "/nowhere"}\n')
    assert engine.finished()["status"] == "cancelled"
    assert engine.next()["id"] == 5
    engine.send(do="cancel")
    assert "There is no folder" in engine.ask(do="profile", id=6, model="/nowhere/x")["refused"]


def _progress(message: str) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event["kind"] == "progress" and message in event["message"]


CANCELLED_AT = {
    "baseline": (QUICK, "original"),
    "training": (TRAINING, "learning"),
    "trial": ({"quantize": {"bits": 16, "runtime": "torch"}}, "answering in a fresh process"),
    "judging": (QUICK, "timing"),
}


@pytest.mark.parametrize("moment", CANCELLED_AT)
def test_cancel_ends_the_run_its_processes_and_its_scratch(engine, recipe, moment: str, wait_for) -> None:
    step, message = CANCELLED_AT[moment]
    seed = {"data": recipe()["data"]} if moment != "baseline" else {}
    engine.send(do="run", recipe=recipe(step, **seed))
    engine.until(_progress(message))
    engine.send(do="cancel")
    found = engine.finished()
    assert found["status"] == "cancelled", found["reason"]
    folder = Path(found["folder"])
    assert json.loads((folder / "run.json").read_text())["status"] == "cancelled"
    assert {path.name for path in folder.iterdir()} == {"run.json", "events.jsonl"}
    wait_for(lambda: not engine.children())
    assert not list((engine.home / "baselines").glob(".*"))


def test_a_killed_measuring_process_fails_the_run_not_the_engine(engine, recipe, wait_for) -> None:
    engine.send(do="run", recipe=recipe(TRAINING))
    engine.until(_progress("learning"))
    engine.send(do="cancel")
    engine.finished()
    engine.send(do="run", recipe=recipe(QUICK))
    engine.until(lambda event: event["kind"] == "step_started" and event["name"] == "measure")
    wait_for(engine.children)
    for child in engine.children():
        child.kill()
    found = engine.finished()
    assert found["status"] == "failed"
    assert "killed, most likely for want of memory" in found["reason"]
    assert "There is no folder" in engine.ask(do="profile", id=8, model="/nowhere/x")["refused"]


def test_try_and_a_cancelled_export_after_a_run(engine, recipe, tmp_path: Path) -> None:
    run = engine.run(recipe(QUICK))
    assert run["status"] == "finished", run["reason"]
    text = "a small dog near the horse"
    value = engine.ask(do="try", id=20, run=run["id"], text=text)["value"]
    assert value["original"]["answer"] == value["optimized"]["answer"] == "animal"
    export = {"do": "export", "run": run["id"], "folder": str(tmp_path / "openvino")}
    assert "There is no format" in engine.ask(id=25, format="gguf", **export)["refused"]
    engine.send(id=26, format="openvino", **export)
    engine.until(_progress("translating"))
    engine.send(do="cancel")
    assert engine.until(lambda event: event["kind"] == "reply")["refused"].startswith("Cancelled")
    assert list(tmp_path.iterdir()) == []


def test_quit_ends_the_process(start_engine) -> None:
    engine = start_engine()
    engine.send(do="quit")
    assert engine.process.wait(timeout=20) == 0


@pytest.mark.parametrize("how", ["input closed", "killed"])
def test_an_engine_that_is_left_or_killed_takes_its_processes_along(
    start_engine, recipe, how: str, wait_for, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = start_engine()
    engine.send(do="run", recipe=recipe(TRAINING))
    engine.until(_progress("the original answers"))
    children = engine.children()
    assert children
    if how == "killed":
        engine.process.kill()
    else:
        engine.process.stdin.close()
    engine.process.wait(timeout=10)
    wait_for(lambda: not any(_runs(child) for child in children), seconds=5)
    monkeypatch.setenv("BOZZETTO_HOME", str(engine.home))
    (found,) = store.list_runs()
    assert found.status is (Status.FAILED if how == "killed" else Status.CANCELLED)
    assert found.reason.endswith(".")
    store.tidy()
    assert not (Path(found.folder) / "work").exists()
    assert not list((engine.home / "baselines").glob(".*"))


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
