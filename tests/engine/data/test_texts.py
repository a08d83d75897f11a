"""Running text ready for a run: splits that share no text, the same for any order of rows, in bounded memory."""

import csv
import json
import random
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.data.reading import Budget, load, load_for_measuring
from engine.data.source import inspect
from engine.data.splits import Examples, Splits
from engine.data.texts import FEWEST
from engine.data.windows import END_OF_DOCUMENT, STRIDE
from engine.errors import Cancelled, Refused
from engine.recipe import DataSource

TASK = "language modelling"


def sentences(count: int, seed: int = 0) -> list[str]:
    draw = random.Random(seed)
    return [f"Sentence {n} says {draw.random()} and then {draw.random()} of it." for n in range(count)]


def text_file(path: Path, count: int = 6000, seed: int = 0) -> DataSource:
    path.write_text("\n".join(sentences(count, seed)), encoding="utf-8")
    return DataSource(path=str(path))


def table(path: Path, documents: list[str], **columns: list[str]) -> DataSource:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", *columns])
        writer.writerows(zip(documents, *columns.values(), strict=True))
    return DataSource(path=str(path))


def parts(splits: Splits) -> tuple[Examples, Examples, Examples]:
    return splits.train, splits.validation, splits.test


def numbers(examples: Examples) -> set[str]:
    """The sentences (by their number) that a split touches, judged or read."""
    everything = "\n".join([*examples.texts, *examples.labels]).replace(END_OF_DOCUMENT, "\n")
    return {word for line in everything.split("\n") if line.startswith("Sentence ") for word in [line.split()[1]]}


def test_a_text_file_gives_windows_in_three_splits(tmp_path: Path):
    splits = load(text_file(tmp_path / "a.txt"), None, 0)
    assert (splits.task, splits.label_names) == (TASK, ())
    counts = list(map(len, parts(splits)))
    total = (tmp_path / "a.txt").stat().st_size
    assert sum(counts) == pytest.approx(total / STRIDE, rel=0.15)
    assert counts[0] == pytest.approx(0.6 * sum(counts), rel=0.2)
    for part in parts(splits):
        assert not part.corpus
        for before, judged in zip(part.labels, part.texts, strict=True):
            assert judged.strip()
            assert len(judged) <= STRIDE * 1.25
            assert len(before) <= STRIDE


@pytest.mark.parametrize("seed", range(3))
def test_splits_share_no_sentence_and_lose_none(tmp_path: Path, seed: int):
    train, validation, test = map(numbers, parts(load(text_file(tmp_path / "a.txt", seed=seed), None, seed)))
    assert not (train & validation or train & test or validation & test)
    assert len(train | validation | test) > 5900  # but for some that a window cuts at its beginning


def test_the_seed_orders_training_and_nothing_else(tmp_path: Path):
    source = text_file(tmp_path / "a.txt")
    one, same, other = load(source, None, 0), load(source, None, 0), load(source, None, 1)
    assert one == same
    assert one.train.texts != other.train.texts
    assert sorted(one.train.texts) == sorted(other.train.texts)
    assert (one.validation, one.test) == (other.validation, other.test)
    assert len(one.key) == 64


def test_the_budget_is_kept_and_told(tmp_path: Path):
    splits = load(text_file(tmp_path / "a.txt"), None, 0, Budget(40, 20, 30))
    assert list(map(len, parts(splits))) == [40, 20, 30]
    assert any("passages of text, 90 windows" in note for note in splits.notes)


def test_a_table_of_one_column_in_every_format(tmp_path: Path):
    documents = sentences(4000)
    records = [{"text": text} for text in documents]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "a.parquet")
    wanted = load(table(tmp_path / "a.csv", documents), None, 0)
    assert wanted.task == TASK
    for ending in ("jsonl", "parquet"):
        source = DataSource(path=str(tmp_path / f"a.{ending}"))
        assert inspect(source).task == TASK
        assert load(source, None, 0) == wanted
    train, validation, test = map(numbers, parts(wanted))
    assert not (train & validation or train & test or validation & test)


def test_a_column_of_a_table_with_more(tmp_path: Path):
    documents = sentences(3000)
    source = table(tmp_path / "a.csv", documents, label=["a", "b"] * 1500)
    assert inspect(source).task == "classification"
    found = load(source.model_copy(update={"task": TASK}), None, 0)
    alone = load(table(tmp_path / "b.csv", documents), None, 0)
    assert (found.task, found.test) == (TASK, alone.test)


def test_a_row_is_in_the_same_split_whatever_is_added(tmp_path: Path):
    few, many = sentences(3000), sentences(3000) + sentences(1500, seed=7)
    before, after = load(table(tmp_path / "a.csv", few), None, 0), load(table(tmp_path / "b.csv", many), None, 0)
    assert before.key != after.key
    old, new = [
        [set("\n".join(part.texts).replace(END_OF_DOCUMENT, "\n").split("\n")) for part in parts(splits)]
        for splits in (before, after)
    ]
    for place, lines in enumerate(old):
        elsewhere = set().union(*(new[other] for other in range(3) if other != place))
        assert not {line for line in lines if line.startswith("Sentence") and line.endswith("it.")} & elsewhere


def test_empty_cells_and_long_ones_take_no_time(tmp_path: Path):
    documents = [*sentences(6000), *[""] * 100_000, *["x"] * 50_000, "word " * 800_000]
    begun = time.perf_counter()
    splits = load(
        table(tmp_path / "a.csv", documents, other=["-"] * len(documents)).model_copy(
            update={"task": TASK, "text": "text"}
        ),
        None,
        0,
        Budget(100, 20, 20),
    )
    assert time.perf_counter() - begun < 15.0
    assert len(splits.test) == 20


def test_too_little_text(tmp_path: Path):
    with pytest.raises(Refused, match=r"only .* characters of different text; at least 100,000"):
        load(text_file(tmp_path / "a.txt", 100), None, 0)
    (tmp_path / "b.txt").write_text("the same words again and again\n" * 20_000, "utf-8")
    with pytest.raises(Refused, match=r"characters of different text"):
        load(DataSource(path=str(tmp_path / "b.txt")), None, 0)
    assert FEWEST > 1


def test_repeated_passages_are_counted(tmp_path: Path):
    text = "\n".join(sentences(6000)) + "\n"
    (tmp_path / "a.txt").write_text(text + "again and again. " * 10_000, "utf-8")
    assert any("repeated the text" in note for note in load(DataSource(path=str(tmp_path / "a.txt")), None, 0).notes)


def test_a_caller_can_stop_the_reading(tmp_path: Path):
    def tick(_: int) -> None:
        raise Cancelled("Cancelled.")

    source = text_file(tmp_path / "a.txt", 50_000)
    with pytest.raises(Cancelled):
        load(source, None, 0, tick=tick)
    with pytest.raises(Cancelled):
        load_for_measuring(source, (), tick=tick)


def test_measuring_reads_the_whole_file(tmp_path: Path):
    source = text_file(tmp_path / "a.txt", 300)
    found = load_for_measuring(source, ())
    assert (found.task, found.label_names, len(found.train)) == (TASK, (), 0)
    assert len(numbers(found.test)) > 290
    sampled = load_for_measuring(text_file(tmp_path / "b.txt"), (), Budget(test=30))
    assert len(sampled.test) == 30
    assert any("windows of 1,000 characters are used" in note for note in sampled.notes)


def test_plain_text_is_no_table(tmp_path: Path):
    source = text_file(tmp_path / "a.txt").model_copy(update={"task": "classification"})
    with pytest.raises(Refused, match=r"is running text, which is no data for classification"):
        load(source, None, 0)


def test_the_starters_definitions():
    found = inspect(DataSource(path="starter:definitions"))
    assert (found.task, found.text, found.label) == (TASK, "text", "")
    splits = load(DataSource(path="starter:definitions"), None, 0, Budget(200, 50, 60))
    assert list(map(len, parts(splits))) == [200, 50, 60]
    lines = [set("\n".join(part.texts).replace(END_OF_DOCUMENT, "\n").split("\n")) - {""} for part in parts(splits)]
    assert not (lines[0] & lines[2] or lines[1] & lines[2] or lines[0] & lines[1])
    assert any(END_OF_DOCUMENT in text for text in splits.test.texts)
    measured = load_for_measuring(DataSource(path="starter:definitions"), (), Budget(test=60))
    assert set(measured.test.texts) == set(splits.test.texts)
