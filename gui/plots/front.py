"""What the map of runs shows: its points and the front, computed before anything is drawn."""

from __future__ import annotations

from dataclasses import dataclass

from engine.run import Measurement, Run, Status
from gui.numbers import MEGABYTE, RAW_METRICS
from gui.task_words import CLASSIFICATION, task_of


@dataclass(frozen=True)
class Point:
    """One run on the map. Size in MB; quality in percent (or the metric's own unit)."""

    run_id: str
    size: float
    quality: float
    speed: float | None
    """Times as fast as the original at one text or at writing (or the second speed, where only that is known)."""
    kept: bool
    """Whether the run ended well: only such runs can lie on the front."""


@dataclass(frozen=True)
class Map:
    """All that is drawn: runs of one model on one data set, for others cannot be compared."""

    metric: str
    points: tuple[Point, ...]
    front: tuple[Point, ...]
    original: tuple[float, float] | None
    others: int
    """Measured runs of other models or data, left out."""
    task: str = CLASSIFICATION

    @property
    def lower_is_better(self) -> bool:
        """Whether quality is better the lower its value: the map then has it upside down, so that up is better."""
        return self.metric in RAW_METRICS


EMPTY = Map(metric="", points=(), front=(), original=None, others=0)


def subject_of(run: Run) -> tuple[str, str]:
    """What a run is about: its model and its data. Runs of different subjects are not compared."""
    return str(run.recipe.get("model")), str(run.recipe.get("data"))


def map_of(runs: list[Run], selected: str | None = None, subject: tuple[str, str] | None = None) -> Map:
    """The map around the selected run, the newest measured one of the `subject` (model, data), or the newest at all."""
    measured = [run for run in runs if _place(run.optimized) is not None]
    if not measured:
        return EMPTY
    newest = max(measured, key=lambda run: (subject_of(run) == subject, run.started))
    centre = next((run for run in measured if run.id == selected), newest)
    shown = [run for run in measured if _about(run) == _about(centre)]
    points = tuple(_point(run) for run in shown)
    return Map(
        metric=_metric(centre),
        points=points,
        front=front_of(points, lower_is_better=_metric(centre) in RAW_METRICS),
        original=_place(centre.baseline),
        others=len(measured) - len(shown),
        task=task_of(centre),
    )


def front_of(points: tuple[Point, ...], *, lower_is_better: bool = False) -> tuple[Point, ...]:
    """The points that no other beats in both size and quality, by rising size."""
    sign = -1.0 if lower_is_better else 1.0
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p.size, -sign * p.quality)):
        if point.kept and (not front or sign * point.quality > sign * front[-1].quality):
            front.append(point)
    return tuple(front)


def _about(run: Run) -> tuple[object, ...]:
    """What must be the same for two runs to share axes."""
    return *subject_of(run), _metric(run)


def _metric(run: Run) -> str:
    return run.optimized.quality.metric if run.optimized and run.optimized.quality else ""


def _place(measurement: Measurement | None) -> tuple[float, float] | None:
    if measurement is None or measurement.size_bytes is None or measurement.quality is None:
        return None
    factor = 1.0 if measurement.quality.metric in RAW_METRICS else 100.0
    return measurement.size_bytes / MEGABYTE, measurement.quality.value * factor


def _point(run: Run) -> Point:
    place = _place(run.optimized)
    assert place is not None
    compared = run.comparison
    speed = (compared.latency or compared.throughput) if compared else None
    return Point(
        run_id=run.id,
        size=place[0],
        quality=place[1],
        speed=speed.value if speed else None,
        kept=run.status is Status.FINISHED,
    )
