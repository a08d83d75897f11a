"""From labels as files write them to the outputs of a model."""

import pytest

from engine.data.cells import plain
from engine.data.labels import FoundLabels, KnownLabels
from engine.errors import Refused

NAMES = ("negative", "neutral", "Very Positive")


@pytest.mark.parametrize(
    ("cell", "place"),
    [
        ("negative", 0),
        ("Negative", 0),
        (" NEUTRAL ", 1),
        ("very  positive", 2),
        ("0", 0),
        (1, 1),
        (2.0, 2),
        ("2.0", 2),
        (True, 1),
        ("LABEL_2", 2),
        ("label 0", 0),
        (b"neutral", 1),
        ("3", None),
        (-1, None),
        ("0.5", None),
        ("LABEL_3", None),
        ("positive", None),
        ("9" * 5000, None),
        ("٢", None),
    ],
)
def test_a_label_is_found(cell: object, place: int | None):
    assert KnownLabels(NAMES).find(plain(cell)) == place


def test_the_exact_name_goes_first():
    labels = KnownLabels(("IT", "it", "2"))
    assert [labels.find(name) for name in ("IT", "it", "2")] == [0, 1, 2]
    assert labels.find("It") is None


def test_numbers_are_no_places_where_outputs_are_named_by_numbers():
    labels = KnownLabels(("1", "2", "3"))
    assert labels.find("1") == 0
    assert labels.find("0") is None


def test_outputs_without_names_are_found_by_place():
    labels = KnownLabels(("LABEL_0", "LABEL_1"))
    assert [labels.find(name) for name in ("0", "label_1", "1")] == [0, 1, 1]


def test_numbers_taken_as_places_are_said():
    labels = KnownLabels(NAMES)
    labels.find("negative")
    assert labels.notes == ()
    labels.find("0")
    assert "0 = negative, 1 = neutral, 2 = Very Positive" in labels.notes[0]


def test_unknown_labels_are_named_with_what_to_do():
    labels = KnownLabels(NAMES)
    labels.find("angry")
    labels.find("sad")
    with pytest.raises(Refused) as caught:
        labels.finish()
    said = str(caught.value)
    for words in ("'angry', 'sad'", "'negative', 'neutral'", "Rename", "column", "train_head"):
        assert words in said


def test_at_most_five_unknown_labels_are_named():
    labels = KnownLabels(NAMES)
    with pytest.raises(Refused, match=r"'u0', 'u1', 'u2', 'u3', 'u4'. The model"):
        for number in range(100):
            labels.find(f"u{number}")


@pytest.mark.parametrize(
    ("seen", "names"),
    [(["b", "a", "b", "c"], ("a", "b", "c")), (["10", "9", "1"], ("1", "9", "10"))],
)
def test_labels_of_the_data_are_sorted(seen: list[str], names: tuple[str, ...]):
    labels = FoundLabels()
    numbers = [labels.find(label) for label in seen]
    found, places = labels.finish()
    assert found == names
    assert [found[places[number]] for number in numbers] == seen


def test_too_many_labels_are_none():
    labels = FoundLabels()
    with pytest.raises(Refused, match=r"different values"):
        for number in range(2000):
            labels.find(str(number))
