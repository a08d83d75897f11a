"""Choosing a route: fastest for the aim among those above the floor; noise does not count against one."""

from types import SimpleNamespace

import pytest

from engine.methods.routes import choose, merit
from engine.run import Comparison, Difference, Ratio


def route(latency: float, throughput: float, loss: float = 0.0, p_value: float = 1.0) -> Comparison:
    return Comparison(
        latency=Ratio(value=latency, low=latency, high=latency),
        throughput=Ratio(value=throughput, low=throughput, high=throughput),
        quality=Difference(value=-loss / 100, low=-1, high=1, p_value=p_value),
    )


QUICK_ONE, QUICK_MANY, EVEN = route(4.0, 1.0), route(1.0, 4.5), route(2.5, 2.5)


@pytest.mark.parametrize(("aim", "best"), [("latency", QUICK_ONE), ("throughput", QUICK_MANY), ("balanced", EVEN)])
def test_the_aim_decides(aim, best):
    tried = [(SimpleNamespace(found=found), found) for found in (QUICK_ONE, QUICK_MANY, EVEN)]
    assert choose(tried, aim, max_loss=1.0).found is best
    assert max((QUICK_ONE, QUICK_MANY, EVEN), key=lambda found: merit(found, aim)) is best


@pytest.mark.parametrize(
    ("quick", "floor", "wins"),
    [
        pytest.param(route(4, 4, loss=3, p_value=0.001), 1.0, False, id="a real loss beyond the floor"),
        pytest.param(route(4, 4, loss=3, p_value=0.2), 1.0, True, id="a loss within noise"),
        pytest.param(route(4, 4, loss=3, p_value=0.001), None, True, id="no floor"),
        pytest.param(route(4, 4, loss=0.5, p_value=0.001), 1.0, True, id="a real loss above the floor"),
    ],
)
def test_the_floor_comes_first(quick, floor, wins):
    sure = route(2.0, 2.0)
    tried = [(SimpleNamespace(found=found), found) for found in (quick, sure)]
    assert choose(tried, "balanced", floor).found is (quick if wins else sure)


def test_where_all_break_the_floor_the_least_loss_is_kept():
    bad, worse = route(1, 1, loss=5, p_value=0.01), route(9, 9, loss=8, p_value=0.01)
    tried = [(SimpleNamespace(found=found), found) for found in (worse, bad)]
    assert choose(tried, "balanced", 1.0).found is bad


def test_what_was_not_timed_counts_as_equal():
    assert merit(Comparison(), "balanced") == 1.0
