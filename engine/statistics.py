"""Intervals and tests, so that noise is called noise. All intervals are at 95 %."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.run import Difference, Quality, Ratio

RESAMPLES = 2000
RANK_RESAMPLES = 500


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


def mean_quality(metric: str, values: np.ndarray) -> Quality:
    """The mean of `values` [examples] with its bootstrap interval."""
    low, high = _mean_interval(values)
    return Quality(metric=metric, value=float(values.mean()), low=low, high=high, count=len(values))


def mean_of_sums(sums: np.ndarray, counts: np.ndarray) -> tuple[float, float, float]:
    """Total over total, with a bootstrap interval over the rows that were summed [rows]."""
    total = counts.sum() or 1.0
    drawn = _draws(len(sums))
    means = (drawn @ sums) / np.maximum(drawn @ counts, 1e-9)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(sums.sum() / total), float(low), float(high)


def weighted_difference(original: np.ndarray, optimized: np.ndarray, counts: np.ndarray) -> Difference:
    """Difference of two totals over the same counts [rows]: paired bootstrap over rows."""
    drawn = _draws(len(counts))
    found = (drawn @ (optimized - original)) / np.maximum(drawn @ counts, 1e-9)
    return _difference(float((optimized - original).sum() / (counts.sum() or 1.0)), found)


def relative_growth(original: np.ndarray, optimized: np.ndarray, counts: np.ndarray) -> Difference:
    """The share by which exp(total / count) fell (negative: grew), from summed logarithms [rows]; paired over rows."""
    found = weighted_difference(original, optimized, counts)
    low, high = (1.0 - np.exp(np.minimum([found.high, found.low], 700.0))).tolist()
    return Difference(value=float(1.0 - np.exp(min(found.value, 700.0))), low=low, high=high, p_value=found.p_value)


def rank_correlation(values: np.ndarray, wanted: np.ndarray) -> tuple[float, float, float]:
    """Spearman's correlation with a bootstrap interval over examples [examples]."""
    found = _rank_correlations(values, wanted)
    low, high = np.percentile(found[1:], [2.5, 97.5])
    return float(found[0]), float(low), float(high)


def rank_correlation_difference(original: np.ndarray, optimized: np.ndarray, wanted: np.ndarray) -> Difference:
    """Difference of two Spearman correlations with the same scores: paired bootstrap over examples."""
    found = _rank_correlations(optimized, wanted) - _rank_correlations(original, wanted)
    return _difference(float(found[0]), found[1:])


def _rank_correlations(values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """First of all examples, then of each resample (always the same ones, so that two models' can be paired)."""
    from scipy.stats import rankdata

    picks = np.random.default_rng(0).integers(0, len(values), size=(RANK_RESAMPLES, len(values)))
    picks = np.vstack([np.arange(len(values)), picks])
    ours, theirs = rankdata(values[picks], axis=1), rankdata(wanted[picks], axis=1)
    ours, theirs = ours - ours.mean(axis=1, keepdims=True), theirs - theirs.mean(axis=1, keepdims=True)
    scale = np.sqrt((ours**2).sum(axis=1) * (theirs**2).sum(axis=1))
    return (ours * theirs).sum(axis=1) / np.maximum(scale, 1e-12)


def _draws(count: int) -> np.ndarray:
    """How often each row is drawn in each resample [resamples, rows]; always the same."""
    return np.random.default_rng(0).multinomial(count, np.full(count, 1.0 / count), size=RESAMPLES).astype(float)


def _difference(value: float, resampled: np.ndarray) -> Difference:
    """With a two-sided bootstrap p-value: twice the share of resamples on the other side of zero."""
    low, high = np.percentile(resampled, [2.5, 97.5])
    beyond = min(float((resampled <= 0).mean()), float((resampled >= 0).mean()))
    p_value = 1.0 if value == 0 else min(1.0, max(2 * beyond, 1.0 / len(resampled)))
    return Difference(value=value, low=float(low), high=float(high), p_value=p_value)
