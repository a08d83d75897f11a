"""One format for each kind of number."""

import time

import pytest

from engine.run import Difference
from gui import numbers

WORSE = Difference(value=-0.01, low=-0.016, high=0.004, p_value=0.1)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (numbers.megabytes(23_700_000), "23.7 MB"),
        (numbers.megabytes(418_000_000), "418 MB"),
        (numbers.megabytes(1_420_000_000), "1.42 GB"),
        (numbers.ratio(3.94), "3.9×"),
        (numbers.ratio(11.8), "12×"),
        (numbers.ratio_range(2.0, 4.0), "2.0–4.0×"),
        (numbers.ratio_range(1.01, 1.04), "1.0×"),
        (numbers.percent(0.9124), "91.2 %"),
        (numbers.points("accuracy", -0.003), "−0.3 points"),
        (numbers.points("accuracy", -0.0001), "0.0 points"),
        (numbers.points("recall@10", 0.012), "+1.2 points"),
        # A perplexity's difference is the share by which it fell: 1 % worse is written as 1 % more.
        (numbers.points("perplexity", -0.01), "+1.0 %"),
        (numbers.points("perplexity", 0.0), "0.0 %"),
        (
            numbers.spread("perplexity", Difference(value=-0.01, low=-0.016, high=0.004, p_value=0.1)),
            "+1.0 % (−0.4 to +1.6)",
        ),
        (
            numbers.spread("accuracy", Difference(value=-0.01, low=-0.016, high=0.004, p_value=0.1)),
            "−1.0 (−1.6 to +0.4)",
        ),
        (numbers.quality("perplexity", 12.345), "12.35"),
        (numbers.milliseconds(2.21), "2.2 ms"),
        (numbers.milliseconds(1400), "1.4 s"),
        (numbers.duration(41), "41 s"),
        (numbers.duration(125), "2 min 05 s"),
        (numbers.duration(3840), "1 h 04 min"),
        (numbers.clock(3849), "1:04:09"),
        (numbers.plain(0.00001), "0"),
        (numbers.plain(1_000_000.0), "1,000,000"),
    ],
)
def test_written_as_in_print(written, expected):
    assert written.replace(numbers.NO_BREAK, " ") == expected


def test_a_unit_never_parts_from_its_number():
    assert " " not in numbers.megabytes(1e6) + numbers.percent(0.5) + numbers.milliseconds(3)


def test_today_is_said_so():
    assert numbers.moment(time.time()).startswith("today ")
    assert numbers.moment(1_763_790_000.0).startswith("2025-11-22")


@pytest.mark.parametrize(
    ("value", "p_value", "expected"),
    [(-0.01, 0.3, "within noise"), (-0.01, 0.01, "a real loss"), (0.01, 0.01, "a real gain")],
)
def test_noise_is_called_noise(value, p_value, expected):
    assert numbers.meaning(Difference(value=value, low=-0.1, high=0.1, p_value=p_value)) == expected


def test_a_perplexity_moves_by_a_share_and_an_accuracy_by_points():
    assert numbers.moved_by("perplexity", 30.0, -0.01) == pytest.approx(30.3)
    assert numbers.moved_by("accuracy", 0.9, -0.01) == pytest.approx(0.89)
