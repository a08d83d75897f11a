"""One live plot with its headline: what it says of a `Story` in words, and which chart it draws."""

from __future__ import annotations

from abc import abstractmethod

from PySide6.QtWidgets import QVBoxLayout, QWidget

from engine.run import Difference
from gui.numbers import (
    NO_BREAK,
    RAW_METRICS,
    count,
    meaning,
    megabytes,
    percent,
    plain,
    points,
    quality,
    ratio,
    ratio_range,
    spread,
)
from gui.plots.headline import Headline
from gui.plots.panel import Panel
from gui.plots.story import Chart, Kind, Slot, Story, quality_chart, size_chart, speed_chart, speeds


class LivePanel(Panel):
    """Headline above, chart beneath. A kind of plot says its title, its unit, chart and words."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        from gui.plots.step_chart import StepChart  # pyqtgraph: only once a window is made

        self.headline = Headline(title)
        self.chart = StepChart()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 10, 10, 6)
        layout.setSpacing(4)
        layout.addWidget(self.headline)
        layout.addWidget(self.chart, 1)
        self.setMinimumHeight(190)

    def tell(self, story: Story) -> None:
        """Draw what is known and say it."""
        chart = self.chart_of(story)
        self.chart.show_chart(chart, [self._slot_name(slot) for slot in chart.slots], self.unit())
        self.speak(story)
        self.setAccessibleName(self.headline.text)
        self.setToolTip(self._tooltip(chart))

    @abstractmethod
    def unit(self) -> str:
        """What follows a value of this plot."""

    def written(self, value: float) -> str:
        """A value with its unit."""
        return f"{plain(round(value, 1))}{self.unit()}"

    @abstractmethod
    def chart_of(self, story: Story) -> Chart:
        """What to draw."""

    @abstractmethod
    def speak(self, story: Story) -> None:
        """Fill in the headline."""

    @abstractmethod
    def explained(self) -> str:
        """What this plot shows, for its tooltip."""

    def measured(self, big: str, words: str, note: str, role: str = "text") -> None:
        """A headline of something measured."""
        self.headline.say(self.tr("measured"), big, words, note, solid=True, role=role)

    def estimated(self, big: str, words: str, note: str) -> None:
        """A headline of something estimated: never in the colours of a measurement."""
        badge = self.tr("estimated")
        self.headline.say(badge, big, words, note, solid=False, role="muted")

    def unknown(self, note: str) -> None:
        """A headline while there is nothing to say."""
        self.headline.say("", "–", "", note, solid=False, role="muted")

    def _slot_name(self, slot: Slot) -> str:
        named = {
            Kind.ORIGINAL: self.tr("original"),
            Kind.ESTIMATE: self.tr("estimate"),
            Kind.RESULT: self.tr("result"),
        }
        return slot.label or named.get(slot.kind, "")

    def _tooltip(self, chart: Chart) -> str:
        lines = [self.explained()]
        for mark in chart.marks:
            name = self._slot_name(chart.slots[mark.slot])
            if mark.kind is Kind.ESTIMATE:
                name = self.tr("estimate")
            batch = self.tr(" (32 at once)") if mark.batch else ""
            line = f"{name}{batch}: {self.written(mark.value)}"
            if mark.high > mark.low:
                line += f"  ({self.written(mark.low)} – {self.written(mark.high)})"
            lines.append(line)
        return "\n".join(lines)


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

    def explained(self) -> str:
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
    """Times as fast as the original: one text at a time, and in batches."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Speed"), parent)

    def unit(self) -> str:
        """Times."""
        return "×"

    def chart_of(self, story: Story) -> Chart:
        """See `story.speed_chart`."""
        return speed_chart(story)

    def explained(self) -> str:
        """For the tooltip."""
        return self.tr(
            "Speed on this machine, as times the original's. "
            "Circle: one text at a time; square: 32 texts at once. Whiskers: 95 % interval."
        )

    def speak(self, story: Story) -> None:
        """One text first, batches beneath."""
        found = speeds(story.current, story.original) if story.current else {}
        if found:
            first = found.get(False) or found[True]
            both = False in found and True in found
            note = self.tr("● one text   ■ {0} for 32 at once").format(ratio(found[True][0])) if both else ""
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

    def explained(self) -> str:
        """For the tooltip."""
        return self.tr(
            "Quality: {0}. Whiskers are the 95 % interval of the difference from the original, "
            "question by question; where they cross the line, the difference is within noise."
        ).format(self._metric)

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
            texts = self.tr("original, {0} texts").format(count(original.count))
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
        words = f"{points(self._metric, difference.value)}, {meaning(self._metric, difference)}"
        self.measured(big, words, f"{note}, {spread(self._metric, difference)}")
