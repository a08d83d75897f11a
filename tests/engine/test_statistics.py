"""Intervals and tests against their definitions and against simulation."""

from math import comb, sqrt

import numpy as np
import pytest

from engine.statistics import (
    mean_of_sums,
    mean_quality,
    mean_rate_interval,
    paired_difference,
    rank_correlation,
    rank_correlation_difference,
    ratio_of_rounds,
    relative_growth,
    share_interval,
    weighted_difference,
)


@pytest.mark.parametrize(("right", "count"), [(0, 10), (7, 10), (10, 10), (912, 1000)])
def test_a_share_has_wilsons_interval(right, count):
    z, share = 1.959964, right / count
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * sqrt(share * (1 - share) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    assert share_interval(right, count) == pytest.approx((max(0, centre - half), min(1, centre + half)), abs=1e-6)


@pytest.mark.parametrize(("better", "worse"), [(0, 5), (3, 9), (10, 10), (1, 0)])
def test_the_p_value_is_mcnemars_exact(better, worse):
    before = np.array([0.0] * better + [1.0] * worse + [1.0] * 50)
    after = np.array([1.0] * better + [0.0] * worse + [1.0] * 50)
    odd, few = better + worse, min(better, worse)
    wanted = min(1.0, 2 * sum(comb(odd, k) for k in range(few + 1)) / 2**odd)
    assert paired_difference(before, after).p_value == pytest.approx(wanted)


def test_nothing_differs():
    found = paired_difference(np.ones(20), np.ones(20))
    assert (found.value, found.low, found.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_a_difference_is_optimized_minus_original():
    found = paired_difference(np.array([1.0, 1.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0, 0.0]))
    assert found.value == -0.5
    assert found.low <= -0.5 <= found.high


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    draw, hits, rounds = np.random.default_rng(1), 0, 200
    for _ in range(rounds):
        before = draw.random(400) < 0.9
        after = np.where(draw.random(400) < 0.06, ~before, before)
        found = paired_difference(before.astype(float), after.astype(float))
        hits += found.low <= -0.048 <= found.high  # 6 % flip: 0.1 · 0.06 gained, 0.9 · 0.06 lost
    assert 0.90 <= hits / rounds <= 0.99


def test_what_slows_both_sides_of_a_round_does_not_count():
    slow = np.array([1.0, 5.0, 1.0, 2.0, 9.0])
    found = ratio_of_rounds(20.0 * slow, 8.0 * slow)
    assert (found.value, found.low, found.high) == pytest.approx((2.5, 2.5, 2.5))


def test_one_odd_round_widens_the_interval_but_not_the_value():
    found = ratio_of_rounds([10.0] * 9, [5.0] * 8 + [50.0])
    assert found.value == 2.0
    assert found.low <= found.value <= found.high


def test_the_same_times_give_the_same_interval():
    times = list(np.random.default_rng(2).random(15) + 1)
    assert ratio_of_rounds(times, times[::-1]) == ratio_of_rounds(times, times[::-1])


def test_a_rates_interval_holds_its_median():
    rates = [float(rate) for rate in np.random.default_rng(3).normal(100, 5, 15)]
    low, high = mean_rate_interval(rates)
    assert min(rates) <= low <= np.median(rates) <= high <= max(rates)


def rows_of(seed: int, count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Summed logarithms and counts of so many windows."""
    draw = np.random.default_rng(seed)
    counts = draw.integers(150, 260, size=count).astype(float)
    return counts * (3.0 + 0.3 * draw.normal(size=count)), counts


def resampled(count: int, figure) -> tuple[float, float]:
    """A bootstrap interval with draws of its own: row by row, nothing clever."""
    draw = np.random.default_rng(99)
    found = [figure(draw.integers(0, count, size=count)) for _ in range(2000)]
    return tuple(np.percentile(found, [2.5, 97.5]))


def test_a_mean_of_sums_is_total_over_total():
    sums, counts = rows_of(0)
    value, low, high = mean_of_sums(sums, counts)
    assert value == pytest.approx(sums.sum() / counts.sum())
    wanted = resampled(60, lambda picks: sums[picks].sum() / counts[picks].sum())
    assert (low, high) == pytest.approx(wanted, abs=0.1 * (high - low))
    assert low < value < high
    assert mean_of_sums(np.array([6.0]), np.array([3.0])) == (2.0, 2.0, 2.0)
    assert mean_of_sums(np.zeros(3), np.zeros(3)) == (0.0, 0.0, 0.0)


def test_a_weighted_difference_is_paired_over_rows():
    sums, counts = rows_of(1)
    other = sums + counts * np.random.default_rng(2).normal(0.05, 0.02, size=60)
    found = weighted_difference(sums, other, counts)
    assert found.value == pytest.approx((other - sums).sum() / counts.sum())
    wanted = resampled(60, lambda picks: (other - sums)[picks].sum() / counts[picks].sum())
    assert (found.low, found.high) == pytest.approx(wanted, abs=0.1 * (found.high - found.low))
    # Far narrower than the rows' own spread, which both sides share.
    alone = mean_of_sums(sums, counts)
    assert found.high - found.low < 0.2 * (alone[2] - alone[1])


def test_growth_is_that_of_the_perplexities():
    sums, counts = rows_of(3)
    other = sums + counts * np.random.default_rng(4).normal(0.02, 0.01, size=60)
    found = relative_growth(sums, other, counts)
    before, after = np.exp(sums.sum() / counts.sum()), np.exp(other.sum() / counts.sum())
    assert found.value == pytest.approx((before - after) / before)
    assert found.low < found.value < found.high < 0  # worse is negative
    wanted = resampled(60, lambda picks: 1 - np.exp((other - sums)[picks].sum() / counts[picks].sum()))
    assert (found.low, found.high) == pytest.approx(wanted, abs=0.1 * (found.high - found.low))
    assert found.p_value < 0.01
    better = relative_growth(other, sums, counts)
    assert 0 < better.low < better.value < better.high


def test_growth_without_bounds_stays_a_number():
    sums, counts = rows_of(5)
    found = relative_growth(sums, sums + counts * 5000.0, counts)
    assert np.isfinite([found.value, found.low, found.high]).all()
    assert found.value < -1e300
    same = relative_growth(sums, sums, counts)
    assert (same.value, same.low, same.high, same.p_value) == (0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize("ties", [False, True])
def test_a_rank_correlation_is_spearmans(ties):
    from scipy.stats import spearmanr

    draw = np.random.default_rng(6)
    wanted = draw.random(80)
    values = wanted + 0.3 * draw.normal(size=80)
    if ties:
        wanted, values = np.round(4 * wanted), np.round(4 * values)
    value, low, high = rank_correlation(values, wanted)
    assert value == pytest.approx(spearmanr(values, wanted).statistic)
    brute = resampled(80, lambda picks: spearmanr(values[picks], wanted[picks]).statistic)
    assert (low, high) == pytest.approx(brute, abs=0.2 * (high - low))
    assert rank_correlation(2 * values + 1, wanted) == (value, low, high)  # ranks alone count
    assert rank_correlation(-values, wanted)[0] == pytest.approx(-value)
    assert rank_correlation(np.ones(80), wanted) == (0.0, 0.0, 0.0)


def test_a_difference_of_rank_correlations_is_paired():
    from scipy.stats import spearmanr

    draw = np.random.default_rng(7)
    wanted = draw.random(80)
    one = wanted + 0.3 * draw.normal(size=80)
    other = one + 0.1 * draw.normal(size=80)
    found = rank_correlation_difference(one, other, wanted)

    def difference(picks):
        return spearmanr(other[picks], wanted[picks]).statistic - spearmanr(one[picks], wanted[picks]).statistic

    assert found.value == pytest.approx(difference(np.arange(80)))
    assert (found.low, found.high) == pytest.approx(resampled(80, difference), abs=0.2 * (found.high - found.low))
    _, low, high = rank_correlation(one, wanted)
    assert found.high - found.low < 0.6 * (high - low)
    same = rank_correlation_difference(one, one * 3, wanted)
    assert (same.value, same.low, same.high, same.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_a_mean_has_its_bootstrap_interval():
    values = 1.0 / np.random.default_rng(8).integers(1, 30, size=100)
    found = mean_quality("MRR", values)
    assert (found.metric, found.value, found.count) == ("MRR", pytest.approx(values.mean()), 100)
    wanted = resampled(100, lambda picks: values[picks].mean())
    assert (found.low, found.high) == pytest.approx(wanted, abs=0.1 * (found.high - found.low))


def p_values(rounds: int, effect: float, which: str) -> np.ndarray:
    """Of so many comparisons of a model with one that differs by `effect` and noise."""
    found = []
    for seed in range(rounds):
        draw = np.random.default_rng(seed)
        if which == "perplexity":
            sums, counts = rows_of(seed, 80)
            other = sums + counts * draw.normal(effect, 0.02, size=80)
            found.append(relative_growth(sums, other, counts).p_value)
        else:
            wanted = draw.random(100)
            one, other = (wanted + noise * draw.normal(size=100) for noise in (0.3, 0.3 + effect))
            found.append(rank_correlation_difference(one, other, wanted).p_value)
    return np.array(found)


@pytest.mark.parametrize("which", ["perplexity", "rank correlation"])
def test_without_an_effect_p_values_are_spread_evenly(which):
    from scipy.stats import kstest

    found = p_values(150, 0.0, which)
    assert kstest(found, "uniform").pvalue > 0.001
    assert 0.005 <= (found < 0.05).mean() <= 0.12
    assert found.max() <= 1.0
    assert found.min() > 0.0


@pytest.mark.parametrize(("which", "effect"), [("perplexity", 0.02), ("rank correlation", 1.2)])
def test_a_clear_effect_has_a_low_p_value(which, effect):
    assert (p_values(20, effect, which) < 0.01).mean() >= 0.95
