"""Pickers: what is chosen, what was read, what was refused."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from engine.models.starter import catalogue
from engine.recipe import DataSource
from gui.pickers.data import DataPicker
from gui.pickers.model import ModelPicker, data_of
from gui.recipe_panel.panel import RecipePanel
from gui.session import first_recipe

FOUND = {
    "columns": ["id", "body", "kind"],
    "text": "body",
    "label": "kind",
    "labels": {"a": 3, "b": 2},
    "rows": 5,
    "is_sample": False,
    "examples": [["x" * 400, "a"]],
    "notes": ["2 rows without a label were left out."],
}


def entries(picker):
    picker.menu.aboutToShow.emit()
    return {action.text(): action for action in picker.menu.actions()}


def test_the_starter_is_in_the_menu(qtbot, home):
    picker = ModelPicker()
    qtbot.addWidget(picker)
    with qtbot.waitSignal(picker.chosen) as caught:
        entries(picker)["Kinds of things (MiniLM, 6 layers)"].trigger()
    assert caught.args == ["starter:kinds-minilm"]


def test_recent_models_are_offered_and_starters_not_twice(qtbot, home):
    picker = ModelPicker()
    qtbot.addWidget(picker)
    picker.set_recent(["starter:kinds-minilm", "/models/mine"])
    assert "mine" in entries(picker)
    starters = {model.title for model in catalogue().models.values()}
    assert sorted(a.text() for a in picker.menu.actions() if a.text() in starters) == sorted(starters)


def test_a_hub_name_is_typed(qtbot, home):
    picker = ModelPicker()
    qtbot.addWidget(picker)
    picker.show()
    entries(picker)["Type a name on the Hub…"].trigger()
    qtbot.keyClicks(picker.hub, " distilbert/distilbert-base-uncased ")
    with qtbot.waitSignal(picker.chosen) as caught:
        qtbot.keyClick(picker.hub, Qt.Key.Key_Return)
    assert caught.args == ["distilbert/distilbert-base-uncased"]
    assert not picker.hub.isVisible()


def test_a_profile_is_told_in_words(qtbot, home, stand_in):
    picker = ModelPicker()
    qtbot.addWidget(picker)
    picker.set_profile(stand_in.profile())
    for words in ("22.7 M parameters", "BERT, 6 layers", "2 labels"):
        assert words in picker.details.text()
    picker.set_profile(stand_in.profile(has_head=False))
    assert "no labels" in picker.details.text()
    picker.set_profile(stand_in.writer())
    assert "writes text" in picker.details.text()


def test_remote_code_is_trusted_for_one_model_by_name(qtbot, home):
    panel = RecipePanel(first_recipe().model_copy(update={"model": "someone/strange"}))
    qtbot.addWidget(panel)
    with qtbot.waitSignal(panel.edited) as caught:
        entries(panel.model)["Let this model run its own code"].trigger()
    assert caught.args[0].trust_remote_code == "someone/strange"
    panel.set_recipe(caught.args[0])
    with qtbot.waitSignal(panel.edited) as caught:
        panel.model.chosen.emit("someone/else")
    assert caught.args[0].trust_remote_code is None


def test_a_file_s_columns_can_be_chosen(qtbot, home):
    picker = DataPicker()
    qtbot.addWidget(picker)
    picker.show()
    picker.set_data("/data/mine.csv")
    picker.set_inspection(FOUND)
    assert picker.columns.isVisible()
    assert picker.columns.text.currentText() == "body"
    with qtbot.waitSignal(picker.chosen) as caught:
        picker.columns.label.setCurrentIndex(0)
        picker.columns.label.activated.emit(0)
    assert caught.args == [DataSource(path="/data/mine.csv", text="body", label="id")]


def test_columns_can_be_typed_where_reading_failed(qtbot, home):
    picker = DataPicker()
    qtbot.addWidget(picker)
    picker.set_data("/data/mine.csv")
    picker.set_refusal("No column looks like a text.")
    picker.columns.text.setEditText("body")
    with qtbot.waitSignal(picker.chosen) as caught:
        qtbot.keyClick(picker.columns.text.lineEdit(), Qt.Key.Key_Return)
    assert caught.args == [DataSource(path="/data/mine.csv", text="body", label=None)]


def test_starters_need_no_columns_and_show_examples(qtbot, home):
    picker = DataPicker()
    qtbot.addWidget(picker)
    picker.show()
    picker.set_data("starter:kinds")
    picker.set_inspection(FOUND)
    assert not picker.columns.isVisible()
    assert "5 rows · 2 labels" in picker.details.text()
    assert "without a label" in picker.details.text()
    picker.peek.click()
    assert picker.examples.isVisible() and "→ a" in picker.examples.text()


def test_a_long_path_is_shortened_in_its_middle(qtbot, home):
    picker = ModelPicker()
    qtbot.addWidget(picker)
    path = "/models/" + "very-" * 40 + "end"
    picker.set_model(path)
    assert "…" in picker.tile.text() and picker.tile.text().endswith("end")
    assert picker.tile.accessibleDescription() == path


TEXT_FILE = {"task": "language modelling", "columns": (), "text": "", "rows": 5, "is_sample": True}
TEXT_FILE |= {"examples": [["Call me Ishmael.", ""]], "notes": [], "labels": {}}
PAIRS = {"task": "sentence similarity", "columns": ["one", "two", "points"], "text": "one", "label": "", "other": "two"}
PAIRS |= {"score": "points", "rows": 9, "is_sample": False, "labels": {}, "notes": []}
PAIRS |= {"examples": [["a cat sat", "a cat was sitting"]]}


@pytest.mark.parametrize("name", catalogue().models)
def test_every_starter_model_is_offered_and_brings_its_data(qtbot, home, name):
    panel = RecipePanel(first_recipe().model_copy(update={"model": "mine", "data": "mine.csv"}))
    qtbot.addWidget(panel)
    with qtbot.waitSignal(panel.edited) as caught:
        entries(panel.model)[catalogue().models[name].title].trigger()
    (recipe,) = caught.args
    assert (recipe.model, recipe.data) == (f"starter:{name}", f"starter:{catalogue().models[name].data}")
    assert recipe.source.path == data_of(f"starter:{name}")


def test_another_model_leaves_the_data_alone(qtbot, home):
    panel = RecipePanel(first_recipe())
    qtbot.addWidget(panel)
    with qtbot.waitSignal(panel.edited) as caught:
        panel.model.chosen.emit("/models/mine")
    assert caught.args[0].data == first_recipe().data


def test_every_starter_data_is_offered(qtbot, home):
    picker = DataPicker()
    qtbot.addWidget(picker)
    assert {data.title for data in catalogue().data.values()} <= set(entries(picker))


def test_a_gguf_file_can_be_chosen(qtbot, home, monkeypatch):
    picker = ModelPicker()
    qtbot.addWidget(picker)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_, filter: ("/m/small.gguf", filter))
    with qtbot.waitSignal(picker.chosen) as caught:
        entries(picker)["Open GGUF file…"].trigger()
    assert caught.args == ["/m/small.gguf"]
    picker.set_model("/m/small.gguf")
    assert picker.tile.text().strip() == "small.gguf"


def test_notes_on_a_model_are_shown_until_another_is_chosen(qtbot, home, stand_in):
    picker = ModelPicker()
    qtbot.addWidget(picker)
    picker.show()
    picker.set_profile(stand_in.writer())
    picker.set_notes(["The weights already lie on a 4-bit grid."])
    assert picker.notes.isVisible() and "4-bit grid" in picker.notes.text()
    picker.set_profile(None)
    assert not picker.notes.isVisible()


def test_running_text_has_no_columns_and_nobody_counts_it(qtbot, home):
    picker = DataPicker()
    qtbot.addWidget(picker)
    picker.show()
    picker.set_data("/books/moby.md")
    picker.set_inspection(TEXT_FILE)
    assert picker.details.text() == "Running text: a language model is judged by what comes next."
    assert not picker.columns.isVisible()
    assert picker.examples.text() == "“Call me Ishmael.”"


def test_pairs_have_three_columns(qtbot, home):
    picker = DataPicker()
    qtbot.addWidget(picker)
    picker.show()
    picker.set_data("/data/pairs.tsv")
    picker.set_inspection(PAIRS)
    columns = picker.columns
    assert "9 rows\nPairs of texts" in picker.details.text()
    assert columns.other.isVisible() and columns.score.isVisible() and not columns.label.isVisible()
    assert columns.score.currentText() == "points"
    assert "↔ “a cat was sitting”" in picker.examples.text()
    with qtbot.waitSignal(picker.chosen) as caught:
        columns.score.setEditText("")
        columns.score.activated.emit(0)
    assert caught.args == [DataSource(path="/data/pairs.tsv", text="one", other="two")]


def test_what_the_data_are_for_can_be_said(qtbot, home):
    picker = DataPicker()
    qtbot.addWidget(picker)
    picker.set_data("/data/mine.csv")
    picker.set_inspection(FOUND)
    with qtbot.waitSignal(picker.chosen) as caught:
        picker.columns.task.setCurrentIndex(picker.columns.task.findData("language modelling"))
        picker.columns.task.activated.emit(picker.columns.task.currentIndex())
    assert caught.args == [DataSource(path="/data/mine.csv", task="language modelling")]
    picker.set_data(caught.args[0])
    assert picker.columns.task.currentData() == "language modelling"


def test_a_menu_s_headings_can_be_read(qtbot, home):
    picker = ModelPicker()
    qtbot.addWidget(picker)
    picker.menu.aboutToShow.emit()
    for menu, heading in ((picker.menu, "Starter"), (picker.known, "Write text")):
        labels = [action.defaultWidget() for action in menu.actions() if hasattr(action, "defaultWidget")]
        assert heading in {label.text() for label in labels}
