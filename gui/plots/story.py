"""What the three live plots show: the original, the estimate and what was measured, as plain marks.

Pure: nothing here draws. `Story` is what is known; `size_chart`, `speed_chart` and `quality_chart`
turn it into marks in slots from left to right:

    original | trial | trial | after a step | … | result (the estimate stays behind it, hollow)

Where the recipe was changed after a run, the result keeps its slot and the new estimate gets
its own.
Units: megabytes, times as fast as the original, percent (or the metric's own unit). Up is better for
quality: where a lower value is (perplexity), the axis runs downward.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from engine.events import Measured
from engine.models.profile import Profile
from engine.run import Measurement, Ratio
from engine.technique import Estimate
from gui.numbers import MEGABYTE, RAW_METRICS, moved_by
from gui.task_words import TaskWords, same_task, words_for

MOST_CHECKS = 5
LAST_ROOM = 0.6
SAME_SIZE = 0.05
"""A profile's size is arithmetic; beyond this share it is another model."""
LEAST_QUALITY_SPAN = 3.0
"""Percent (of the original, for a bare number): a plot of less would make noise look like a cliff."""


class Kind(Enum):
    """What a mark is, which decides how it is drawn."""

    ORIGINAL = auto()
    ESTIMATE = auto()
    CHECK = auto()
    RESULT = auto()


@dataclass(frozen=True)
class Mark:
    """A value with its spread: a range for an estimate, a 95 % interval for a measurement."""

    slot: int
    kind: Kind
    value: float
    low: float
    high: float
    batch: bool = False
    """Whether it is the second speed (batches, reading) rather than the first (one text, writing)."""
    beside: bool = False
    """Whether it is an estimate that shares its slot with what came of it."""


@dataclass(frozen=True)
class Slot:
    """A place on the x axis; an empty label is filled in by the widget, in the user's language."""

    kind: Kind
    label: str = ""


@dataclass(frozen=True)
class Chart:
    """One plot, ready to draw."""

    slots: tuple[Slot, ...]
    marks: tuple[Mark, ...]
    reference: float | None
    """Where the original's line is."""
    bottom: float
    top: float
    inverted: bool = False
    """Whether the axis runs downward, because a lower value is better."""

    @property
    def width(self) -> float:
        """How far the x axis goes: a unit a slot, and more for the last one."""
        return max(len(self.slots), 2) + LAST_ROOM

    def position(self, slot: int) -> float:
        """The middle of a slot. The last is wider: estimate and both speeds stand side by side."""
        is_last = slot == len(self.slots) - 1 and slot > 0
        return slot + 0.5 + (LAST_ROOM / 2 if is_last else 0.0)


@dataclass(frozen=True)
class Story:
    """What is known.

    `changed` says that the recipe was edited after the result; `paired`, that the estimate is of the
    very recipe that ran. An estimate of another recipe is never drawn beside a result as if it were.
    """

    original: Measurement | None = None
    profile: Profile | None = None
    estimate: Estimate | None = None
    checks: tuple[Measured, ...] = ()
    result: Measured | None = None
    changed: bool = False
    paired: bool = False
    task: str | None = None
    """What the recipe's data are for, once that was read."""

    @property
    def words(self) -> TaskWords:
        """The words of the task that the figures are of, or will be."""
        return words_for(self.original.task if self.original else self.task)

    @property
    def original_bytes(self) -> int | None:
        """The original's size: as measured, or from its profile before that."""
        if self.original is not None and self.original.size_bytes is not None:
            return self.original.size_bytes
        return self.profile.original_bytes if self.profile and self.profile.original_bytes else None

    def is_of(self, profile: Profile | None) -> bool:
        """Whether the original is (as far as its task and size tell) the model of this profile."""
        if not same_task(self.original, self.task):
            return False
        if profile is None or self.original is None or self.original.size_bytes is None:
            return True
        return abs(profile.original_bytes - self.original.size_bytes) <= SAME_SIZE * self.original.size_bytes

    @property
    def current(self) -> Measured | None:
        """The result that the headline speaks of: none once the recipe was changed."""
        return None if self.changed else self.result


Spread = tuple[float, float, float]
"""Value, low, high."""
Read = Callable[[Measured], dict[bool, Spread]]
"""What one measurement says in one plot: batch or not → spread; empty where it says nothing."""


def size_chart(story: Story) -> Chart:
    """Megabytes of the whole folder."""
    size = story.original_bytes
    original = _exactly(size / MEGABYTE) if size else None
    estimate: Spread | None = None
    if story.estimate:
        value = story.estimate.size_bytes / MEGABYTE
        error = value * story.estimate.size_error
        estimate = (value, value - error, value + error)

    def read(event: Measured) -> dict[bool, Spread]:
        measured = event.measurement.size_bytes
        return {} if measured is None else {False: _exactly(measured / MEGABYTE)}

    slots, marks = _arrange(story, original, {False: estimate} if estimate else {}, read)
    return Chart(slots, marks, original[0] if original else None, 0.0, _top(marks, 1.0))


def speed_chart(story: Story) -> Chart:
    """Times as fast as the original: at one text or at writing, and in batches or at reading."""
    estimate: dict[bool, Spread] = {}
    if story.estimate:
        low, high = story.estimate.speed.low, story.estimate.speed.high
        estimate = {False: (math.sqrt(max(low * high, 0.0)), low, high)}
    original = _exactly(1.0) if story.original or story.estimate else None
    slots, marks = _arrange(story, original, estimate, lambda event: speeds(event, story.original))
    return Chart(slots, marks, 1.0 if original else None, 0.0, _top(marks, 2.0))


def quality_chart(story: Story) -> Chart:
    """The metric; measurements lie at the original plus their paired difference, with its interval.

    A quick check is made on other texts than the final test, so its own value would lie beside the
    original's line for no reason; the paired difference is what can be compared.
    """
    quality = story.original.quality if story.original else None
    raw = quality is not None and quality.metric in RAW_METRICS
    factor = 1.0 if raw else 100.0
    original: Spread | None = None
    if quality:
        original = (quality.value * factor, quality.low * factor, quality.high * factor)

    def read(event: Measured) -> dict[bool, Spread]:
        difference = event.comparison.quality if event.comparison else None
        measured = event.measurement.quality
        if difference and quality:
            values = (difference.value, difference.low, difference.high)
            moved = [moved_by(quality.metric, quality.value, value) * factor for value in values]
            return {False: (moved[0], min(moved), max(moved))}
        if measured and (quality is None or measured.metric == quality.metric):
            return {False: (measured.value * factor, measured.low * factor, measured.high * factor)}
        return {}

    slots, marks = _arrange(story, original, {}, read)
    least = LEAST_QUALITY_SPAN / 100 * quality.value if raw and quality else LEAST_QUALITY_SPAN
    bottom, top = _zoom(marks, least, ceiling=math.inf if raw else 100.0)
    return Chart(slots, marks, original[0] if original else None, bottom, top, inverted=raw)


def speeds(event: Measured, original: Measurement | None) -> dict[bool, Spread]:
    """Batch or not → times as fast: as compared turn about, or else from the two measurements."""
    found: dict[bool, Spread] = {}
    compared, measured = event.comparison, event.measurement
    if compared and compared.latency:
        found[False] = _spread(compared.latency)
    elif measured.latency and original and original.latency:
        found[False] = _exactly(original.latency.median_ms / measured.latency.median_ms)
    if compared and compared.throughput:
        found[True] = _spread(compared.throughput)
    elif measured.throughput and original and original.throughput:
        base, now = original.throughput.per_second, measured.throughput
        found[True] = (now.per_second / base, now.low / base, now.high / base)
    return found


def ticks(bottom: float, top: float, wanted: int = 4) -> list[float]:
    """About `wanted` round values between bottom and top."""
    if not top > bottom:
        return [bottom]
    raw = (top - bottom) / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * nice for nice in (1, 2, 2.5, 5, 10) if power * nice >= raw * 0.999)
    first = math.ceil(bottom / step - 1e-9)
    last = math.floor(top / step + 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]


def _arrange(
    story: Story, original: Spread | None, estimate: dict[bool, Spread], read: Read
) -> tuple[tuple[Slot, ...], tuple[Mark, ...]]:
    """Slots from left to right and the marks in them."""
    slots: list[Slot] = []
    marks: list[Mark] = []
    result = read(story.result) if story.result else {}
    beside = bool(estimate) and bool(result) and story.paired and not story.changed

    def put(kind: Kind, values: dict[bool, Spread], label: str = "", *, new_slot: bool = True) -> None:
        if new_slot:
            slots.append(Slot(kind, label))
        for batch, (value, low, high) in values.items():
            shares = kind is Kind.ESTIMATE and beside
            marks.append(Mark(len(slots) - 1, kind, value, low, high, batch, shares))

    if original:
        put(Kind.ORIGINAL, {False: original})
    seen = [(event, read(event)) for event in story.checks]
    for event, values in [pair for pair in seen if pair[1]][-MOST_CHECKS:]:
        put(Kind.CHECK, values, event.label)
    if result and story.changed:
        put(Kind.RESULT, result)
    if estimate and (beside or story.current is None):
        put(Kind.ESTIMATE, estimate)
    if result and not story.changed:
        if beside:
            slots[-1] = Slot(Kind.RESULT)
        put(Kind.RESULT, result, new_slot=not beside)
    return tuple(slots), tuple(marks)


def _exactly(value: float) -> Spread:
    return value, value, value


def _spread(ratio: Ratio) -> Spread:
    return ratio.value, ratio.low, ratio.high


def _top(marks: tuple[Mark, ...], least: float) -> float:
    return max([least, *(mark.high * 1.18 for mark in marks)])


def _zoom(marks: tuple[Mark, ...], least: float, ceiling: float) -> tuple[float, float]:
    """A range that holds all spreads with air around them, never narrower than noise deserves."""
    if not marks:
        return 0.0, 100.0
    low, high = min(mark.low for mark in marks), max(mark.high for mark in marks)
    span = max(high - low, least) * 1.4
    middle = (low + high) / 2
    top = min(middle + span / 2, max(ceiling, high))
    return max(0.0, top - span), top
