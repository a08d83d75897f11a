"""The table of runs: sorted by number, deleted only after asking, usable from the keyboard."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox

from engine.run import Status
from gui.runs.model import FIRST, MODEL, SECOND, STEPS
from gui.runs.table import RunsTable
from gui.runs.words import steps_in_words

SIZE = 3


@pytest.fixture
def table(shown, sample):
    made = shown(RunsTable())
    runs = [
        sample.run("nine", size=9.1, started=3.0),
        sample.run("hundred", size=104.0, started=2.0),
        sample.run("twenty", size=23.7, started=1.0),
        sample.failed("none"),
    ]
    made.set_runs(runs)
    return made


def column(table, which):
    model = table.view.model()
    return [model.index(row, which).data() for row in range(model.rowCount())]


def test_sorted_by_number_not_by_text(table):
    table.view.sortByColumn(SIZE, Qt.SortOrder.AscendingOrder)
    assert [text.split("\u00a0")[0] for text in column(table, SIZE)] == ["–", "9.1", "23.7", "104"]
    table.view.sortByColumn(SIZE, Qt.SortOrder.DescendingOrder)
    assert [text.split("\u00a0")[0] for text in column(table, SIZE)] == ["104", "23.7", "9.1", "–"]


def test_newest_first_to_begin_with(table):
    assert table.view.model().index(0, 0).data(Qt.ItemDataRole.UserRole) > 3.0  # the failed one was last


def test_selecting_a_row_tells_its_run_once(table, qtbot):
    table.view.sortByColumn(SIZE, Qt.SortOrder.AscendingOrder)
    seen = []
    table.selected.connect(seen.append)
    table.view.selectRow(1)
    assert seen == ["nine"]
    table.select("twenty")
    assert seen == ["nine"]


def test_selection_survives_new_runs(table, sample):
    table.select("nine")
    table.set_runs([sample.run("new", started=9.0), sample.run("nine", size=9.1, started=3.0)])
    assert table.current().id == "nine"
    table.set_runs([sample.run("new", started=9.0)])
    assert table.current() is None


@pytest.mark.parametrize(
    ("answer", "deleted"),
    [(QMessageBox.StandardButton.Yes, ["nine"]), (QMessageBox.StandardButton.Cancel, [])],
)
def test_delete_asks_first(table, qtbot, monkeypatch, answer, deleted):
    monkeypatch.setattr(QMessageBox, "exec", lambda box: answer)
    seen = []
    table.delete.connect(seen.append)
    table.select("nine")
    table.view.setFocus()
    qtbot.keyClick(table.view, Qt.Key.Key_Delete)
    assert seen == deleted


def test_the_safe_answer_is_the_default(table, sample, monkeypatch):
    defaults = []
    cancel = QMessageBox.StandardButton.Cancel
    monkeypatch.setattr(QMessageBox, "exec", lambda box: defaults.append(box.defaultButton() is box.button(cancel)))
    table.confirm_delete(sample.run())
    assert defaults == [True]


def test_return_uses_the_recipe_again(table, qtbot):
    table.select("nine")
    table.view.setFocus()
    with qtbot.waitSignal(table.reuse) as told:
        qtbot.keyClick(table.view, Qt.Key.Key_Return)
    assert told.args == ["nine"]


def test_only_what_makes_sense_can_be_pressed(table, sample):
    table.select("none")
    assert not table._actions["export"].isEnabled()
    assert table._actions["delete"].isEnabled()
    table.set_runs([sample.failed("going", status=Status.RUNNING)])
    table.select("going")
    assert not table._actions["delete"].isEnabled()
    table.select(None)
    assert not any(action.isEnabled() for action in table._actions.values())


def test_no_runs_is_said_in_a_sentence(shown):
    table = shown(RunsTable())
    assert table._empty.isVisible()
    assert not table.view.isVisible()


def test_steps_are_told_in_plain_words(sample):
    steps = [{"prune": {"sparsity": 0.25}}, {"quantize": {"bits": 8, "runtime": "openvino"}}, {"unknown": {}}]
    text = steps_in_words(sample.run(recipe={"steps": steps})).replace("\u00a0", " ")
    assert text.startswith("Fewer connections (feed-forward neurons, 25 %) → Smaller numbers (8 bits")
    assert "OpenVINO" in text
    assert text.endswith("→ unknown")


def test_what_a_step_does_not_heed_is_not_told(sample):
    steps = [{"prune": {"structure": "weights", "sparsity": 0.25, "pattern": "2:4"}}]
    text = steps_in_words(sample.run(recipe={"steps": steps}))
    assert "2:4" in text and "25" not in text
    assert "50" not in steps_in_words(sample.run(recipe={"steps": [{"distill": {"student": "starter:minilm"}}]}))


def test_the_model_is_named_only_where_it_tells_something(table, sample):
    assert table.view.isColumnHidden(STEPS - 1)
    table.set_runs([sample.run("a"), sample.run("b", recipe={"model": "mine"})])
    assert not table.view.isColumnHidden(STEPS - 1)


def test_a_model_s_name_makes_room_before_anything_is_out_of_sight(shown, sample):
    made = shown(RunsTable())
    made.set_runs([sample.run("a", started=2.0), sample.writer_run("b", started=1.0)])
    header = made.view.horizontalHeader()
    made.resize(1400, 220)
    whole = header.sectionSize(MODEL)
    made.resize(890, 220)
    assert not made.view.isColumnHidden(MODEL) and header.sectionSize(MODEL) < whole
    assert header.length() <= made.view.viewport().width()


def test_speeds_have_no_task_s_name_before_one_is_measured(shown, sample):
    made = shown(RunsTable())
    unmeasured = sample.writer_run("going").model_copy(update={"optimized": None, "baseline": None})

    def titles():
        return [made.model.headerData(column, Qt.Orientation.Horizontal) for column in (FIRST, SECOND)]

    made.set_runs([unmeasured])
    assert titles() == ["Speed ●", "Speed ■"]
    made.set_runs([unmeasured, sample.writer_run("done")])
    assert titles() == ["Writing", "Reading"]
