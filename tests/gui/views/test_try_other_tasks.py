"""Try it: a language model writes piece by piece, an embedder's two lists stand side by side."""

import random

import pytest

from gui.tabs.answers import agreed
from gui.tabs.ranked_list import ONLY_HERE, moves
from gui.tabs.try_it import TryIt


def written(text, rate=100.0):
    ids = list(range(len(text.split())))
    return {"text": text, "ids": ids, "prompt_tokens": 3, "prompt_ms": 2.0, "ms": 50.0, "per_second": rate}


def ranked(*names, ms=4.0):
    choices = [[name, 0.9 - 0.05 * place] for place, name in enumerate(names)]
    return {"answer": names[0], "confidence": 0.9, "ms": ms, "choices": choices}


@pytest.fixture
def writer(shown, sample):
    made = shown(TryIt())
    made.set_run(sample.writer_run())
    return made


def test_a_dictionary_s_model_is_asked_for_a_word(writer, qtbot):
    assert writer.text.placeholderText() == "a word followed by a colon, e.g. bozzetto:"
    with qtbot.waitSignal(writer.asked) as told:
        writer.button.click()
    assert told.args == ["bozzetto:", {"tokens": 64, "temperature": 0.0, "seed": 1}]


def test_other_language_models_are_given_a_beginning(shown, sample):
    widget = shown(TryIt())
    recipe = {"model": "mine", "data": {"path": "/books/moby.txt"}, "steps": []}
    widget.set_run(sample.writer_run(recipe=recipe))
    assert widget.text.placeholderText() == "Once upon a time"


def test_both_sides_grow_piece_by_piece(writer):
    writer.text.setText("bozzetto:")
    writer.button.click()
    writer.set_busy(True)
    for piece in (" a", " small", " sketch"):
        writer.add_piece("original", piece)
    writer.add_piece("optimized", " a")
    assert writer.original.text.toPlainText() == "bozzetto: a small sketch"
    assert writer.optimized.text.toPlainText() == "bozzetto: a"
    writer.show_answer({"original": written(" a small sketch"), "optimized": written(" a small model", 210.0)})
    assert writer.optimized.time.text() == "3 tokens, 210 tokens/s"
    assert writer.message.text() == "The same for the first 2 words, then they part, 2.1× faster this time."
    assert writer.optimized.text.toPlainText() == "bozzetto: a small model"


def test_the_same_text_is_said_to_be_so(writer):
    writer.show_answer({"original": written(" a b"), "optimized": written(" a b")})
    assert writer.message.text() == "Word for word the same."


def test_a_model_that_writes_nothing_is_said_to_be_silent(writer):
    writer.show_answer({"original": written(" a b"), "optimized": written("", 0.0)})
    assert writer.optimized.time.text() == "wrote nothing"
    assert writer.message.text() == "The same for the first 0 words, then they part."


def test_a_writing_can_be_stopped_and_stays(writer, qtbot):
    assert not writer.stop.isEnabled()
    writer.button.click()
    writer.set_busy(True)
    writer.add_piece("original", " a")
    with qtbot.waitSignal(writer.stopped):
        writer.stop.click()
    assert not writer.stop.isEnabled()
    writer.show_refusal("Cancelled.")
    assert writer.message.text() == "Stopped." and writer.original.written == " a"
    assert writer.button.isEnabled()


def test_settings_are_for_writing_only(writer, sample):
    assert not writer.settings.isVisible()
    writer.more.click()
    assert writer.settings.isVisible()
    writer.settings.temperature.set_value(0.7)
    assert [writer.settings.next()["seed"] for _ in range(2)] == [1, 2]
    assert writer.settings.next()["temperature"] == 0.7
    writer.set_run(sample.run())
    assert not (writer.settings.isVisible() or writer.more.isVisible() or writer.stop.isVisible())


def test_another_run_may_be_selected_while_a_model_writes(writer, sample):
    writer.set_busy(True)
    writer.set_run(sample.run())
    assert writer.button.isEnabled()


@pytest.mark.parametrize("seed", range(20))
def test_where_two_texts_part_is_a_word_s_beginning(seed):
    chance = random.Random(seed)
    first = " ".join(chance.choices(("a", "ab", "abc", "b"), k=6))
    second = " ".join(chance.choices(("a", "ab", "abc", "b"), k=6))
    shared = agreed(first, second)
    assert first.startswith(shared) and second.startswith(shared)
    same = 0
    for one, other in zip(first.split(), second.split(), strict=True):
        if one != other:
            break
        same += 1
    assert len(shared.split()) == same


def test_two_lists_and_what_differs_in_them(shown, sample):
    widget = shown(TryIt())
    widget.set_run(sample.finder_run())
    assert not widget.stop.isVisible()
    answer = {"original": ranked("owl", "hawk", "kite"), "optimized": ranked("hawk", "owl", "bat", ms=2.0)}
    widget.show_answer(answer)
    assert widget.message.text() == "Another text first, 1 of 3 found only by one, 2.0× faster this time."
    assert [mark for _, _, mark in widget.optimized.list.rows] == ["↑1", "↓1", ONLY_HERE]
    assert [mark for _, _, mark in widget.original.list.rows] == ["", "", ONLY_HERE]
    widget.grab()
    widget.show_answer({"original": ranked("owl", "hawk"), "optimized": ranked("owl", "hawk")})
    assert widget.message.text() == "The same list."


def test_moves_are_against_the_other_list():
    assert moves(["a", "b", "c"], ["a", "c", "d"]) == ["", "↑1", ONLY_HERE]
    assert moves([], ["a"]) == [ONLY_HERE]


def test_an_example_of_one_task_is_not_left_for_another(shown, sample):
    widget = shown(TryIt())
    widget.set_run(sample.run())
    widget.button.click()
    assert widget.text.text() == "a bird of prey that hunts at night"
    widget.set_run(sample.finder_run())
    assert widget.text.text() == "a bird of prey that hunts at night"
    widget.set_run(sample.writer_run())
    assert widget.text.text() == ""
    widget.text.setText("my own")
    widget.set_run(sample.run())
    assert widget.text.text() == "my own"
