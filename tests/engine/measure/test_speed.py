"""Sides take turns on the same items; slow models get fewer of them, never fewer than five rounds."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from engine.measure.speed import FULL, QUICK, Plan, Timings, latency_of, throughput_of, time_turn_about
from engine.tasks.base import Workload

Log = list[tuple[str, Sequence[Any]]]
WORK = Workload("one text", "texts", 1, tuple(range(50)), warm_ups=10, rounds=6, size=4)


class Side:
    """Stands in for a fresh process: takes `ms` for every item (`first` for the very first)."""

    def __init__(self, name: str, ms: float, log: Log, first: float | None = None) -> None:
        self.name, self.ms, self.log, self.first = name, ms, log, first

    def time(self, items: Sequence[Any]) -> list[float]:
        self.log.append((self.name, items))
        times = [self.ms] * len(items)
        if self.first is not None:
            times[0], self.first = self.first, None
        return times


@pytest.fixture
def log() -> Log:
    return []


def test_turn_about_on_the_same_items(log):
    found = time_turn_about([Side("A", 2.0, log), Side("B", 1.0, log)], WORK, FULL, lambda done, total: None)
    names, asked = [name for name, _ in log], [items for _, items in log]
    assert names == ["A", "B"] * 7
    assert asked[0] == asked[1] == list(range(10))
    assert asked[2::2] == asked[3::2]
    assert [item for items in asked[2::2] for item in items] == list(range(24))
    assert found.ratio().value == 2.0
    assert [len(side) for side in found.rounds] == [6, 6]


def test_few_items_come_again(log):
    time_turn_about([Side("A", 1.0, log)], replace(WORK, items=("x", "y", "z")), FULL, lambda *_: None)
    assert [item for _, items in log[1:] for item in items] == ["x", "y", "z"] * 8
    assert log[0][1] == ["x", "y", "z"] * 3 + ["x"]


def test_progress_counts_rounds(log):
    told: list[tuple[int, int]] = []
    time_turn_about([Side("A", 1.0, log)], WORK, FULL, lambda *news: told.append(news))
    assert told == [(number, 6) for number in range(1, 7)]


def test_a_quick_look_takes_five_rounds(log):
    found = time_turn_about([Side("A", 1.0, log)], replace(WORK, rounds=15), QUICK, lambda *_: None)
    assert len(found.rounds[0]) == 5


def test_a_slow_model_gets_fewer_items_but_five_rounds(log):
    time_turn_about([Side("A", 9_000.0, log)], WORK, Plan(most_rounds=100, seconds=12.0), lambda *_: None)
    assert [len(items) for _, items in log[1:]] == [1] * 5


@pytest.mark.parametrize(("ms", "rounds", "size"), [(1.0, 6, 4), (500.0, 6, 2), (1_000.0, 6, 1), (1_500.0, 5, 1)])
def test_the_time_is_kept(ms, rounds, size, log):
    # Two sides of so many milliseconds each, in eight seconds.
    sides = [Side("A", ms / 2, log), Side("B", ms / 2, log)]
    found = time_turn_about(sides, WORK, Plan(most_rounds=100, seconds=8.0), lambda *_: None)
    assert [len(found.rounds[0]), len(found.rounds[0][0])] == [rounds, size]


def test_a_slow_first_item_does_not_count(log):
    side = Side("A", 1.0, log, first=60_000.0)
    found = time_turn_about([side], WORK, FULL, lambda *_: None)
    assert found.all(0) == [1.0] * 24


def test_a_unit_is_a_share_of_an_item(log):
    work = replace(WORK, name="batches", amount=32)
    found = time_turn_about([Side("A", 64.0, log)], work, FULL, lambda *_: None)
    assert throughput_of(found, 0).per_second == pytest.approx(500.0)
    assert throughput_of(found, 0).batch == 32
    speed = found.speed(0)
    assert (speed.name, speed.unit, speed.per_second) == ("batches", "texts", pytest.approx(500.0))
    assert (speed.median_ms, speed.p95_ms, speed.repeats) == (2.0, 2.0, 24)
    assert speed.low == speed.high == pytest.approx(500.0)


def test_the_95th_percentile_is_over_every_item():
    rounds = [[float(number) for number in range(start, start + 10)] for start in range(1, 101, 10)]
    found = latency_of(Timings(WORK, (rounds,)), 0)
    assert (found.median_ms, found.p95_ms, found.repeats) == (50.5, 96.0, 100)
