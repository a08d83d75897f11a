"""Forms: every technique goes in and comes out unchanged; what a person moves comes out as moved."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QPushButton

from engine.technique import ModelName, Slider
from engine.techniques import TECHNIQUES
from engine.techniques.distill import Distill
from engine.techniques.prune import Prune
from engine.techniques.quantize import Quantize
from gui.fields.choice import ChoiceField
from gui.fields.model_name import ModelNameField
from gui.fields.number import NumberField
from gui.fields.scale import Curve, scale_for
from gui.form import Form

WIDE_PLACES = 40
UNUSUAL = [
    Prune(structure="layers", sparsity=0.37, recovery_minutes=7.3, importance="magnitude", learning_rate=3.3e-5),
    Distill(layers=0.33, minutes=0.25, temperature=3.14, hidden_weight=0.7, label_share=0.9),
    Distill(width=0.61, student="someone/small"),
    Quantize(bits=16, aim="latency", runtime="onnxruntime", calibration_texts=17),
]


@pytest.mark.parametrize("technique", TECHNIQUES, ids=lambda technique: technique.name)
def test_every_technique_begins_with_its_defaults(qtbot, technique):
    form = Form(technique)
    qtbot.addWidget(form)
    assert form.value() == technique()


@pytest.mark.parametrize("value", UNUSUAL, ids=lambda value: value.name)
def test_values_off_the_slider_s_places_stay_exact(qtbot, value):
    form = Form(type(value))
    qtbot.addWidget(form)
    form.value_changed.connect(lambda _: pytest.fail("set_value is the program speaking"))
    form.set_value(value)
    assert form.value() == value


def test_a_moved_slider_is_told_once_and_in_shares(qtbot):
    form = Form(Prune)
    qtbot.addWidget(form)
    told = []
    form.value_changed.connect(told.append)
    slider = form.fields["sparsity"].slider
    slider.setFocus()
    qtbot.keyClick(slider, Qt.Key.Key_Right)
    assert told == [Prune(sparsity=0.3)]
    assert form.fields["sparsity"].entry.text() == "30 %"


def test_a_typed_number_moves_the_slider(qtbot):
    form = Form(Prune)
    qtbot.addWidget(form)
    field = form.fields["sparsity"]
    field.entry.selectAll()
    qtbot.keyClicks(field.entry, "45")
    qtbot.keyClick(field.entry, Qt.Key.Key_Return)
    assert form.value() == Prune(sparsity=0.45)
    assert field.slider.value() == 9


def test_a_learning_rate_reads_and_writes_powers_of_ten(qtbot):
    form = Form(Distill)
    qtbot.addWidget(form)
    entry = form.fields["learning_rate"].entry
    assert entry.text() == "0.0001"
    entry.selectAll()
    qtbot.keyClicks(entry, "3e-5")
    qtbot.keyClick(entry, Qt.Key.Key_Return)
    assert form.value().learning_rate == 3e-5


def test_a_number_out_of_range_becomes_the_nearest(qtbot):
    field = NumberField(Slider(1, 10, step=1, title="t", help="h"))
    qtbot.addWidget(field)
    field.entry.selectAll()
    qtbot.keyClicks(field.entry, "900")
    qtbot.keyClick(field.entry, Qt.Key.Key_Return)
    assert field.value() == 10


def test_few_short_labels_are_buttons_and_many_long_ones_a_list(qtbot):
    form = Form(Quantize)
    qtbot.addWidget(form)
    bits, aim = form.fields["bits"], form.fields["aim"]
    assert isinstance(bits, ChoiceField) and "_Buttons" in type(bits.chooser).__name__
    assert isinstance(aim, ChoiceField) and "_List" in type(aim.chooser).__name__


def test_a_click_on_a_segment_chooses_it(qtbot):
    form = Form(Quantize)
    qtbot.addWidget(form)
    buttons = form.fields["bits"].chooser.findChildren(QPushButton)
    qtbot.mouseClick(buttons[1], Qt.MouseButton.LeftButton)
    assert form.value().bits == 16


@pytest.fixture
def named(qtbot):
    """A field for a model's name, and what it told."""
    field, told = ModelNameField(ModelName("Another student", "A smaller model.")), []
    qtbot.addWidget(field)
    field.value_changed.connect(told.append)
    field.show()
    return field, told


def test_a_typed_name_counts_once_it_is_entered(qtbot, named):
    field, told = named
    field.setFocus()
    assert field.focusProxy() is field.entry
    qtbot.keyClicks(field.entry, " someone/small ")
    assert (told, field.value()) == ([], "")
    qtbot.keyClick(field.entry, Qt.Key.Key_Return)
    qtbot.keyClick(field.entry, Qt.Key.Key_Return)
    assert told == ["someone/small"]
    assert field.value() == "someone/small"


def test_a_folder_is_chosen(qtbot, named, monkeypatch):
    field, told = named
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "/models/small")
    qtbot.mouseClick(field.choose, Qt.MouseButton.LeftButton)
    assert (told, field.entry.text()) == (["/models/small"], "/models/small")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    qtbot.keyClick(field.choose, Qt.Key.Key_Space)
    assert told == ["/models/small"]


def test_a_name_that_is_emptied_is_none_at_once(qtbot, named):
    field, told = named
    field.set_value("someone/small")
    assert told == []
    field.entry.clear()
    assert (told, field.value()) == ([""], "")
    field.set_value("")
    assert told == [""]


def test_a_name_explains_itself_and_is_reached_by_keyboard(named):
    field, _ = named
    for widget in (field.entry, field.choose):
        assert widget.accessibleName().startswith("Another student")
        assert widget.toolTip().endswith(".")
        assert widget.focusPolicy() & Qt.FocusPolicy.TabFocus
    assert field.title.buddy() is field.entry


def test_another_student_lies_under_more(qtbot):
    form = Form(Distill)
    qtbot.addWidget(form)
    form.show()
    assert not form.fields["student"].isVisible()
    qtbot.mouseClick(form.more, Qt.MouseButton.LeftButton)
    entry = form.fields["student"].entry
    assert entry.isVisible()
    qtbot.keyClicks(entry, "starter:minilm")
    qtbot.keyClick(entry, Qt.Key.Key_Return)
    assert form.value() == Distill(student="starter:minilm")


def test_more_unfolds(qtbot):
    form = Form(Quantize)
    qtbot.addWidget(form)
    form.show()
    assert not form.fields["runtime"].isVisible()
    qtbot.mouseClick(form.more, Qt.MouseButton.LeftButton)
    assert form.fields["runtime"].isVisible()


@pytest.mark.parametrize("technique", TECHNIQUES, ids=lambda technique: technique.name)
def test_no_place_of_a_slider_of_whole_steps_holds_it_fast(technique):
    """From every place the next one leads on: a key that changes nothing is a broken slider."""
    for name, control in technique.controls().items():
        if isinstance(control, Slider):
            scale = scale_for(control)
            values = [scale.value(position) for position in range(scale.positions + 1)]
            if scale.curve is not Curve.POWERS and control.low > 0:
                assert len(set(values)) == len(values), name


@pytest.mark.parametrize("technique", TECHNIQUES, ids=lambda technique: technique.name)
def test_every_place_of_every_slider_is_a_value_that_the_technique_takes(technique):
    for name, control in technique.controls().items():
        if isinstance(control, Slider):
            scale = scale_for(control)
            values = [scale.value(position) for position in range(scale.positions + 1)]
            assert values[0] == control.low and values[-1] == control.high
            assert values == sorted(values)
            for value in values:
                technique.model_validate({name: round(value) if name == "calibration_texts" else value})


@pytest.mark.parametrize("technique", TECHNIQUES, ids=lambda technique: technique.name)
def test_the_usual_values_are_not_squeezed_into_the_first_pixels(technique):
    for name, control in technique.controls().items():
        default = technique.model_fields[name].default
        if isinstance(control, Slider) and default > control.low:
            scale = scale_for(control)
            wide = scale.positions <= WIDE_PLACES  # each place is several pixels wide
            assert wide or scale.position(default) >= 0.1 * scale.positions, name


def test_an_entry_has_room_for_its_longest_number(qtbot):
    for technique in TECHNIQUES:
        form = Form(technique)
        for name, field in form.fields.items():
            if isinstance(field, NumberField):
                entry = field.entry
                entry.setValue(entry.maximum())
                assert entry.fontMetrics().horizontalAdvance(entry.text()) < entry.width(), name
