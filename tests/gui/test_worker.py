"""The worker before a real process: answers, deaths, deafness, bursts, the end."""

import os
import sys

import psutil
import pytest

from engine.events import Progress, Reply, RunFinished
from engine.run import Status
from gui.engine_process import YOUNG_DEATHS, Patience, in_words
from gui.session import first_recipe
from gui.worker import Worker

WAIT_MS = 10_000


def recipe(model):
    return first_recipe().model_copy(update={"model": model}).model_dump(mode="json")


def start(qtbot, worker):
    with qtbot.waitSignal(worker.started, timeout=WAIT_MS):
        worker.start()


def told_deaths(worker):
    deaths = []
    worker.died.connect(lambda why, was_running: deaths.append((why, was_running)))
    return deaths


def children():
    return [p for p in psutil.Process().children(recursive=True) if any("stand_in" in part for part in p.cmdline())]


def kill_engine():
    for process in children():
        process.kill()


def test_a_request_is_answered_under_its_number(qtbot, worker):
    start(qtbot, worker)
    with qtbot.waitSignal(worker.replied, timeout=WAIT_MS) as caught:
        number = worker.ask("profile", model="quick", trust=None)
    (reply,) = caught.args
    assert isinstance(reply, Reply) and reply.id == number and reply.value["profile"]["layers"] == 6


def test_a_run_ends_with_its_record(qtbot, worker):
    start(qtbot, worker)
    events = []
    worker.happened.connect(events.append)
    worker.run(recipe("quick"))
    assert worker.running
    qtbot.waitUntil(lambda: not worker.running, timeout=WAIT_MS)
    assert isinstance(events[-1], RunFinished) and events[-1].run.verified


def test_cancel_is_answered_by_the_run_s_end(qtbot, worker):
    start(qtbot, worker)
    events = []
    worker.happened.connect(events.append)
    worker.run(recipe("slow"))
    qtbot.waitUntil(lambda: any(isinstance(event, Progress) for event in events), timeout=WAIT_MS)
    worker.cancel()
    qtbot.waitUntil(lambda: not worker.running, timeout=WAIT_MS)
    assert events[-1].run.status is Status.CANCELLED


def test_an_engine_deaf_to_cancel_is_ended_and_replaced(qtbot, worker):
    start(qtbot, worker)
    worker.run(recipe("deaf"))
    qtbot.waitUntil(lambda: bool(children()), timeout=WAIT_MS)
    before = children()[0].pid
    deaths = told_deaths(worker)
    with qtbot.waitSignals([worker.died, worker.started], timeout=WAIT_MS):
        worker.cancel()
    ((why, was_running),) = deaths
    assert "did not answer the cancel" in why and was_running
    assert not worker.running
    assert [process.pid for process in children()] != [before]


def test_a_killed_engine_is_explained_and_replaced(qtbot, worker):
    start(qtbot, worker)
    worker.run(recipe("slow"))
    qtbot.wait(300)
    deaths = told_deaths(worker)
    with qtbot.waitSignals([worker.died, worker.started], timeout=WAIT_MS):
        kill_engine()
    ((why, was_running),) = deaths
    assert "killed (signal 9)" in why and was_running
    with qtbot.waitSignal(worker.replied, timeout=WAIT_MS) as caught:
        worker.ask("data", data="x")
    assert caught.args[0].value["rows"] == 10


def test_what_was_asked_of_a_dead_engine_is_refused(qtbot, worker):
    start(qtbot, worker)
    worker.run(recipe("dies"))
    answers = []
    worker.replied.connect(answers.append)
    qtbot.waitUntil(lambda: not worker.running, timeout=WAIT_MS)
    number = worker.ask("no such thing")
    qtbot.waitUntil(lambda: any(reply.id == number for reply in answers), timeout=WAIT_MS)
    assert answers[-1].refused


def test_an_engine_that_never_lives_is_given_up(qtbot, home):
    worker = Worker((sys.executable, "-c", "raise SystemExit(7)"))
    deaths = []
    worker.died.connect(lambda why, _: deaths.append(why))
    with qtbot.waitSignal(worker.gave_up, timeout=WAIT_MS) as caught:
        worker.start()
    assert "exit code 7" in caught.args[0] and len(deaths) == YOUNG_DEATHS
    worker.stop()


def test_a_program_that_is_not_there_is_a_sentence(qtbot, home):
    worker = Worker((str(home / "nothing"),))
    with qtbot.waitSignal(worker.gave_up, timeout=WAIT_MS) as caught:
        worker.start()
    assert "could not be started" in caught.args[0]
    worker.stop()


def test_a_burst_of_progress_is_thinned_and_nothing_else_is_lost(qtbot, worker):
    lines = "; ".join(
        f'print(\'{{"kind":"progress","step":0,"done":{n},"total":9,"message":""}}\')' for n in range(200)
    )
    note = 'print(\'{"kind":"note","text":"n"}\')'
    code = f"import time; {lines}; {note}; print('no JSON', flush=True); time.sleep(60)"
    burst = Worker((sys.executable, "-c", code), Patience(quit=10))
    events = []
    burst.happened.connect(events.append)
    burst.start()
    qtbot.waitUntil(lambda: bool(events) and events[-1].kind == "note", timeout=WAIT_MS)
    burst.stop()
    progress = [event for event in events if isinstance(event, Progress)]
    assert len(progress) < 50 and progress[-1].done == 199


def test_stop_ends_the_process_within_two_seconds(qtbot, worker):
    start(qtbot, worker)
    worker.run(recipe("deaf"))
    qtbot.waitUntil(lambda: bool(children()), timeout=WAIT_MS)
    mine = children()
    worker.stop()
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in mine)
    assert not children()


def test_stop_twice_does_nothing(qtbot, worker):
    start(qtbot, worker)
    worker.stop()
    worker.stop()


@pytest.mark.skipif(os.name == "nt", reason="no signals there")
@pytest.mark.parametrize(
    ("code", "crashed", "words"), [(9, True, "memory"), (11, True, "SIGSEGV"), (3, False, "code 3")]
)
def test_why_in_words(code, crashed, words):
    assert words in in_words(code, crashed=crashed)
