"""Language models and embedders: nothing on screen is said in the words of a classifier."""

import pytest

from engine.events import Measured, StepStarted
from engine.run import Measurement, Quality
from gui.plots.front import map_of
from gui.plots.live import LivePlots
from gui.plots.runs_map import RunsMap
from gui.plots.story import Kind, Story, quality_chart
from gui.runs.changed import ChangedAnswers
from gui.runs.compare import Compare
from gui.runs.figures import rows_of, warnings_of
from gui.runs.model import FIRST, QUALITY, SECOND
from gui.runs.table import RunsTable
from gui.runs.words import heading
from gui.status_icon import Sign
from gui.tabs.log import Log
from gui.verdict import Verdict


def result(run):
    return Measured(subject="optimized", label="", measurement=run.optimized, comparison=run.comparison)


def plain(text):
    return text.replace("\u00a0", " ")


@pytest.fixture
def live(shown, sample):
    made = shown(LivePlots())
    run = sample.writer_run()
    made.set_task("language modelling")
    made.set_original(run.baseline)
    made.on_event(result(run))
    made.flush()
    return made


def test_a_perplexity_is_told_in_percent_of_itself(live):
    words = plain(live.quality_panel.headline.text)
    assert "31.70" in words and "+1.0 %, a real loss" in words and "original 31.40" in words
    assert "+0.8 to +1.4" in words
    assert "points" not in words


def test_lower_perplexity_lies_higher(live):
    chart = quality_chart(live.story)
    marks = {mark.kind: mark for mark in chart.marks}
    assert chart.inverted
    assert marks[Kind.RESULT].value == pytest.approx(31.7)
    assert marks[Kind.RESULT].low < 31.7 < marks[Kind.RESULT].high
    assert chart.bottom < marks[Kind.RESULT].low and marks[Kind.RESULT].high < chart.top
    box = live.quality_panel.chart._canvas.plot.getViewBox()
    assert box.yInverted() and not live.size_panel.chart._canvas.plot.getViewBox().yInverted()


def test_speeds_are_of_writing_and_reading(live):
    assert "● writing   ■ 1.2× at reading" in live.speed_panel.headline.text
    assert "32 at once" not in live.speed_panel.toolTip()
    assert "reading" in live.speed_panel.toolTip()


def test_a_quick_check_of_a_perplexity_is_a_share_of_it(sample):
    run = sample.writer_run()
    quick = Measurement(
        runtime="torch",
        precision="fp32",
        task="language modelling",
        quality=Quality(metric="perplexity", value=45.0, low=43.0, high=47.0, count=40),
    )
    check = Measured(subject="after a step", label="Prune", measurement=quick, comparison=run.comparison)
    mark = quality_chart(Story(original=run.baseline, checks=(check,))).marks[-1]
    assert mark.kind is Kind.CHECK and mark.value == pytest.approx(31.7)


def test_figures_of_another_task_are_forgotten(live, sample):
    live.set_estimate(sample.estimate(), sample.profile())
    live.set_task("sentence similarity")
    assert live.story.original is None and live.story.result is None
    assert live.story.estimate is not None


def test_a_new_run_does_not_begin_with_the_original_of_a_run_looked_at_before(live, sample):
    live.set_task("language modelling")
    live.set_estimate(sample.estimate(), sample.profile(original_bytes=38_000_000))
    live.set_original(sample.original)  # a classifier's run is selected
    live.on_event(StepStarted(step=0, steps=2, name="original", title="The original"))
    assert live.story.original is None


def test_the_map_of_language_models_has_low_perplexity_on_top(shown, sample):
    runs = [sample.writer_run("a", 10.0, 31.7), sample.writer_run("b", 20.0, 31.45), sample.writer_run("c", 30.0, 33.0)]
    found = map_of([*runs, sample.run("x")])
    assert found.lower_is_better and found.others == 1
    assert [point.run_id for point in found.front] == ["a", "b"]
    widget = shown(RunsMap())
    widget.set_runs(runs)
    assert widget.plot._canvas.plot.getViewBox().yInverted()
    assert "lowest on top" in widget._note.text()
    assert "at writing" in widget._legend.toolTip() and "at writing" in widget._described("a")


def test_runs_of_one_model_by_two_metrics_share_no_map(sample):
    other = sample.writer_run("b", baseline=sample.original, optimized=sample.measurement(20.0, 0.9, 2.0, 600.0))
    assert [point.run_id for point in map_of([sample.writer_run("a"), other], "a").points] == ["a"]


def test_the_table_heads_its_columns_as_its_runs_do(shown, sample):
    table = shown(RunsTable())

    def titles():
        return [table.model.headerData(column, horizontal) for column in (FIRST, SECOND, QUALITY)]

    from PySide6.QtCore import Qt

    horizontal = Qt.Orientation.Horizontal
    table.set_runs([sample.run("a")])
    assert titles() == ["One text", "32 at once", "Accuracy"]
    table.set_runs([sample.writer_run("a")])
    assert titles() == ["Writing", "Reading", "Perplexity"]
    table.set_runs([sample.run("a"), sample.writer_run("b"), sample.finder_run("c")])
    assert titles() == ["Speed ●", "Speed ■", "Quality"]
    assert table.model.index(1, QUALITY).data() == "perplexity 31.70"
    assert plain(table.model.index(1, QUALITY + 1).data()) == "+1.0 % (+0.8 to +1.4)"


def test_a_bare_number_says_what_it_is(sample):
    assert plain(heading(sample.writer_run())) == "10.0 MB, perplexity 31.70"


def cells(runs, title):
    (row,) = [row for row in rows_of(runs) if row.title == title]
    return [plain(cell) for cell in row.cells]


def test_all_qualities_and_speeds_stand_side_by_side(sample):
    run = sample.writer_run()
    assert cells([run], "Perplexity (95 % interval)") == ["31.40  (30.77 – 32.03)", "31.70  (31.07 – 32.33)"]
    assert cells([run], "Perplexity: difference")[1] == "+1.0 %, a real loss  (+0.8 – +1.4, p = 0.001)"
    assert "within noise" in cells([run], "Next-token accuracy: difference")[1]
    assert cells([run], "Writing after 32 tokens: tokens a second")[1] == "500  (450 – 550)"
    assert cells([run], "Reading 512 tokens: times as fast")[1] == "1.2×  (1.1–1.3×)"
    assert cells([run], "One token written, median") == ["4.0 ms", "2.0 ms"]
    assert cells([run], "Same next token")[1] == "1,790 of 1,920 (93.2 %)"
    titles = [row.title for row in rows_of([sample.finder_run()])]
    assert {"Recall@10 (95 % interval)", "MRR: difference", "One text, median"} <= set(titles)


def test_a_collapse_is_a_warning_wherever_the_run_is_shown(shown, sample):
    run = sample.writer_run()
    sentence = "What it writes falls into a loop: 40 % of it repeats itself."
    compared = run.comparison.model_copy(
        update={"collapse": sentence, "verdict": f"{run.comparison.verdict} {sentence}"}
    )
    run = run.model_copy(update={"comparison": compared})
    verdict = shown(Verdict())
    verdict.set_run(run)
    assert verdict.sign is Sign.WARNING
    assert verdict.warning.isVisible() and verdict.warning.text() == sentence
    assert "loop" not in verdict.detail.text() and "next token" in verdict.detail.text()
    verdict.set_run(sample.writer_run())
    assert not verdict.warning.isVisible() and verdict.sign is Sign.GOOD
    assert cells([run], "Collapse")[1] == sentence


def test_different_tasks_are_not_compared(shown, sample):
    runs = [sample.run("a"), sample.writer_run("b")]
    assert "different tasks" in warnings_of(runs)[0]
    shown(Compare()).set_runs(runs)


def read(shown, qtbot, run, rows):
    widget = shown(ChangedAnswers())
    widget.set_run(run)
    qtbot.waitUntil(lambda: widget.model.rowCount() == rows and not widget._timer.isActive(), timeout=10_000)
    return widget


def answers(before, after, worse, label="", text="a text"):
    told = [dict(zip(("answer", "confidence"), pair, strict=True)) for pair in (before, after)]
    return {"text": text, "label": label, "original": told[0], "optimized": told[1], "worse": worse}


def test_windows_of_text_became_harder_or_easier(shown, qtbot, sample):
    rows = [(("perplexity 30.0", 0.4), ("perplexity 45.0", 0.3), True)] * 2
    rows += [(("perplexity 30.0", 0.4), ("perplexity 29.0", 0.4), False)]
    rows += [(("perplexity 30.0", 0.4), ("perplexity 30.0", 0.4), False)]
    sample.write_lines([answers(*row) for row in rows])
    widget = read(shown, qtbot, sample.writer_run(), 4)
    words = plain(widget.headline.text())
    assert words == (
        "4 windows of text, the same next token at 93.2 % of places: 2 harder to foresee, 1 easier, 1 as before"
    )
    assert widget.view.isColumnHidden(1)
    assert [button.text() for button in widget.filters.buttons()] == ["All", "Harder", "Easier"]
    assert plain(widget.model.index(0, 3).data()) == "perplexity 45.0  30 %"
    widget.grab()


def test_what_was_found_is_told_by_the_place_of_the_right_answer(shown, qtbot, sample):
    rows = [
        answers(("kip", 1.0), ("dong", 0.3333), True, "kip"),
        answers(("dong", 0.5), ("won", 0.5), False, "kip"),
        answers(("dong", 0.002), ("kip", 1.0), False, "kip"),
    ]
    sample.write_lines(rows)
    widget = read(shown, qtbot, sample.finder_run(), 3)
    assert "1 further from the right answer, 1 nearer to it, 1 as near" in widget.headline.text()
    assert plain(widget.model.index(0, 3).data()) == "dong  place 3"
    assert plain(widget.model.index(2, 2).data()) == "dong  beyond 100"
    assert not widget.view.isColumnHidden(1)


def test_scored_pairs_need_no_number_beside_their_likeness(shown, qtbot, sample):
    run = sample.finder_run()
    found = Quality(metric="Spearman correlation", value=0.8, low=0.7, high=0.9, count=200)
    run = run.model_copy(update={"optimized": run.optimized.model_copy(update={"quality": found})})
    sample.write_lines([answers(("0.81", 0.81), ("0.70", 0.7), True, "0.90")])
    widget = read(shown, qtbot, run, 1)
    assert widget.model.index(0, 3).data() == "0.70"
    assert "1 further from the score given" in widget.headline.text()


def test_the_log_says_what_was_timed(shown, sample):
    log = shown(Log())
    log.on_event(result(sample.writer_run()))
    assert "2.0 ms (one token written), 6,240 (tokens read a second)" in plain(log.text())
