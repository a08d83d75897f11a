"""The whole window before the stand-in: what a person does, and what they see then."""

import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit, QWidget

from engine.recipe import Limits
from engine.run import Status
from engine.techniques.prune import Prune
from engine.techniques.quantize import Quantize
from engine.techniques.train_head import TrainHead
from gui.export import ExportDialog
from gui.recipe_panel.run_bar import State
from gui.window import MainWindow

WAIT_MS = 10_000


def use_model(qtbot, window, model):
    window.recipe.model.chosen.emit(model)
    qtbot.waitUntil(lambda: window.session.profile is not None, timeout=WAIT_MS)


def run_to_the_end(qtbot, window):
    qtbot.mouseClick(window.recipe.run_bar.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.worker.running, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: not window.worker.running, timeout=WAIT_MS)


def card_of(window, technique):
    return next(card for card in window.recipe.cards.cards if card.technique is technique)


def engines():
    return [p for p in psutil.Process().children(recursive=True) if any("stand_in" in part for part in p.cmdline())]


def test_first_start_is_ready_to_run(qtbot, window):
    assert window.session.recipe.model == "starter:kinds-minilm"
    assert window.recipe.presets.buttons["balanced"].isChecked()
    qtbot.waitUntil(lambda: "1.50\xa0GB" in window.recipe.run_bar.line.text(), timeout=WAIT_MS)
    assert window.recipe.run_bar.state is State.READY
    assert "10 rows" in window.recipe.data.details.text()
    assert "6 layers" in window.recipe.model.details.text()


def test_run_gives_a_verdict_in_words(qtbot, window):
    use_model(qtbot, window, "quick")
    run_to_the_end(qtbot, window)
    qtbot.waitUntil(lambda: "4.0× smaller" in window.verdict.headline.text(), timeout=WAIT_MS)
    assert window.session.selected is not None and window.session.selected.verified
    assert window.live.story.result is not None
    assert window.table.current is not None


def test_a_slider_changes_the_estimate_at_once(qtbot, window):
    card = card_of(window, Prune)
    qtbot.mouseClick(card.switch, Qt.MouseButton.LeftButton)
    before = card.prediction.size_figure.value.text(), window.live.story.estimate
    slider = card.form.fields["sparsity"].slider
    slider.setFocus()
    qtbot.keyClick(slider, Qt.Key.Key_PageUp)
    assert (card.prediction.size_figure.value.text(), window.live.story.estimate) != before
    assert isinstance(window.session.recipe.steps[0], Prune)
    assert not window.recipe.presets.buttons["balanced"].isChecked()


def test_zeros_say_that_they_shrink_nothing(qtbot, window):
    window.session.set_recipe(window.session.recipe.model_copy(update={"steps": (Prune(structure="weights"),)}))
    assert "same file, same speed" in card_of(window, Prune).prediction.line.text()


def test_a_preset_sets_steps_and_limits(qtbot, window):
    qtbot.mouseClick(window.recipe.presets.buttons["smallest"], Qt.MouseButton.LeftButton)
    assert [step.name for step in window.session.recipe.steps] == ["prune", "distill", "quantize"]
    assert window.recipe.limits.rows["max_quality_loss"].value() == 3.0
    qtbot.mouseClick(window.recipe.presets.buttons["smallest"], Qt.MouseButton.LeftButton)
    assert window.recipe.presets.buttons["smallest"].isChecked()


def test_limits_can_be_switched_off_and_on(qtbot, window):
    row = window.recipe.limits.rows["max_quality_loss"]
    qtbot.mouseClick(row.switch, Qt.MouseButton.LeftButton)
    assert window.session.recipe.limits == Limits()
    qtbot.mouseClick(row.switch, Qt.MouseButton.LeftButton)
    assert window.session.recipe.limits == Limits(max_quality_loss=1.0)


def test_a_model_without_a_head_is_taught_one_and_says_so_where_that_is_switched_off(qtbot, window):
    assert not card_of(window, TrainHead).isVisible()
    use_model(qtbot, window, "headless")
    card = card_of(window, TrainHead)
    assert card.isVisibleTo(window)
    assert window.session.recipe.steps[0] == TrainHead()
    assert window.recipe.run_bar.state is State.READY
    assert window.recipe.presets.buttons["balanced"].isChecked()
    card.switch.click()
    assert window.recipe.run_bar.state is State.REFUSED
    assert "Teach it your labels" in window.recipe.run_bar.line.text()
    use_model(qtbot, window, "quick")
    assert not card_of(window, TrainHead).isVisible()


def test_a_refused_technique_says_why_and_run_waits(qtbot, window, monkeypatch):
    monkeypatch.setattr(Quantize, "refusal", lambda self, profile: "This model cannot be quantized here.")
    window.session.set_recipe(window.session.recipe.model_copy(update={"seed": 1}))
    assert card_of(window, Quantize).refusal.text() == "This model cannot be quantized here."
    assert window.recipe.run_bar.state is State.REFUSED
    assert not window.recipe.run_bar.button.isEnabled()


def test_a_model_that_cannot_be_had_is_a_sentence(qtbot, window):
    window.recipe.model.chosen.emit("no such model")
    qtbot.waitUntil(lambda: "There is no model" in window.recipe.model.details.text(), timeout=WAIT_MS)


def test_cancel_keeps_the_window_usable(qtbot, window):
    use_model(qtbot, window, "slow")
    window.conductor.run()
    assert window.recipe.run_bar.state is State.RUNNING
    qtbot.wait(100)
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not window.worker.running, timeout=WAIT_MS)
    assert window.recipe.run_bar.state is State.READY
    assert window.session.runs[0].status is Status.CANCELLED


def test_a_killed_engine_leaves_a_usable_window(qtbot, window):
    use_model(qtbot, window, "slow")
    window.conductor.run()
    qtbot.wait(200)
    with qtbot.waitSignal(window.worker.started, timeout=WAIT_MS):
        for process in engines():
            process.kill()
    assert "signal 9" in window.message.text.text()
    assert window.message.isVisible()
    assert window.session.runs[0].status is Status.FAILED and window.session.runs[0].reason
    use_model(qtbot, window, "quick")
    run_to_the_end(qtbot, window)
    assert window.session.runs[0].status is Status.FINISHED


def test_try_it_asks_the_selected_run(qtbot, window):
    use_model(qtbot, window, "quick")
    run_to_the_end(qtbot, window)
    window.try_it.asked.emit("a small bird", {})
    qtbot.waitUntil(lambda: window.worker.busy is False, timeout=WAIT_MS)
    assert "Same answer" in window.try_it.message.text()


def test_export_shows_what_came_of_it(qtbot, window, home):
    use_model(qtbot, window, "quick")
    run_to_the_end(qtbot, window)
    window.conductor.export_selected()
    dialog = window.findChild(ExportDialog)
    assert dialog.choices["openvino"].isChecked()
    dialog.place.setText(str(home / "out"))
    dialog.go.click()
    qtbot.waitUntil(lambda: "Exported" in dialog.message.text(), timeout=WAIT_MS)
    assert "23.0\xa0MB" in dialog.message.text() and "from_pretrained does not" in dialog.message.text()
    dialog.reject()


def test_export_without_a_run_says_so(qtbot, window):
    window.conductor.export_selected()
    assert "Select a finished run" in window.message.text.text()


def test_the_window_comes_back_as_it_was_left(qtbot, window, worker):
    window.menus.choose_theme("dark")
    window.session.set_recipe(window.session.recipe.model_copy(update={"seed": 77}))
    window.centre.setSizes([200, 300, 100])
    sizes = window.centre.sizes()
    window.close()
    again = MainWindow()
    qtbot.addWidget(again)
    assert again.settings.theme == "dark"
    assert again.session.recipe.seed == 77
    assert again.settings.state("geometry") is not None
    again.show()
    assert again.centre.sizes() == pytest.approx(sizes, abs=25)  # the screen may be smaller


def test_a_recipe_is_saved_and_opened(qtbot, window, home):
    path = home / "recipe.yaml"
    window.menus.save_recipe(path)
    saved = window.session.recipe
    window.session.set_recipe(saved.model_copy(update={"steps": (Prune(), Prune(structure="layers"))}))
    assert len([card for card in window.recipe.cards.cards if card.technique is Prune]) == 2
    window.menus.open_recipe(path)
    assert window.session.recipe == saved


def test_a_bad_recipe_is_a_sentence(qtbot, window, home):
    path = home / "bad.yaml"
    path.write_text("sorcery: 3\n")
    window.menus.open_recipe(path)
    assert "sorcery" in window.message.text.text()


def test_themes_switch(qtbot, window):
    window.menus.choose_theme("dark")
    window.menus.choose_theme("light")


INTERACTIVE = (QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit)


def controls(window):
    for card in window.recipe.cards.cards:
        if card.value() is None:
            card.switch.click()
    for widget in window.findChildren(QWidget):
        mine = widget.objectName() != "qt_spinbox_lineedit" and not widget.objectName().startswith("qt_")
        stock = type(widget).__name__ in ("QScrollBar", "QTableCornerButton", "QToolButton", "CloseButton")
        if isinstance(widget, INTERACTIVE) and mine and not stock:
            yield widget


def test_every_control_has_a_tooltip_a_name_and_the_keyboard(qtbot, window):
    faults = []
    for widget in controls(window):
        name = f"{type(widget).__name__} {widget.accessibleName() or widget.objectName()!r}"
        if not widget.toolTip():
            faults.append(f"{name}: no tooltip")
        if not widget.accessibleName():
            faults.append(f"{name}: no accessible name (in {type(widget.parent()).__name__})")
        if widget.focusPolicy() == Qt.FocusPolicy.NoFocus:
            faults.append(f"{name}: out of the keyboard's reach")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080)])
def test_nothing_needs_a_horizontal_scroll_bar(qtbot, window, size):
    window.resize(*size)
    qtbot.wait(50)
    assert window.size().toTuple() == size  # no part forces it to be larger
    scroll = window.recipe.area
    assert scroll.widget().minimumSizeHint().width() <= scroll.viewport().width()


def use_task(qtbot, window, model, data, task):
    window.session.set_recipe(window.session.recipe.model_copy(update={"model": model, "data": data}))
    qtbot.waitUntil(lambda: window.session.task == task and window.session.profile is not None, timeout=WAIT_MS)


def test_a_language_model_from_its_file_to_what_it_writes(qtbot, window):
    use_task(qtbot, window, "writer", "/books/moby.txt", "language modelling")
    assert "4-bit grid" in window.recipe.model.notes.text()
    assert "judged by what comes next" in window.recipe.data.details.text()
    assert window.recipe.run_bar.state is State.READY and not card_of(window, TrainHead).switch.isEnabled()
    assert window.recipe.limits.rows["max_quality_loss"].number.entry.text() == "1 %"
    run_to_the_end(qtbot, window)
    window.live.flush()
    assert "+1.2 %, a real loss" in window.live.quality_panel.headline.text.replace("\u00a0", " ")
    assert "at writing" in window.verdict.headline.text()
    assert sorted(window.layers.sensitivity.bars) == list(range(6))
    window.try_it.text.setText("A bozzetto is")
    window.try_it.button.click()
    qtbot.waitUntil(lambda: "they part" in window.try_it.message.text(), timeout=WAIT_MS)
    assert "The same for the first 6 words" in window.try_it.message.text()
    assert window.try_it.original.text.toPlainText().startswith("A bozzetto is a small sketch")


def test_what_a_model_writes_can_be_stopped(qtbot, window):
    use_task(qtbot, window, "writer", "/books/moby.txt", "language modelling")
    run_to_the_end(qtbot, window)
    window.try_it.text.setText("on and on")
    window.try_it.button.click()
    qtbot.waitUntil(lambda: window.try_it.original.written.startswith(" on on"), timeout=WAIT_MS)
    window.try_it.stop.click()
    qtbot.waitUntil(lambda: window.try_it.message.text() == "Stopped.", timeout=WAIT_MS)
    assert window.worker.ready


def test_an_embedder_needs_no_head(qtbot, window):
    use_task(qtbot, window, "starter:minilm", "starter:reverse", "sentence similarity")
    assert window.recipe.run_bar.state is State.READY
    run_to_the_end(qtbot, window)
    window.try_it.button.click()
    qtbot.waitUntil(lambda: "found only by one" in window.try_it.message.text(), timeout=WAIT_MS)


def test_no_run_widens_the_window(qtbot, window):
    window.resize(1280, 800)
    run_to_the_end(qtbot, window)
    use_task(qtbot, window, "writer", "/books/moby.txt", "language modelling")
    run_to_the_end(qtbot, window)
    assert window.map.shown.others == 1
    for index in range(window.tabs.count()):
        window.tabs.setCurrentIndex(index)
        qtbot.wait(20)
        assert window.size().toTuple() == (1280, 800)
