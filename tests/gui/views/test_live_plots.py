"""The live plots: what is an estimate, what was measured, and where the original is."""

import pytest
from PySide6.QtCore import Qt

from engine.events import CurvePoint, Measured, StepStarted
from engine.run import Measurement
from gui.plots.live import LivePlots
from gui.plots.story import Kind, Story, quality_chart, size_chart, speed_chart, ticks


@pytest.fixture
def live(shown):
    return shown(LivePlots())


def is_hollow(item):
    return item.opts["brush"].style() == Qt.BrushStyle.NoBrush or all(
        spot.brush().style() == Qt.BrushStyle.NoBrush for spot in item.points()
    )


def test_an_estimate_is_hollow_and_says_so(live, sample):
    live.set_original(sample.original)
    live.set_estimate(sample.estimate(), sample.profile())
    live.flush()
    chart = live.size_panel.chart
    assert len(chart.hollow.points()) == 1
    assert is_hollow(chart.hollow)
    assert not live.size_panel.headline.is_measured
    assert "estimated" in live.size_panel.headline.text
    assert "3.8× smaller" in live.size_panel.headline.text


def test_a_measurement_is_solid_and_says_so(live, sample):
    for event in sample.events():
        live.on_event(event)
    live.flush()
    chart = live.size_panel.chart
    assert len(chart.hollow.points()) == 0
    assert not any(spot.brush().style() == Qt.BrushStyle.NoBrush for spot in chart.solid.points())
    for panel in (live.size_panel, live.speed_panel, live.quality_panel):
        assert panel.headline.is_measured
        assert "measured" in panel.accessibleName()
    assert "23.7" in live.size_panel.headline.text
    assert "4.1×" in live.speed_panel.headline.text
    assert "within noise" in live.quality_panel.headline.text


def test_the_line_of_the_original_is_where_the_original_is(live, sample):
    live.set_original(sample.original)
    live.flush()
    assert live.size_panel.chart.line.value() == pytest.approx(91.6)
    assert live.speed_panel.chart.line.value() == pytest.approx(1.0)
    assert live.quality_panel.chart.line.value() == pytest.approx(89.4)


def test_quality_is_never_estimated(sample):
    chart = quality_chart(Story(original=sample.original, estimate=sample.estimate()))
    assert [mark.kind for mark in chart.marks] == [Kind.ORIGINAL]


def test_one_text_and_batches_are_two_marks_with_their_intervals(sample):
    run = sample.run()
    event = Measured(subject="optimized", label="", measurement=run.optimized, comparison=run.comparison)
    marks = [mark for mark in speed_chart(Story(sample.original, result=event)).marks if mark.kind is Kind.RESULT]
    assert [mark.batch for mark in marks] == [False, True]
    latency, throughput = run.comparison.latency, run.comparison.throughput
    assert (marks[0].value, marks[0].low, marks[0].high) == (latency.value, latency.low, latency.high)
    assert (marks[1].value, marks[1].low, marks[1].high) == (throughput.value, throughput.low, throughput.high)


def test_a_quick_check_lies_at_the_original_plus_its_paired_difference(sample):
    check = next(event for event in sample.events() if getattr(event, "subject", "") == "after a step")
    chart = quality_chart(Story(original=sample.original, checks=(check,)))
    mark = chart.marks[-1]
    assert mark.kind is Kind.CHECK
    assert (mark.value, mark.low, mark.high) == pytest.approx((88.3, 87.3, 89.3))
    assert chart.slots[-1].label == "Smaller numbers"


def test_a_trial_without_comparison_is_compared_with_the_original(sample):
    trial = Measured(subject="trial", label="ONNX", measurement=sample.measurement(23.6, 0.88, 3.0, 424.0))
    marks = speed_chart(Story(sample.original, checks=(trial,))).marks
    assert [mark.value for mark in marks if mark.kind is Kind.CHECK] == pytest.approx([3.0, 2.0])


def test_estimate_and_result_share_a_slot_only_for_the_recipe_that_ran(live, sample):
    live.set_estimate(sample.estimate(), sample.profile())
    for event in sample.events():
        live.on_event(event)
    chart = size_chart(live.story)
    assert [slot.kind for slot in chart.slots] == [Kind.ORIGINAL, Kind.RESULT]
    assert [mark.beside for mark in chart.marks if mark.kind is Kind.ESTIMATE] == [True]

    live.set_estimate(sample.estimate(size=16.0), sample.profile())
    chart = size_chart(live.story)
    assert [slot.kind for slot in chart.slots] == [Kind.ORIGINAL, Kind.RESULT, Kind.ESTIMATE]
    live.flush()
    assert "estimated" in live.size_panel.headline.text


def test_a_result_shown_from_the_history_has_no_estimate_beside_it(live, sample):
    live.set_estimate(sample.estimate(), sample.profile())
    live.clear()
    run = sample.run()
    live.on_event(Measured(subject="optimized", label="", measurement=run.optimized, comparison=run.comparison))
    assert Kind.ESTIMATE not in [mark.kind for mark in size_chart(live.story).marks]


def test_another_model_forgets_what_was_measured(live, sample):
    for event in sample.events():
        live.on_event(event)
    live.set_estimate(sample.estimate(60.0), sample.profile(original_bytes=440_000_000))
    assert live.story.original is None
    assert live.story.result is None
    live.flush()
    assert "440" in live.size_panel.headline.text


def test_a_new_run_begins_empty(live, sample):
    for event in sample.events():
        live.on_event(event)
    live.on_event(StepStarted(step=0, steps=2, name="original", title="The original"))
    assert live.story.checks == ()
    assert live.story.result is None
    assert live.story.original == sample.original


def test_curves_are_shown_only_when_there_are_points(live):
    strip = live._strip
    assert strip.isHidden()
    for step in range(2000):
        live.on_event(CurvePoint(curve="loss", x=step, y=1 / (step + 1)))
    assert strip.isVisible()
    (spark,) = live._curves.values()
    assert len(spark.points) <= 401
    assert spark.points[0] == (0, 1.0)
    live.clear()
    assert strip.isHidden()


def test_nothing_known_is_said_and_draws_nothing(live):
    assert "–" in live.size_panel.headline.text
    assert size_chart(live.story).marks == ()


def test_a_burst_of_events_is_drawn_later_and_once(live, sample, qtbot, monkeypatch):
    drawn = []
    monkeypatch.setattr(live.size_panel, "tell", drawn.append)
    for size in range(20, 60):
        live.on_event(
            Measured(
                subject="trial",
                label="",
                measurement=Measurement(runtime="torch", precision="fp32", size_bytes=size * 1_000_000),
            )
        )
    assert drawn == []
    qtbot.waitUntil(lambda: len(drawn) == 1, timeout=2000)
    assert len(drawn[0].checks) == 40


@pytest.mark.parametrize(("bottom", "top"), [(0, 108), (0, 2), (86.2, 91.3), (0, 0.004), (5, 5)])
def test_ticks_are_few_round_and_within(bottom, top):
    values = ticks(bottom, top)
    assert 1 <= len(values) <= 6
    assert all(bottom - 1e-9 <= value <= top + 1e-9 for value in values)
    assert "e" not in "".join(str(round(value, 6)) for value in values if value > 0.001)


def test_marks_stay_within_the_plot(sample):
    story = Story(sample.original, sample.profile(), sample.estimate(), tuple(
        event for event in sample.events() if getattr(event, "subject", "") == "after a step"
    ))  # fmt: skip
    for make in (size_chart, speed_chart, quality_chart):
        chart = make(story)
        assert all(chart.bottom <= mark.low <= mark.high <= chart.top for mark in chart.marks)
        assert all(0 < chart.position(mark.slot) < chart.width for mark in chart.marks)
