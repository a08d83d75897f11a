"""Try it, layers, log."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog

from engine.events import CurvePoint, Note, Progress, StepStarted
from engine.models.profile import Part
from gui.plots.live import LivePlots
from gui.tabs.layers import Layers
from gui.tabs.log import MOST_LINES, Log
from gui.tabs.part_bars import PARTS, PartBars, part_color, slices_of
from gui.tabs.try_it import TryIt


def answer(name, ms):
    return {"answer": name, "confidence": 0.9, "ms": ms, "choices": [[name, 0.9], ["food", 0.1]]}


def test_a_question_is_asked_and_answered(shown, sample, qtbot):
    widget = shown(TryIt())
    widget.set_run(sample.run())
    qtbot.keyClicks(widget.text, "a bird")
    with qtbot.waitSignal(widget.asked) as told:
        qtbot.keyClick(widget.text, Qt.Key.Key_Return)
    assert told.args == ["a bird", {}]
    widget.set_busy(True)
    with qtbot.assertNotEmitted(widget.asked):
        qtbot.keyClick(widget.text, Qt.Key.Key_Return)
    widget.show_answer({"original": answer("animal", 9.0), "optimized": answer("animal", 2.25)})
    assert "Same answer, 4.0× faster" in widget.message.text()
    assert widget.optimized.bars.choices[0] == ("animal", 0.9)
    assert widget.button.isEnabled()


def test_different_answers_are_said(shown, sample):
    widget = shown(TryIt())
    widget.set_run(sample.run())
    widget.show_answer({"original": answer("animal", 9.0), "optimized": answer("plant", 18.0)})
    assert "Different answers, 2.0× slower" in widget.message.text()


def test_an_empty_question_tries_the_example(shown, sample, qtbot):
    widget = shown(TryIt())
    widget.set_run(sample.run())
    with qtbot.waitSignal(widget.asked) as told:
        widget.button.click()
    assert told.args == [widget.text.placeholderText(), {}]


def test_a_refusal_is_shown_and_the_button_works_again(shown, sample):
    widget = shown(TryIt())
    widget.set_run(sample.run())
    widget.set_busy(True)
    widget.show_refusal("The text is too long.")
    assert widget.message.text() == "The text is too long."
    assert widget.button.isEnabled()


def test_without_a_model_nothing_can_be_asked(shown, sample):
    widget = shown(TryIt())
    for run in (None, sample.failed()):
        widget.set_run(run)
        assert not widget.button.isEnabled()


def test_bytes_of_parts(sample):
    whole, small = sample.profile(), sample.profile(layers=3, bits=8)
    assert [part.part for part in slices_of(whole)] == list(PARTS)
    assert sum(part.size for part in slices_of(whole)) == whole.parameters * 4
    assert slices_of(small)[0].size == 11_917_440 + 4 * (31_036 + 768)


def test_layers_before_and_after(shown, sample):
    widget = shown(Layers())
    assert widget._empty.isVisible()
    widget.set_profiles(sample.profile(), sample.profile(layers=3, bits=8))
    assert [name for name, _ in widget.bars.rows] == ["before", "after (estimated)"]
    assert "Layers: 6 → 3" in widget._shape.text()
    assert "Width: 384" in widget._shape.text()
    widget.set_profiles(sample.profile(), None)
    assert [name for name, _ in widget.bars.rows] == ["before"]
    widget.set_profiles(None, None)
    assert widget._empty.isVisible()


def test_a_tied_head_has_no_bytes_of_its_own(shown, sample):
    profile = sample.profile(bits=4).model_copy(update={"head": Part(), "final_norm": Part(vectors=100)})
    slices = {part.part: part.size for part in slices_of(profile)}
    assert slices["head"] == 0
    assert slices["norms"] == 4 * (9216 + 100)
    assert slices["embeddings"] == 11_917_440 // 2 + 4 * (31_036 + 768)
    widget = shown(Layers())
    widget.set_profiles(profile, profile)
    widget.grab()


def hues(widget, row):
    """The colours in the middle of a bar."""
    image = widget.grab().toImage()
    y = round(widget.height() * (row + 0.2) / 2)
    return {image.pixelColor(x, y).name() for x in range(150, 400, 3)}


def test_what_is_only_estimated_is_drawn_hollow(shown, sample):
    bars = shown(PartBars(None))
    bars.show_slices([("before", slices_of(sample.profile())), ("after", slices_of(sample.profile()))])
    assert part_color(0).name() in hues(bars, 0)
    assert part_color(0).name() not in hues(bars, 1)


def test_a_bar_a_layer_and_none_without_them(shown, sample):
    widget = shown(Layers())
    widget.set_profiles(sample.profile(), None)
    assert not widget.sensitivity.isVisible()
    for layer, nats in ((0, 0.03), (1, 0.002), (0, 0.04)):
        widget.on_event(CurvePoint(curve="sensitivity", x=layer, y=nats))
    widget.on_event(CurvePoint(curve="loss", x=2, y=1.0))
    assert widget.sensitivity.isVisible()
    assert widget.sensitivity.bars == {0: 0.04, 1: 0.002}
    assert "0: 0.04" in widget.sensitivity.accessibleName()
    widget.sensitivity.grab()
    widget.on_event(StepStarted(step=0, steps=2, name="original", title="The original"))
    assert not widget.sensitivity.isVisible()


def test_a_run_of_the_past_still_has_its_layers(shown, sample):
    points = [CurvePoint(curve="sensitivity", x=x, y=0.01 * x) for x in range(48)]
    lines = [point.model_dump_json() for point in points]
    (sample.folder / "events.jsonl").write_text("\n".join([*lines, '{"sensitivity"', "\x00"]))
    widget = shown(Layers())
    widget.set_profiles(sample.profile(), None)
    widget.set_run(sample.run())
    assert len(widget.sensitivity.bars) == 48
    widget.sensitivity.grab()
    widget.set_run(None)
    assert widget.sensitivity.bars == {}


def test_layers_are_no_steps_of_a_training(shown):
    live = shown(LivePlots())
    live.on_event(CurvePoint(curve="sensitivity", x=1, y=0.1))
    assert live._strip.isHidden()


@pytest.fixture
def log(shown):
    return shown(Log())


def test_progress_is_one_line_that_changes(log):
    log.on_event(StepStarted(step=0, steps=2, name="original", title="The original"))
    for done in range(50):
        log.on_event(Progress(step=0, done=done, total=50, message="measuring"))
        log.flush()
    log.on_event(Note(text="Done."))
    lines = log.text().splitlines()
    assert len(lines) == 3
    assert lines[1].endswith("measuring  49 of 50")
    assert lines[2].endswith("Done.")


def test_every_line_has_its_time(log):
    log.add("Something happened.", "warning")
    assert log.text()[2] == ":"
    assert log.text().endswith("Something happened.")


def test_the_log_is_bounded(log):
    for number in range(MOST_LINES + 500):
        log.add(f"line {number}")
    assert log.view.blockCount() <= MOST_LINES
    lines = log.text().splitlines()
    assert len(lines) <= MOST_LINES
    assert lines[-1].endswith(f"line {MOST_LINES + 499}")


def test_copy_and_save(log, tmp_path, monkeypatch):
    log.add("A line.")
    log.copy_button.click()
    assert QGuiApplication.clipboard().text().endswith("A line.")
    target = tmp_path / "log.txt"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    log.save_button.click()
    assert target.read_text(encoding="utf-8").endswith("A line.\n")


def test_every_kind_of_event_is_written_without_fuss(log, sample):
    for event in sample.events():
        log.on_event(event)
    assert "Run ended, verified" in log.text()
