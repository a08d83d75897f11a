"""Pickers: what is chosen, what was read, what was refused."""

from PySide6.QtCore import Qt

from engine.recipe import DataSource
from gui.pickers.data import DataPicker
from gui.pickers.model import ModelPicker
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
    assert sum("Kinds of things" in text for text in entries(picker)) == 1


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
    assert "no labels yet" in picker.details.text()


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
