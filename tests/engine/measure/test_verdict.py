"""The verdict's words: smaller or larger, faster or slower, and noise called noise."""

import pytest

from engine.measure.verdict import verdict
from engine.run import Comparison, Difference, Measurement, Quality, Ratio
from engine.tasks.classification import Classification


def words(
    size: float | None = 4.0,
    speeds: tuple[Ratio, Ratio] | None = None,
    difference: tuple[float, float] | None = None,
) -> str:
    def measured(value: float) -> Measurement:
        quality = Quality(metric="accuracy", value=value, low=0.0, high=1.0, count=1000)
        return Measurement(runtime="torch", precision="8 bits", quality=quality)

    value, p_value = difference or (0.0, 1.0)
    comparison = Comparison(
        size=size,
        latency=speeds[0] if speeds else None,
        throughput=speeds[1] if speeds else None,
        quality=Difference(value=value, low=-1, high=1, p_value=p_value) if difference else None,
        same_answers=996,
        answers=1000,
    )
    return verdict(Classification(), measured(0.912), measured(0.912 + value), comparison)


def ratio(value: float, spread: float = 0.1) -> Ratio:
    return Ratio(value=value, low=value - spread, high=value + spread)


@pytest.mark.parametrize(
    ("size", "said"), [(4.02, "4.0× smaller"), (0.5, "2.0× larger"), (1.0, "The same size"), (1.005, "The same size")]
)
def test_size(size, said):
    assert words(size) == f"{said}."


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (ratio(2.3), "2.3× faster"),
        (ratio(0.5), "2.0× slower"),
        (ratio(1.04, 0.01), "as fast"),
        (ratio(1.3, 0.4), "as fast"),
        (ratio(0.97, 0.01), "as fast"),
    ],
)
def test_speed(found, said):
    assert words(4.0, (found, ratio(3.0))) == f"4.0× smaller, {said} for one text, 3.0× faster in batches."


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        ((-0.002, 0.4), "91.2 % → 91.0 %, within noise."),
        ((-0.05, 0.001), "91.2 % → 86.2 %, a real difference."),
        ((0.02, 0.01), "91.2 % → 93.2 %, a real difference."),
        ((0.0, 1.0), "91.2 % → 91.2 %, no difference."),
    ],
)
def test_quality(difference, said):
    text = words(difference=difference)
    assert text == f"4.0× smaller. 996 of 1,000 answers are the same; accuracy {said}"


def test_nothing_measured_says_nothing():
    assert words(size=None) == ""
