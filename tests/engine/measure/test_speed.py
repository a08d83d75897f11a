"""Sides take turns on the same texts; slow models get fewer answers, never fewer than five rounds."""

from collections.abc import Sequence

import pytest

from engine.measure import speed
from engine.measure.speed import Plan, Timings, latency_of, throughput_of, time_batches, time_singles


class Side:
    """Stands in for a fresh process: takes `ms` for every batch and writes down what it was asked."""

    def __init__(self, name: str, ms: float, log: list[tuple[str, Sequence[Sequence[str]]]]) -> None:
        self.name, self.ms, self.log = name, ms, log

    def time(self, batches: Sequence[Sequence[str]], warm_up: int = 0) -> list[float]:
        self.log.append((self.name, batches))
        return [self.ms] * len(batches)


@pytest.fixture
def log() -> list[tuple[str, Sequence[Sequence[str]]]]:
    return []


def test_turn_about_on_the_same_texts(log):
    texts = [f"text {number}" for number in range(50)]
    sides = [Side("A", 2.0, log), Side("B", 1.0, log)]
    found = time_singles(sides, texts, Plan(latency_rounds=6, singles=4), lambda done, total: None)
    names, asked = [name for name, _ in log], [batches for _, batches in log]
    assert names == ["A", "B"] * 7
    assert len(asked[0]) == speed.WARM_UPS
    assert asked[2::2] == asked[3::2]
    assert [batch for batches in asked[2::2] for batch in batches] == [[text] for text in texts[:24]]
    assert found.ratio().value == 2.0


def test_progress_counts_rounds(log):
    told: list[tuple[int, int]] = []
    time_singles([Side("A", 1.0, log)], ["a"], Plan(latency_rounds=5), lambda *news: told.append(news))
    assert told == [(number, 5) for number in range(1, 6)]


def test_a_slow_model_gets_fewer_answers_but_five_rounds(log):
    time_singles([Side("A", 9_000.0, log)], ["a", "b"], Plan(seconds=12.0), lambda *_: None)
    assert [len(batches) for _, batches in log[1:]] == [1] * 5


@pytest.mark.parametrize("count", [1, 5, 31, 32, 70])
def test_batches_are_full_whatever_the_number_of_texts(count, log):
    texts = [str(number) for number in range(count)]
    found = time_batches([Side("A", 64.0, log)], texts, Plan(throughput_rounds=5, batches=2), lambda *_: None)
    assert {len(batch) for _, batches in log for batch in batches} == {32}
    assert throughput_of(found, 0).per_second == pytest.approx(500.0)


def test_the_95th_percentile_is_over_every_answer():
    rounds = [[float(number) for number in range(start, start + 10)] for start in range(1, 101, 10)]
    found = latency_of(Timings((rounds,)), 0)
    assert (found.median_ms, found.p95_ms, found.repeats) == (50.5, 96.0, 100)
