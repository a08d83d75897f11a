"""Speed, turn about: original, optimized, original, optimized … each in a process of its own.

Both do the same work with the same threads. Warm-ups come first and do not count; each round gives
one median for each side.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.measure.client import BenchProcess
from engine.run import Latency, Ratio, Speed, Throughput
from engine.statistics import mean_rate_interval, ratio_of_rounds
from engine.tasks.base import Workload

FEWEST_ROUNDS = 5


@dataclass(frozen=True)
class Plan:
    """How thoroughly to time."""

    most_rounds: int
    seconds: float
    """About how long each kind of work may take; slow models do less of it, never in fewer than five rounds."""


QUICK = Plan(most_rounds=FEWEST_ROUNDS, seconds=4.0)
FULL = Plan(most_rounds=100, seconds=12.0)


@dataclass(frozen=True)
class Timings:
    """Milliseconds of every item of a workload, by side and round: [side][round][item]."""

    workload: Workload
    rounds: tuple[list[list[float]], ...]

    def medians(self, side: int) -> list[float]:
        """One median a round."""
        return [statistics.median(times) for times in self.rounds[side]]

    def all(self, side: int) -> list[float]:
        """Every item's time, ascending."""
        return sorted(time for times in self.rounds[side] for time in times)

    def ratio(self) -> Ratio:
        """How many times faster side 1 is than side 0."""
        return ratio_of_rounds(self.medians(0), self.medians(1))

    def speed(self, side: int) -> Speed:
        """Units a second, the median over rounds with its interval; milliseconds a unit over all items."""
        amount, times = self.workload.amount, self.all(side)
        rates = [amount * 1000.0 / median for median in self.medians(side)]
        low, high = mean_rate_interval(rates)
        return Speed(
            name=self.workload.name,
            unit=self.workload.unit,
            per_second=statistics.median(rates),
            low=low,
            high=high,
            median_ms=statistics.median(times) / amount,
            p95_ms=times[min(len(times) - 1, int(0.95 * len(times)))] / amount,
            repeats=len(times),
        )


def time_turn_about(
    sides: Sequence[BenchProcess], workload: Workload, plan: Plan, done: Callable[[int, int], None]
) -> Timings:
    """`workload` on all sides, a round each in turn."""
    items = workload.items
    warm = [items[index % len(items)] for index in range(workload.warm_ups)]
    # The median: what comes first is slow, and says little about the rest.
    spent = sum(statistics.median(side.time(warm)) for side in sides) / 1000.0
    rounds = min(workload.rounds, plan.most_rounds)
    size = max(1, min(workload.size, int(plan.seconds / rounds / max(spent, 1e-6))))
    rounds = max(FEWEST_ROUNDS, min(rounds, int(plan.seconds / max(spent * size, 1e-6))))
    taken: tuple[list[list[float]], ...] = tuple([] for _ in sides)
    for number in range(rounds):
        picked = [items[(number * size + index) % len(items)] for index in range(size)]
        for side, times in zip(sides, taken, strict=True):
            times.append(side.time(picked))
        done(number + 1, rounds)
    return Timings(workload, taken)


def latency_of(timings: Timings, side: int) -> Latency:
    """Median and 95th percentile of one unit, over every item."""
    speed = timings.speed(side)
    return Latency(median_ms=speed.median_ms, p95_ms=speed.p95_ms, repeats=speed.repeats)


def throughput_of(timings: Timings, side: int) -> Throughput:
    """Units a second."""
    speed = timings.speed(side)
    return Throughput(
        batch=timings.workload.amount,
        per_second=speed.per_second,
        low=speed.low,
        high=speed.high,
        repeats=speed.repeats,
    )
