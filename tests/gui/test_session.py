"""The session: what is told when, and two of them on one folder of runs."""

import pytest

from engine import store
from engine.errors import Refused
from engine.run import Run, Status
from engine.techniques.prune import Prune
from engine.techniques.quantize import Quantize
from engine.techniques.train_head import TrainHead
from gui.session import Session, changed_steps, first_recipe, refusal_of

WAIT_MS = 10_000


def new_run(**changes):
    run_id, folder = store.new_run_folder()
    run = Run(id=run_id, recipe=first_recipe().model_dump(mode="json"), environment={}, folder=str(folder), started=1.0)
    run = run.model_copy(update={"status": Status.FINISHED} | changes)
    run.save()
    return run


def test_an_equal_recipe_tells_nothing(qtbot, home):
    session = Session(first_recipe())
    with qtbot.assertNotEmitted(session.recipe_changed):
        session.set_recipe(first_recipe())


@pytest.fixture
def profile(stand_in):
    return stand_in.profile


def test_another_model_makes_the_profile_void(qtbot, home, profile):
    session = Session(first_recipe())
    session.set_profile(profile())
    with qtbot.waitSignals([session.model_changed, session.profile_changed, session.recipe_changed]):
        session.set_recipe(session.recipe.model_copy(update={"model": "other"}))
    assert session.profile is None


def test_two_sessions_see_each_other_s_runs(qtbot, home):
    here, there = Session(first_recipe()), Session(first_recipe())
    here.watch()
    there.watch()
    run = new_run()
    qtbot.waitUntil(lambda: [r.id for r in here.runs] == [r.id for r in there.runs] == [run.id], timeout=WAIT_MS)
    here.select(run.id)
    there.delete(run.id)
    qtbot.waitUntil(lambda: here.runs == [] and here.selected is None, timeout=WAIT_MS)


def test_a_run_whose_process_is_gone_is_told_as_failed(qtbot, home):
    new_run(status=Status.RUNNING, process=2**22 + 1)
    session = Session(first_recipe())
    session.refresh()
    assert session.runs[0].status is Status.FAILED and session.runs[0].reason


def test_reuse_brings_a_run_s_recipe_back(qtbot, home):
    wanted = first_recipe().model_copy(update={"steps": (Prune(sparsity=0.4),), "seed": 5})
    run = new_run(recipe=wanted.model_dump(mode="json"))
    session = Session(first_recipe())
    session.refresh()
    session.reuse(run.id)
    assert session.recipe == wanted


def test_a_recipe_of_another_version_is_refused_in_a_sentence(qtbot, home):
    run = new_run(recipe={"model": "m", "sorcery": True})
    session = Session(first_recipe())
    session.refresh()
    with pytest.raises(Refused, match="sorcery"):
        session.reuse(run.id)


def test_a_going_run_is_not_deleted(qtbot, home):
    import os

    import psutil

    run = new_run(status=Status.RUNNING, process=os.getpid(), process_started=psutil.Process().create_time())
    session = Session(first_recipe())
    with pytest.raises(Refused, match="still going"):
        session.delete(run.id)


def test_a_model_without_a_head_is_refused_until_it_gets_one(home, profile):
    recipe = first_recipe()
    headless = profile(has_head=False)
    assert "Teach it your labels" in (refusal_of(recipe, headless, "classification") or "")
    taught = recipe.model_copy(update={"steps": (TrainHead(), *recipe.steps)})
    assert refusal_of(taught, headless, "classification") is None
    assert refusal_of(recipe, None, "classification") is None


@pytest.mark.parametrize("task", [None, "language modelling", "sentence similarity"])
def test_only_labels_need_a_head(home, profile, task):
    assert refusal_of(first_recipe(), profile(has_head=False), task) is None


def test_a_step_for_other_data_is_refused_in_a_sentence(home, profile, monkeypatch):
    monkeypatch.setattr(Quantize, "tasks", ("language modelling",))
    sentence = refusal_of(first_recipe(), profile(), "classification") or ""
    assert "“Smaller numbers” is for other data (running text); yours: texts with labels." in sentence
    assert refusal_of(first_recipe(), profile(), None) is None


def test_other_data_make_the_task_unknown_until_they_are_read(qtbot, home):
    session = Session(first_recipe())
    session.set_task("classification")
    with qtbot.assertNotEmitted(session.task_changed):
        session.set_task("classification")
    with qtbot.waitSignal(session.task_changed) as told:
        session.set_recipe(session.recipe.model_copy(update={"data": "book.txt"}))
    assert told.args == [None] and session.task is None


def test_steps_change_the_profile_one_after_the_other(home, profile):
    recipe = first_recipe().model_copy(update={"steps": (Prune(structure="layers", sparsity=0.5), Quantize())})
    left = changed_steps(recipe, profile())
    assert left.layers == 3 and left.storage.bits == 8
