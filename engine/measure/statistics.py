"""Intervals and tests, so that noise is called noise. All intervals are at 95 %."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.run import Difference, Ratio

RESAMPLES = 2000


def share_interval(right: int, count: int) -> tuple[float, float]:
    """Wilson's interval of a share (Wilson 1927)."""
    from scipy.stats import binomtest

    interval = binomtest(right, count).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def paired_difference(original: np.ndarray, optimized: np.ndarray) -> Difference:
    """Mean of optimized − original over the same examples [n]: bootstrap interval, exact McNemar p-value.

    The p-value is that of the sign test over the examples that differ (McNemar's exact test where
    scores are 0 or 1).
    """
    from scipy.stats import binomtest

    differences = optimized - original
    better, worse = int((differences > 0).sum()), int((differences < 0).sum())
    p_value = binomtest(better, better + worse).pvalue if better + worse else 1.0
    low, high = _mean_interval(differences)
    return Difference(value=float(differences.mean()), low=low, high=high, p_value=float(p_value))


def ratio_of_rounds(original: Sequence[float], optimized: Sequence[float]) -> Ratio:
    """How many times faster, from times taken turn about: one pair of medians a round.

    The value is the median of the rounds' ratios; the interval resamples rounds, so that what slowed
    the machine in one round slows both sides of it.
    """
    ratios = np.asarray(original, dtype=float) / np.asarray(optimized, dtype=float)
    picks = np.random.default_rng(0).integers(0, len(ratios), size=(RESAMPLES, len(ratios)))
    medians = np.median(ratios[picks], axis=1)
    low, high = np.percentile(medians, [2.5, 97.5])
    return Ratio(value=float(np.median(ratios)), low=float(low), high=float(high))


def mean_rate_interval(rates: Sequence[float]) -> tuple[float, float]:
    """Bootstrap interval of the median rate over rounds."""
    values = np.asarray(rates, dtype=float)
    picks = np.random.default_rng(0).integers(0, len(values), size=(RESAMPLES, len(values)))
    low, high = np.percentile(np.median(values[picks], axis=1), [2.5, 97.5])
    return float(low), float(high)


def _mean_interval(values: np.ndarray) -> tuple[float, float]:
    """Bootstrap interval of a mean; resampled by how often each distinct value occurs, which is the same and quick."""
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) == 1:
        return float(distinct[0]), float(distinct[0])
    rng = np.random.default_rng(0)
    draws = rng.multinomial(len(values), counts / len(values), size=RESAMPLES)
    low, high = np.percentile(draws @ distinct / len(values), [2.5, 97.5])
    return float(low), float(high)
