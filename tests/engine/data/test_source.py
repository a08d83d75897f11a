"""The first look at data: which columns are text and label, and what is said where it is open."""

import csv
from pathlib import Path

import pytest

from engine.data.source import SAMPLED_ROWS, inspect
from engine.errors import Refused
from engine.recipe import DataSource

TEXTS = [f"here are the {n} words of a sentence number {n * 7}" for n in range(60)]


def write(path: Path, **columns: list[object]) -> DataSource:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return DataSource(path=str(path))


def cycled(*values: object) -> list[object]:
    return [values[place % len(values)] for place in range(60)]


@pytest.mark.parametrize("text", ["text", "Review", "definition", "whatever"])
@pytest.mark.parametrize("label", ["label", "Sentiment", "class", "kind of thing"])
def test_columns_are_found(tmp_path: Path, text: str, label: str):
    columns = {"id": list(range(60)), label: cycled("good", "bad", "good"), text: TEXTS}
    found = inspect(write(tmp_path / "a.csv", **columns))
    assert (found.text, found.label) == (text, label)
    assert found.labels == {"good": 40, "bad": 20}
    assert found.columns == ("id", label, text)
    assert (found.rows, found.is_sample) == (60, False)
    assert found.examples[1] == (TEXTS[1], "bad")
    assert len(found.examples) == 5


def test_identifiers_dates_and_links_are_no_text(tmp_path: Path):
    found = inspect(
        write(
            tmp_path / "a.csv",
            uuid=[f"{n:032x}-{n:032x}" for n in range(60)],
            url=[f"https://example.com/a/very/long/path/that/goes/on/{n}" for n in range(60)],
            words=TEXTS,
            group=cycled(0, 1, 2),
        )
    )
    assert (found.text, found.label) == ("words", "group")


def test_single_words_can_be_text(tmp_path: Path):
    names = [f"name{n}" for n in range(60)]
    found = inspect(write(tmp_path / "a.csv", name=names, gender=cycled("f", "m")))
    assert (found.text, found.label) == ("name", "gender")


def test_the_named_columns_are_used(tmp_path: Path):
    source = write(tmp_path / "a.csv", text=TEXTS, other=TEXTS, label=cycled(1, 2), mood=cycled(3, 4))
    found = inspect(source.model_copy(update={"text": "other", "label": "mood"}))
    assert (found.text, found.label) == ("other", "mood")


@pytest.mark.parametrize("which", ["text", "label"])
def test_a_missing_column_names_those_there_are(tmp_path: Path, which: str):
    source = write(tmp_path / "a.csv", words=TEXTS, label=cycled("a", "b"))
    with pytest.raises(Refused, match=r"no column 'nope'. Its columns are 'words', 'label'"):
        inspect(source.model_copy(update={which: "nope"}))


def test_text_and_label_must_differ(tmp_path: Path):
    source = write(tmp_path / "a.csv", words=TEXTS, label=cycled("a", "b"))
    with pytest.raises(Refused, match=r"both text and label"):
        inspect(source.model_copy(update={"text": "words", "label": "words"}))


def test_several_texts_are_asked_about(tmp_path: Path):
    source = write(tmp_path / "a.csv", premise=TEXTS, claim=TEXTS[::-1], label=cycled("a", "b"))
    with pytest.raises(Refused, match=r"'premise', 'claim'.*Choose the text column"):
        inspect(source)


def test_several_labels_are_asked_about(tmp_path: Path):
    columns = {"text": TEXTS, "colour": cycled("red", "blue"), "size": cycled("s", "m", "l")}
    with pytest.raises(Refused, match=r"'colour', 'size'.*Choose the label column"):
        inspect(write(tmp_path / "a.csv", **columns))


def test_no_label_column(tmp_path: Path):
    with pytest.raises(Refused, match=r"looks like labels.*'number'"):
        inspect(write(tmp_path / "a.csv", text=TEXTS, number=list(range(60))))


def test_no_text_column(tmp_path: Path):
    with pytest.raises(Refused, match=r"No column .* looks like text"):
        inspect(write(tmp_path / "a.csv", a=list(range(60)), label=cycled(0, 1)))


def test_one_column_holds_no_labels(tmp_path: Path):
    source = write(tmp_path / "a.csv", text=TEXTS).model_copy(update={"task": "classification"})
    with pytest.raises(Refused, match=r"only the column 'text'"):
        inspect(source)


def test_a_label_column_with_too_many_values(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\n" + "".join(f"words {n},l{n}\n" for n in range(3000)), "utf-8")
    with pytest.raises(Refused, match=r"more than 1,000 different values"):
        inspect(DataSource(path=str(path)))


def test_a_long_file_is_only_begun(tmp_path: Path):
    path = tmp_path / "a.csv"
    lines = "".join(f"some words {n},{n % 2}\n" for n in range(SAMPLED_ROWS + 1))
    path.write_text("text,label\n" + lines + "not,to,be,\0 read\n", encoding="utf-8")
    found = inspect(DataSource(path=str(path)))
    assert (found.rows, found.is_sample) == (SAMPLED_ROWS, True)


def test_the_starter():
    found = inspect(DataSource(path="starter:kinds"))
    assert (found.text, found.label) == ("text", "label")
    assert len(found.labels) == 13


def test_an_unknown_starter_names_those_there_are():
    with pytest.raises(Refused, match=r"kinds"):
        inspect(DataSource(path="starter:nonsense"))
