"""The folders of runs are the truth, whatever happened to them."""

import os
from pathlib import Path

import psutil
import pytest

from engine import store
from engine.errors import Refused
from engine.run import Run, Status


def _made(out: Path | None = None, **more: object) -> Run:
    run_id, folder = store.new_run_folder(out)
    values = {"id": run_id, "recipe": {}, "environment": {}, "folder": str(folder), "started": 1.0, **more}
    run = Run.model_validate(values)
    run.save()
    return run


@pytest.fixture(autouse=True)
def _home(own_home: Path) -> None:
    pass


def test_newest_first_and_what_cannot_be_read_is_left_out() -> None:
    made = [_made(status=Status.FINISHED) for _ in range(2)]
    for number, content in enumerate([b"", b"{", b'{"id": 5}', b"\xff\xfe"]):
        folder = store.runs_folder() / f"broken-{number}"
        folder.mkdir()
        (folder / "run.json").write_bytes(content)
    (store.runs_folder() / "stray.txt").write_text("not a folder")
    assert {run.id for run in store.list_runs()} == {run.id for run in made}


def test_runs_of_the_same_second_are_told_apart() -> None:
    made = [_made(status=Status.FINISHED, started=1.0 + number / 1000) for number in range(6)]
    assert [run.id for run in store.list_runs()] == [run.id for run in reversed(made)]


def test_a_run_whose_process_died_is_failed_and_its_scratch_goes() -> None:
    dead = _made(process=2**22 - 1, process_started=1.0)
    reused = _made(process=os.getpid(), process_started=1.0)
    going = _made(process=os.getpid(), process_started=psutil.Process().create_time())
    for run in (dead, reused, going):
        (Path(run.folder) / "work").mkdir()
    (store.home() / "baselines" / f"{store.BUILDING}{2**22 - 1}-abc").mkdir(parents=True)
    (store.home() / "baselines" / f"{store.BUILDING}{os.getpid()}-abc").mkdir(parents=True)
    store.tidy()
    found = {run.id: run.status for run in store.list_runs()}
    assert found == {dead.id: Status.FAILED, reused.id: Status.FAILED, going.id: Status.RUNNING}
    assert "ended before the run did" in store.read_run(dead.id).reason
    assert [(Path(run.folder) / "work").exists() for run in (dead, reused, going)] == [False, False, True]
    assert len(list((store.home() / "baselines").iterdir())) == 1
    with pytest.raises(Refused, match="still going"):
        store.delete_run(going.id)


def test_a_run_elsewhere_is_listed_until_a_later_one_takes_its_place(tmp_path: Path) -> None:
    first = _made(tmp_path / "out", status=Status.FINISHED)
    assert store.read_run(first.id).folder == str(tmp_path / "out")
    second = _made(tmp_path / "out", status=Status.FINISHED)
    assert [run.id for run in store.list_runs()] == [second.id]
    store.delete_run(second.id)
    assert store.list_runs() == []
    assert (tmp_path / "out" / "run.json").exists()


@pytest.mark.parametrize("name", ["none", "..", "../../etc", "", "\0", "a" * 300])
def test_a_run_that_is_not_there(name: str) -> None:
    _made(status=Status.FINISHED)
    with pytest.raises(Refused, match="There is no run"):
        store.delete_run(name)
    assert len(store.list_runs()) == 1
