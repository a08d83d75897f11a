"""Try it, layers, log."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog

from engine.events import Note, Progress, StepStarted
from gui.tabs.layers import Layers
from gui.tabs.log import MOST_LINES, Log
from gui.tabs.part_bars import PARTS, slices_of
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
    assert [name for name, _ in widget.bars.rows] == ["before", "after"]
    assert "Layers: 6 → 3" in widget._shape.text()
    assert "Width: 384" in widget._shape.text()
    widget.set_profiles(sample.profile(), None)
    assert [name for name, _ in widget.bars.rows] == ["before"]
    widget.set_profiles(None, None)
    assert widget._empty.isVisible()


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
