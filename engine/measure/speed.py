"""Speed, turn about: original, optimized, original, optimized … each in a process of its own.

Both answer the same texts of natural length with the same threads. Ten warm-ups come first and do
not count; each round gives one median for each side.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.measure.client import BATCH, BenchProcess
from engine.measure.statistics import mean_rate_interval, ratio_of_rounds
from engine.run import Latency, Ratio, Throughput

WARM_UPS = 10


@dataclass(frozen=True)
class Plan:
    """How many rounds, and how many answers in each round, at batch 1 and at batch 32."""

    latency_rounds: int = 15
    singles: int = 12
    throughput_rounds: int = 9
    batches: int = 3
    seconds: float = 12.0
    """About how long each of the two parts may take; slow models get fewer answers, never fewer than five rounds."""


QUICK = Plan(latency_rounds=5, singles=8, throughput_rounds=5, batches=1, seconds=4.0)
FULL = Plan()


@dataclass(frozen=True)
class Timings:
    """Milliseconds of every answer, by side and round: [side][round][answer]."""

    rounds: tuple[list[list[float]], ...]

    def medians(self, side: int) -> list[float]:
        """One median a round."""
        return [statistics.median(times) for times in self.rounds[side]]

    def all(self, side: int) -> list[float]:
        """Every answer's time."""
        return [time for times in self.rounds[side] for time in times]

    def ratio(self) -> Ratio:
        """How many times faster side 1 is than side 0."""
        return ratio_of_rounds(self.medians(0), self.medians(1))


def time_singles(
    sides: Sequence[BenchProcess], texts: Sequence[str], plan: Plan, done: Callable[[int, int], None]
) -> Timings:
    """Batch 1: `plan.singles` texts a round."""
    return _turn_about(sides, [[text] for text in texts], plan.latency_rounds, plan.singles, plan.seconds, done)


def time_batches(
    sides: Sequence[BenchProcess], texts: Sequence[str], plan: Plan, done: Callable[[int, int], None]
) -> Timings:
    """Batch 32: `plan.batches` batches a round (fewer texts than 32 are repeated)."""
    repeated = list(texts) * (BATCH // max(len(texts), 1) + 1) if len(texts) < BATCH else list(texts)
    batches = [repeated[start : start + BATCH] for start in range(0, len(repeated) - BATCH + 1, BATCH)]
    return _turn_about(sides, batches, plan.throughput_rounds, plan.batches, plan.seconds, done)


def _turn_about(
    sides: Sequence[BenchProcess],
    batches: Sequence[Sequence[str]],
    rounds: int,
    size: int,
    seconds: float,
    done: Callable[[int, int], None],
) -> Timings:
    warm = [batches[index % len(batches)] for index in range(WARM_UPS if len(batches[0]) == 1 else 2)]
    spent = sum(sum(side.time(warm, warm_up=len(warm))) for side in sides) / len(warm) / 1000.0
    size = max(1, min(size, int(seconds / rounds / max(spent, 1e-6))))
    rounds = max(5, min(rounds, int(seconds / max(spent * size, 1e-6))))
    taken: tuple[list[list[float]], ...] = tuple([] for _ in sides)
    for number in range(rounds):
        picked = [batches[(number * size + index) % len(batches)] for index in range(size)]
        for side, times in zip(sides, taken, strict=True):
            times.append(side.time(picked))
        done(number + 1, rounds)
    return Timings(taken)


def latency_of(timings: Timings, side: int) -> Latency:
    """Median and 95th percentile over every answer."""
    times = sorted(timings.all(side))
    return Latency(
        median_ms=statistics.median(times),
        p95_ms=times[min(len(times) - 1, int(0.95 * len(times)))],
        repeats=len(times),
    )


def throughput_of(timings: Timings, side: int) -> Throughput:
    """Texts a second, the median over rounds with its interval."""
    rates = [BATCH * 1000.0 / median for median in timings.medians(side)]
    low, high = mean_rate_interval(rates)
    return Throughput(
        batch=BATCH, per_second=statistics.median(rates), low=low, high=high, repeats=len(timings.all(side))
    )
