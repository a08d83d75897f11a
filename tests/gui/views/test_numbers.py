"""One format for each kind of number."""

import time

import pytest

from engine.run import Difference
from gui import numbers


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
        (numbers.points("perplexity", 1.5), "+1.50"),
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
    ("metric", "value", "p_value", "expected"),
    [
        ("accuracy", -0.01, 0.3, "within noise"),
        ("accuracy", -0.01, 0.01, "a real loss"),
        ("accuracy", 0.01, 0.01, "a real gain"),
        ("perplexity", 0.5, 0.01, "a real loss"),  # lower is better
    ],
)
def test_noise_is_called_noise(metric, value, p_value, expected):
    assert numbers.meaning(metric, Difference(value=value, low=-0.1, high=0.1, p_value=p_value)) == expected
