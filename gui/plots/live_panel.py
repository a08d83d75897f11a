"""One live plot with its headline: what it says of a `Story` in words, and which chart it draws."""

from __future__ import annotations

from abc import abstractmethod

from PySide6.QtWidgets import QVBoxLayout, QWidget

from gui.numbers import plain
from gui.plots.headline import Headline
from gui.plots.panel import Panel
from gui.plots.story import Chart, Kind, Slot, Story


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
        self.setToolTip(self._tooltip(chart, story))

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
    def explained(self, story: Story) -> str:
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

    def _tooltip(self, chart: Chart, story: Story) -> str:
        lines = [self.explained(story)]
        for mark in chart.marks:
            name = self._slot_name(chart.slots[mark.slot])
            if mark.kind is Kind.ESTIMATE:
                name = self.tr("estimate")
            second = f" ({story.words.second})" if mark.batch else ""
            line = f"{name}{second}: {self.written(mark.value)}"
            if mark.high > mark.low:
                line += f"  ({self.written(mark.low)} – {self.written(mark.high)})"
            lines.append(line)
        return "\n".join(lines)
