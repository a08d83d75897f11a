"""The three kinds of live plot: what size, speed and quality say of a `Story` in words."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from engine.run import Difference
from gui.numbers import (
    NO_BREAK,
    RAW_METRICS,
    count,
    meaning,
    megabytes,
    percent,
    points,
    quality,
    ratio,
    ratio_range,
    spread,
)
from gui.plots.live_panel import LivePanel
from gui.plots.story import Chart, Story, quality_chart, size_chart, speed_chart, speeds


class SizePanel(LivePanel):
    """Megabytes of the whole folder."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Size"), parent)

    def unit(self) -> str:
        """Megabytes."""
        return f"{NO_BREAK}MB"

    def chart_of(self, story: Story) -> Chart:
        """See `story.size_chart`."""
        return size_chart(story)

    def explained(self, story: Story) -> str:
        """For the tooltip."""
        return self.tr("Size of the whole saved folder, in megabytes (1 MB = 1,000,000 bytes).")

    def speak(self, story: Story) -> None:
        """Megabytes, and how many times smaller."""
        original, result = story.original_bytes, story.current
        size = result.measurement.size_bytes if result else None
        note = self.tr("original {0}").format(megabytes(original)) if original else ""
        if size is not None:
            self.measured(megabytes(size), self._times(original, size), note)
        elif story.estimate:
            error = percent(story.estimate.size_error, 0)
            note = f"{note}, ±{error}" if note else f"±{error}"
            size = story.estimate.size_bytes
            self.estimated(megabytes(size), self._times(original, size), note)
        else:
            self.unknown(note or self.tr("Choose a model to see its size."))

    def _times(self, original: int | None, size: int) -> str:
        if not original or not size:
            return ""
        if abs(original / size - 1) < 0.05:
            return self.tr("same size")
        if size > original:
            return self.tr("{0} larger").format(ratio(size / original))
        return self.tr("{0} smaller").format(ratio(original / size))


class SpeedPanel(LivePanel):
    """Times as fast as the original: one text at a time and in batches, or writing and reading."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Speed"), parent)

    def unit(self) -> str:
        """Times."""
        return "×"

    def chart_of(self, story: Story) -> Chart:
        """See `story.speed_chart`."""
        return speed_chart(story)

    def explained(self, story: Story) -> str:
        """For the tooltip."""
        return self.tr(
            "Speed on this machine, as times the original's. Circle: {0}; square: {1}. Whiskers: 95 % interval."
        ).format(story.words.first, story.words.second)

    def speak(self, story: Story) -> None:
        """The speed a person waits for first, the other beneath."""
        found = speeds(story.current, story.original) if story.current else {}
        if found:
            first = found.get(False) or found[True]
            both = False in found and True in found
            note = ""
            if both:
                second = ratio(found[True][0])
                note = self.tr("● {0}   ■ {1} {2}").format(story.words.first, second, story.words.at_second)
            self.measured(ratio(first[0]), self._direction(first[0]), note)
        elif story.estimate:
            forecast = story.estimate.speed
            middle = (forecast.low + forecast.high) / 2
            big = ratio_range(forecast.low, forecast.high)
            self.estimated(big, self._direction(middle), forecast.basis)
        else:
            self.unknown(self.tr("Nothing to compare yet."))

    def _direction(self, value: float) -> str:
        if 0.95 <= value <= 1.05:
            return self.tr("as fast")
        return self.tr("as fast (slower)") if value < 1 else self.tr("faster")


class QualityPanel(LivePanel):
    """The metric on the test texts."""

    def __init__(self, parent: QWidget | None = None) -> None:
        self._metric = "accuracy"
        super().__init__(self.tr("Quality"), parent)

    def unit(self) -> str:
        """Percent (the chart's values are percent already), or nothing for a bare number."""
        return "" if self._metric in RAW_METRICS else f"{NO_BREAK}%"

    def chart_of(self, story: Story) -> Chart:
        """See `story.quality_chart`."""
        if story.original and story.original.quality:
            self._metric = story.original.quality.metric
        return quality_chart(story)

    def explained(self, story: Story) -> str:
        """For the tooltip."""
        return self.tr(
            "Quality: {0}. Whiskers are the 95 % interval of the difference from the original, "
            "question by question; where they cross the line, the difference is within noise.{1}"
        ).format(self._metric, self.tr(" Up is better: the axis runs downward.") if self._lower_is_better else "")

    @property
    def _lower_is_better(self) -> bool:
        return self._metric in RAW_METRICS

    def speak(self, story: Story) -> None:
        """The value and what it means; no estimate is ever made of quality."""
        original = story.original.quality if story.original else None
        found = story.current.measurement.quality if story.current else None
        note = self.tr("original {0}").format(quality(original.metric, original.value)) if original else ""
        if found and story.current:
            compared = story.current.comparison
            self._speak_measured(quality(found.metric, found.value), compared.quality if compared else None, note)
        elif check := self._last_check(story):
            after = self.tr("after “{0}”").format(check[1])
            self.headline.say(self.tr("quick check"), check[0], "", after, solid=False, role="muted")
        elif story.estimate:
            self.headline.say(
                self.tr("not measured"),
                "?",
                story.estimate.quality,
                note,
                solid=False,
                role="muted",
            )
        elif original:
            texts = self.tr("original, {0} {1}").format(count(original.count), story.words.nouns)
            self.measured(quality(original.metric, original.value), original.metric, texts)
        else:
            self.unknown(self.tr("Only measuring will tell."))

    def _last_check(self, story: Story) -> tuple[str, str] | None:
        """Difference and label of the newest quick check of a run that goes on."""
        if story.result is not None:
            return None
        for event in reversed(story.checks):
            if event.comparison and event.comparison.quality:
                return points(self._metric, event.comparison.quality.value), event.label
        return None

    def _speak_measured(self, big: str, difference: Difference | None, note: str) -> None:
        if difference is None:
            self.measured(big, self._metric, note)
            return
        words = f"{points(self._metric, difference.value)}, {meaning(difference)}"
        self.measured(big, words, f"{note}, {spread(self._metric, difference)}")
