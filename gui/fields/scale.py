"""How a slider's positions stand for numbers: evenly, by squares, or by powers of ten.

Pure arithmetic, apart from any widget. A range of several powers of ten (0.1 to 240 minutes, a
learning rate) gets a scale on which the usual values are not all squeezed into the first pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto

from engine.technique import Slider

POSITIONS = 400
"""Positions of a slider that does not move evenly."""
WIDE = 1000.0
"""From this ratio of highest to lowest on, a slider moves by powers of ten."""
MANY = 150
"""From so many steps on, a slider that begins at nothing, or at one step, moves by squares."""
FEW = 20
"""Positions of such a slider where its numbers are whole steps: with more, the first ones would all be the same."""


class Curve(Enum):
    """How the number grows along the slider."""

    EVEN = auto()
    SQUARES = auto()
    POWERS = auto()


@dataclass(frozen=True)
class Scale:
    """Numbers from `low` to `high` in multiples of `step`, along `positions` + 1 places."""

    low: float
    high: float
    step: float
    curve: Curve
    positions: int

    def position(self, value: float) -> int:
        """The place nearest to `value`."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        if self.curve is Curve.SQUARES:
            share = math.sqrt(share)
        elif self.curve is Curve.POWERS:
            share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        return round(min(share, 1.0) * self.positions)

    def value(self, position: int) -> float:
        """The number at a place, a multiple of the step (the two ends are exactly `low` and `high`)."""
        share = position / self.positions
        if self.curve is Curve.EVEN:
            return self._tidy(self.low + share * (self.high - self.low))
        if self.curve is Curve.SQUARES:
            return self._tidy(two_digits(self.low + share**2 * (self.high - self.low)))
        return self._tidy(two_digits(self.low * (self.high / self.low) ** share))

    def _tidy(self, value: float) -> float:
        near = round(value / self.step) * self.step if value >= self.step else value
        return float(f"{min(max(near, self.low), self.high):.10g}")


def scale_for(control: Slider) -> Scale:
    """The scale that suits a control's range."""
    low, high, step = control.low, control.high, control.step
    if low > 0 and high / low >= WIDE:
        return Scale(low, high, step, Curve.POWERS, POSITIONS)
    steps = round((high - low) / step)
    if low <= step and steps >= MANY:
        return Scale(low, high, step, Curve.SQUARES, POSITIONS if low == 0 else FEW)
    return Scale(low, high, step, Curve.EVEN, steps)


def two_digits(value: float) -> float:
    """The number with two significant digits: 0.000123 is 0.00012."""
    return float(f"{value:.2g}")
