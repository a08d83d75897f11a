"""The first look at data: which columns are text and label, and what is said where it is open."""

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
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


def in_every_format(folder: Path, columns: dict[str, list[object]]) -> list[DataSource]:
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    pq.write_table(pa.Table.from_pylist(rows), folder / "a.parquet")
    return [
        write(folder / "a.csv", **columns),
        *(DataSource(path=str(folder / f"a.{end}")) for end in ("jsonl", "parquet")),
    ]


OTHERS = [f"another {n} of these sentences" for n in range(60)]
SCORES = [n % 11 / 2 for n in range(60)]
FEW = cycled("yes", "no", "yes, it is")
CLASSIFICATION, LANGUAGE, SIMILARITY = "classification", "language modelling", "sentence similarity"


@pytest.mark.parametrize(
    ("columns", "task", "found"),
    [
        ({"text": TEXTS, "label": FEW}, CLASSIFICATION, ("text", "label", "", "")),
        ({"definition": TEXTS, "kind": FEW}, CLASSIFICATION, ("definition", "kind", "", "")),
        # With the names of pairs, but classification as ever: there are labels.
        ({"question": TEXTS, "answer": FEW}, CLASSIFICATION, ("question", "answer", "", "")),
        ({"question": TEXTS, "answer": OTHERS, "category": FEW}, CLASSIFICATION, ("question", "category", "", "")),
        ({"definition": TEXTS, "word": FEW}, CLASSIFICATION, ("definition", "word", "", "")),
        ({"sentence": TEXTS, "score": cycled(0, 1)}, CLASSIFICATION, ("sentence", "score", "", "")),
        ({"text": TEXTS, "similarity": cycled(0, 1)}, CLASSIFICATION, ("text", "similarity", "", "")),
        ({"text": TEXTS}, LANGUAGE, ("text", "", "", "")),
        ({"anything": TEXTS}, LANGUAGE, ("anything", "", "", "")),
        ({"text1": TEXTS, "text2": OTHERS, "score": SCORES}, SIMILARITY, ("text1", "", "text2", "score")),
        ({"Text_A": TEXTS, "TEXT_B": OTHERS, "Similarity": SCORES}, SIMILARITY, ("Text_A", "", "TEXT_B", "Similarity")),
        ({"id": list(range(60)), "query": TEXTS, "positive": OTHERS}, SIMILARITY, ("query", "", "positive", "")),
        ({"question": TEXTS, "answer": OTHERS}, SIMILARITY, ("question", "", "answer", "")),
        ({"definition": TEXTS, "word": [f"word{n}" for n in range(60)]}, SIMILARITY, ("definition", "", "word", "")),
        ({"question": TEXTS, "answer": OTHERS, "score": SCORES}, SIMILARITY, ("question", "", "answer", "score")),
    ],
)  # fmt: skip
def test_the_task_is_found(tmp_path: Path, columns: dict[str, list[object]], task: str, found: tuple[str, ...]):
    for source in in_every_format(tmp_path, columns):
        seen = inspect(source)
        assert (seen.task, (seen.text, seen.label, seen.other, seen.score)) == (task, found)
        assert seen.rows == 60
        assert seen.examples[0][0] == columns[seen.text][0]
        assert bool(seen.labels) == (task == CLASSIFICATION)


def test_lists_of_answers_are_for_similarity(tmp_path: Path):
    for source in in_every_format(tmp_path, {"query": TEXTS, "answers": [[n, n + 1] for n in range(60)]}):
        assert (inspect(source).task, inspect(source).other) == (SIMILARITY, "answers")


def test_sentence_pairs_without_scores_are_not_guessed(tmp_path: Path):
    source = write(tmp_path / "a.csv", sentence1=TEXTS, sentence2=OTHERS, label=FEW)
    with pytest.raises(Refused, match=r"'sentence1', 'sentence2'.*Choose the text column"):
        inspect(source)
    found = inspect(source.model_copy(update={"task": SIMILARITY}))
    assert (found.task, found.text, found.other, found.score) == (SIMILARITY, "sentence1", "sentence2", "")


def test_the_named_task_and_columns_are_used(tmp_path: Path):
    source = write(tmp_path / "a.csv", first=TEXTS, second=OTHERS, points=SCORES, label=FEW)
    pair = source.model_copy(update={"text": "first", "other": "second", "score": "points"})
    found = inspect(pair)
    assert (found.task, found.text, found.other, found.score) == (SIMILARITY, "first", "second", "points")
    found = inspect(source.model_copy(update={"task": LANGUAGE, "text": "second"}))
    assert (found.task, found.text, found.label) == (LANGUAGE, "second", "")
    found = inspect(source.model_copy(update={"text": "first", "label": "label"}))
    assert (found.task, found.text, found.label) == (CLASSIFICATION, "first", "label")
    with pytest.raises(Refused, match=r"which two hold the texts that belong together is unclear"):
        inspect(source.model_copy(update={"task": SIMILARITY}))
    with pytest.raises(Refused, match=r"no column 'nope'"):
        inspect(pair.model_copy(update={"score": "nope"}))


def test_scores_that_are_no_numbers(tmp_path: Path):
    scores = [*SCORES[:-1], "high"]
    source = write(tmp_path / "a.csv", sentence1=TEXTS, sentence2=OTHERS, score=scores)
    with pytest.raises(Refused, match=r"Column 'score' .* holds scores that are no numbers"):
        inspect(source)


def test_running_text(tmp_path: Path):
    (tmp_path / "a.txt").write_text("\n".join(TEXTS * 500), encoding="utf-8")
    found = inspect(DataSource(path=str(tmp_path / "a.txt")))
    assert (found.task, found.columns, found.text, found.is_sample) == (LANGUAGE, (), "", True)
    assert len(found.examples) == 5
    assert found.examples[0][0].startswith(TEXTS[0])


def test_a_text_too_short_to_learn_from_is_noted_when_it_is_chosen(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_text("x " * 49_999, encoding="utf-8")
    assert "at most 99,998 characters, where 100,000 are needed" in inspect(DataSource(path=str(path))).notes[0]
    path.write_text("x " * 50_000, encoding="utf-8")
    assert inspect(DataSource(path=str(path))).notes == ()
