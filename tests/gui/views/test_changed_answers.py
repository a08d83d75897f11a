"""Changed answers: read bit by bit, whatever the file holds."""

import time

import pytest

from engine.run import Comparison
from gui.runs.changed import ChangedAnswers
from gui.runs.changes import read_changes
from gui.runs.manner import manner_of

DAMAGED = '\n{"text": "cut o\n[1, 2]\n{"label": 3}\n\x00\n'


@pytest.fixture
def changed(shown):
    return shown(ChangedAnswers())


def read(widget, qtbot, run, rows):
    widget.set_run(run)
    qtbot.waitUntil(lambda: widget.model.rowCount() == rows and not widget._timer.isActive(), timeout=10_000)


def test_counted_and_filtered(changed, sample, qtbot):
    sample.write_changes(14)
    read(changed, qtbot, sample.run(), 14)
    text = changed.headline.text()
    assert "14 of 2,000 answers changed" in text
    assert "5 became wrong, 5 became right" in text
    everything, worse, better = changed.filters.buttons()
    worse.click()
    assert changed.visible_rows() == 5
    better.click()
    assert changed.visible_rows() == 5
    everything.click()
    assert changed.visible_rows() == 14


def test_damaged_lines_are_passed_over_and_said(changed, sample, qtbot):
    sample.write_changes(6, extra=DAMAGED)
    read(changed, qtbot, sample.run(), 6)
    assert "4 lines of the record are damaged" in changed.headline.text()


def test_a_file_that_is_not_text(sample):
    (sample.folder / "changed.jsonl").write_bytes(bytes(range(256)) * 50)
    assert all(change is None for change in read_changes(sample.folder / "changed.jsonl", manner_of(None)))


def test_every_empty_state_has_its_sentence(changed, sample):
    sentences = set()
    for run in (None, sample.run(), sample.run(comparison=Comparison(same_answers=2000, answers=2000))):
        changed.set_run(run)
        assert not changed.view.isVisible()
        sentences.add(changed.headline.text())
    (sample.folder / "changed.jsonl").write_text("{")
    changed.set_run(sample.run())
    sentences.add(changed.headline.text())
    assert len(sentences) == 4
    assert all(sentence.endswith(".") for sentence in sentences)


def test_ten_thousand_rows_stay_quick(changed, sample, qtbot):
    sample.write_changes(10_000)
    began = time.perf_counter()
    changed.set_run(sample.run())
    at_once = time.perf_counter() - began
    qtbot.waitUntil(lambda: changed.model.rowCount() == 10_000, timeout=10_000)
    assert at_once < 0.1
    assert time.perf_counter() - began < 5.0


def test_a_run_selected_meanwhile_drops_the_rest_of_the_last(changed, sample, qtbot):
    sample.write_changes(5_000)
    changed.set_run(sample.run())
    changed.set_run(None)
    qtbot.wait(50)
    assert changed.model.rowCount() == 0
