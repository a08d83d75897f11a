"""The map of runs: its front by brute force, its points, and how one is selected."""

import random

import pytest
from PySide6.QtCore import Qt

from engine.run import Status
from gui.plots.front import Point, front_of, map_of
from gui.plots.runs_map import RunsMap
from gui.plots.speed_legend import speed_class


def dominated(point, points, better):
    """Whether another run that ended well is no larger, no worse, and not the same."""
    return any(
        other.kept
        and other.size <= point.size
        and better * other.quality >= better * point.quality
        and (other.size, other.quality) != (point.size, point.quality)
        for other in points
    )


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("lower", [False, True])
def test_the_front_is_what_brute_force_finds(seed, lower):
    chance = random.Random(seed)
    points = tuple(
        Point(str(n), chance.randint(1, 12), chance.randint(1, 12), None, chance.random() < 0.8) for n in range(40)
    )
    better = -1 if lower else 1
    expected = {(p.size, p.quality) for p in points if p.kept and not dominated(p, points, better)}
    front = front_of(points, lower_is_better=lower)
    assert {(p.size, p.quality) for p in front} == expected
    assert [p.size for p in front] == sorted(p.size for p in front)


def test_no_points_no_front():
    assert front_of(()) == ()


def test_runs_without_figures_have_no_point(sample):
    found = map_of([sample.run("a"), sample.failed("b")])
    assert [point.run_id for point in found.points] == ["a"]
    assert found.original == pytest.approx((91.6, 89.4))


def test_a_run_that_broke_the_floor_is_shown_but_not_on_the_front(sample):
    broken = sample.run("b", size=10.0, accuracy=0.95, status=Status.FLOOR_BROKEN)
    found = map_of([sample.run("a"), broken])
    assert len(found.points) == 2
    assert [point.run_id for point in found.front] == ["a"]


def test_runs_of_other_models_are_not_compared(sample):
    other = sample.run("b", recipe={"model": "mine", "data": "starter:kinds"}, started=1.0)
    assert [point.run_id for point in map_of([sample.run("a"), other]).points] == ["a"]
    found = map_of([sample.run("a"), other], selected="b")
    assert [point.run_id for point in found.points] == ["b"]
    assert found.others == 1


@pytest.mark.parametrize(("speed", "expected"), [(None, 0), (0.8, 0), (1.5, 1), (2.0, 2), (9.0, 3)])
def test_speed_has_four_colours(speed, expected):
    assert speed_class(speed) == expected


def test_empty_says_what_will_be_here(shown):
    widget = shown(RunsMap())
    assert widget._empty.isVisible()
    assert not widget.plot.isVisible()


def test_a_click_selects(shown, sample, qtbot):
    widget = shown(RunsMap())
    widget.set_runs([sample.run("a"), sample.run("b", size=50.0)])
    (point,) = [spot for spot in widget.plot.dots.points() if spot.data() == "b"]
    with qtbot.waitSignal(widget.selected) as told:
        widget.plot.dots.sigClicked.emit(widget.plot.dots, [point], None)
    assert told.args == ["b"]
    assert len(widget.plot.ring.points()) == 1


def test_arrow_keys_walk_by_size(shown, sample, qtbot):
    widget = shown(RunsMap())
    widget.set_runs([sample.run("large", size=70.0), sample.run("small", size=10.0), sample.run("middle", size=30.0)])
    seen = []
    widget.selected.connect(seen.append)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Left):
        qtbot.keyClick(widget, key)
    assert seen == ["small", "middle", "large", "large", "middle"]


def test_selecting_from_outside_tells_nobody(shown, sample, qtbot):
    widget = shown(RunsMap())
    widget.set_runs([sample.run("a")])
    with qtbot.assertNotEmitted(widget.selected):
        widget.select("a")
        widget.select(None)


def test_a_point_describes_its_run(shown, sample):
    widget = shown(RunsMap())
    widget.set_runs([sample.run("a")])
    text = widget.plot.describe("a")
    assert "23.7" in text
    assert "Smaller numbers" in text
    assert "4.1×" in text


def test_the_recipe_s_model_and_data_come_first(sample):
    """A newer run of another model must not hide what the recipe's own model was measured at."""
    ours, other = sample.run("ours"), sample.run("other", recipe={"model": "mine", "data": "texts.csv"})
    other = other.model_copy(update={"started": ours.started + 60})
    subject = str(ours.recipe["model"]), str(ours.recipe["data"])
    assert [point.run_id for point in map_of([ours, other]).points] == ["other"]
    assert [point.run_id for point in map_of([ours, other], None, subject).points] == ["ours"]
    assert [point.run_id for point in map_of([ours, other], "other", subject).points] == ["other"]
