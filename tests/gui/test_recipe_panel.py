"""The left column: cards in their order, predictions one after the other, the run bar's states."""

import pytest

from engine.presets import PRESETS
from engine.recipe import Limits
from engine.techniques import TECHNIQUES, estimates
from engine.techniques.distill import Distill
from engine.techniques.prune import Prune
from engine.techniques.quantize import Quantize
from engine.techniques.train_head import TrainHead
from gui.numbers import megabytes
from gui.recipe_panel.cards import Cards, arranged
from gui.recipe_panel.limits import LimitsBox
from gui.recipe_panel.presets import applied
from gui.recipe_panel.run_bar import RunBar, State
from gui.session import first_recipe
from gui.words import rough_duration

SOME = (TrainHead, Prune, Distill, Quantize)


def kinds(steps):
    return [kind for kind, _ in arranged(steps) if kind in SOME]


def test_without_steps_every_technique_has_one_empty_card():
    assert arranged(()) == [(technique, None) for technique in TECHNIQUES]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ((Quantize(),), [TrainHead, Prune, Distill, Quantize]),
        ((Distill(), Prune()), [TrainHead, Distill, Prune, Quantize]),
        ((Prune(), Distill(), Prune()), [TrainHead, Prune, Distill, Prune, Quantize]),
    ],
)
def test_steps_keep_their_order_and_empty_cards_stand_where_they_would_run(steps, expected):
    assert kinds(steps) == expected
    assert {kind for kind, _ in arranged(steps)} == set(TECHNIQUES)
    assert tuple(step for _, step in arranged(steps) if step is not None) == steps


def test_each_card_foretells_what_its_steps_leave(qtbot, home, stand_in):
    cards = Cards()
    qtbot.addWidget(cards)
    profile = stand_in.profile()
    steps = (Prune(structure="layers", sparsity=0.5), Quantize())
    cards.set_value(steps)
    cards.set_profile(profile)
    shown = [card.prediction.size_figure.value.text() for card in cards.cards if card.value() is not None]
    assert shown == [megabytes(each.size_bytes) for each in estimates(steps, profile)]


def test_a_student_that_is_not_here_yet_is_given_no_figures(qtbot, home, stand_in):
    cards = Cards()
    qtbot.addWidget(cards)
    cards.set_value((Distill(student="someone/small"), Quantize()))
    cards.set_profile(stand_in.profile())
    for card in (card for card in cards.cards if card.value() is not None):
        shown = (card.prediction.size_figure, card.prediction.speed_figure)
        assert [figure.value.text() for figure in shown] == ["?", "?"]
        assert [figure.sure.text() for figure in shown] == ["only measuring will tell"] * 2


def test_without_a_profile_cards_say_why_nothing_is_foretold(qtbot, home):
    cards = Cards()
    qtbot.addWidget(cards)
    cards.set_value((Quantize(),))
    cards.set_profile(None, "Nothing can be foretold without a model.")
    assert cards.cards[-1].prediction.line.text() == "Nothing can be foretold without a model."


def test_a_card_switched_off_and_on_keeps_its_settings(qtbot, home):
    cards = Cards()
    qtbot.addWidget(cards)
    cards.set_value((Prune(sparsity=0.6),))
    card = cards.cards[1]
    card.switch.click()
    assert cards.value() == ()
    card.switch.click()
    assert cards.value() == (Prune(sparsity=0.6),)


def test_a_technique_for_other_data_is_shown_with_a_reason_and_cannot_be_switched_on(qtbot, home, monkeypatch):
    monkeypatch.setattr(Prune, "tasks", ("language modelling",))
    cards = Cards()
    qtbot.addWidget(cards)
    cards.set_task("classification")
    card = cards.cards[1]
    assert card.isVisibleTo(cards) and not card.switch.isEnabled()
    assert card.misplaced.isVisibleTo(card) and "running text" in card.misplaced.text()
    cards.set_value((Prune(),))  # a recipe may have it all the same: then it can be switched off
    assert card.switch.isEnabled()
    card.switch.click()
    assert cards.value() == () and not card.switch.isEnabled()
    cards.set_task("language modelling")
    assert card.switch.isEnabled() and not card.misplaced.isVisibleTo(card)


@pytest.mark.parametrize(("task", "offered"), [("classification", True), ("language modelling", False), (None, True)])
def test_a_head_is_offered_only_where_there_are_labels(qtbot, home, stand_in, task, offered):
    cards = Cards()
    qtbot.addWidget(cards)
    cards.set_profile(stand_in.profile(has_head=False))
    cards.set_task(task)
    assert cards.cards[0].switch.isEnabled() is offered
    assert cards.cards[0].isVisibleTo(cards)  # with the reason, where it is of no use
    assert bool(cards.cards[0].misplaced.text()) is not offered


def test_a_loss_is_counted_as_the_task_counts_it(qtbot, home):
    box = LimitsBox()
    qtbot.addWidget(box)
    box.set_value(Limits(max_quality_loss=2.0))
    entry = box.rows["max_quality_loss"].number.entry
    assert entry.text() == "2 points"
    box.set_loss("%")
    assert entry.text() == "2 %" and box.value() == Limits(max_quality_loss=2.0)


def test_showing_steps_tells_nothing(qtbot, home):
    cards = Cards()
    qtbot.addWidget(cards)
    with qtbot.assertNotEmitted(cards.value_changed):
        cards.set_value((Prune(), Quantize()))


@pytest.mark.parametrize("limits", [Limits(), Limits(max_quality_loss=0.35, max_size_mb=12.5, time_minutes=3)])
def test_limits_go_in_and_come_out(qtbot, home, limits):
    box = LimitsBox()
    qtbot.addWidget(box)
    with qtbot.assertNotEmitted(box.value_changed):
        box.set_value(limits)
    assert box.value() == limits


def test_a_preset_keeps_what_prepares_the_original():
    recipe = first_recipe().model_copy(update={"steps": (TrainHead(), Prune())})
    assert applied(PRESETS[0], recipe).steps == (TrainHead(), *PRESETS[0].steps)


def test_the_run_bar_shows_problems_in_red_and_figures_otherwise(qtbot, home):
    bar = RunBar()
    qtbot.addWidget(bar)
    bar.show_preflight({"seconds": 400, "memory_bytes": 2e9, "disk_bytes": 5e8, "problems": []})
    assert "about 7 min" in bar.line.text() and bar.line.property("class") == "small"
    bar.show_preflight({"problems": ["Not enough memory."]})
    assert bar.line.text() == "Not enough memory." and bar.line.property("class") == "bad"


def test_the_button_does_what_it_says(qtbot, home):
    bar = RunBar()
    qtbot.addWidget(bar)
    with qtbot.waitSignal(bar.run):
        bar.button.click()
    bar.set_state(State.RUNNING)
    with qtbot.waitSignal(bar.cancel):
        bar.button.click()
    bar.set_state(State.CANCELLING)
    assert not bar.button.isEnabled()


@pytest.mark.parametrize(("seconds", "words"), [(3, "10 s"), (41, "40 s"), (400, "7 min"), (7200, "2.0 h")])
def test_rough_durations(seconds, words):
    assert words in rough_duration(seconds)
