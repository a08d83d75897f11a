"""Intervals and tests against their definitions and against simulation."""

from math import comb, sqrt

import numpy as np
import pytest

from engine.statistics import mean_rate_interval, paired_difference, ratio_of_rounds, share_interval


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
