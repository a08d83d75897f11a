"""Data ready for a run: disjoint, stable, reproducible splits in bounded memory; faults in words."""

import csv
import json
import random
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.data.cells import LONGEST_TEXT, digest
from engine.data.reading import Budget, load, load_for_measuring
from engine.data.splits import Examples, Splits
from engine.errors import Cancelled, Refused
from engine.recipe import DataSource

LABELS = ("animal", "food", "place")
Pairs = list[tuple[str, str]]


def source(path: Path, pairs: Pairs) -> DataSource:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *pairs])
    return DataSource(path=str(path))


def pairs_of(count: int, seed: int = 0) -> Pairs:
    draw = random.Random(seed)
    return [(f"text {n} of {draw.random()}", draw.choice(LABELS)) for n in range(count)]


def parts(splits: Splits) -> tuple[Examples, Examples, Examples]:
    return splits.train, splits.validation, splits.test


def keys(examples: Examples) -> set[bytes]:
    return {digest(text) for text in examples.texts}


@pytest.mark.parametrize("seed", range(5))
def test_splits_share_no_text_and_hold_all(tmp_path: Path, seed: int):
    pairs = pairs_of(1000, seed)
    doubled = [(f" {text.upper()}\t", label) for text, label in pairs[:300]]
    splits = load(source(tmp_path / "a.csv", pairs + doubled), LABELS, seed)
    train, validation, test = map(keys, parts(splits))
    assert not train & validation
    assert not train & test
    assert not validation & test
    assert len(train) + len(validation) + len(test) == 1000
    assert 540 < len(train) < 660
    assert 150 < len(validation) < 250
    labels = dict(pairs) | dict(doubled)
    for part in parts(splits):
        for text, label in zip(part.texts, part.labels, strict=True):
            assert LABELS[label] in {labels.get(text), labels.get(f" {text}\t")}


def test_the_same_file_gives_the_same_splits_in_any_order_of_rows(tmp_path: Path):
    pairs = pairs_of(500)
    one = load(source(tmp_path / "a.csv", pairs), LABELS, 7)
    random.Random(1).shuffle(pairs)
    other = load(source(tmp_path / "b.csv", pairs), LABELS, 7)
    assert one == other
    assert len(one.key) == 64


def test_every_format_gives_the_same_splits(tmp_path: Path):
    pairs = pairs_of(200)
    records = [{"text": text, "label": label} for text, label in pairs]
    lines = "".join(json.dumps(record) + "\n" for record in records)
    (tmp_path / "a.jsonl").write_text(lines, encoding="utf-8")
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "a.parquet")
    (tmp_path / "a.tsv").write_text(
        "text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in pairs), encoding="utf-8"
    )
    wanted = load(source(tmp_path / "a.csv", pairs), LABELS, 0)
    for ending in ("jsonl", "parquet", "tsv"):
        assert load(DataSource(path=str(tmp_path / f"a.{ending}")), LABELS, 0) == wanted


def test_rows_that_are_added_move_no_other(tmp_path: Path):
    before = load(source(tmp_path / "a.csv", pairs_of(400)), LABELS, 0)
    after = load(source(tmp_path / "b.csv", pairs_of(400) + pairs_of(400, seed=9)), LABELS, 0)
    for old, new in zip(parts(before), parts(after), strict=True):
        assert keys(old) < keys(new)
    assert before.key != after.key


def test_the_seed_orders_training_and_nothing_else(tmp_path: Path):
    data = source(tmp_path / "a.csv", pairs_of(500))
    one, other = load(data, LABELS, 0), load(data, LABELS, 1)
    assert one.train.texts != other.train.texts
    assert set(one.train.texts) == set(other.train.texts)
    assert (one.validation, one.test) == (other.validation, other.test)


def test_the_budget_takes_a_sample_that_labels_do_not_order(tmp_path: Path):
    pairs = sorted(pairs_of(3000), key=lambda pair: pair[1])
    splits = load(source(tmp_path / "a.csv", pairs), LABELS, 0, Budget(300, 100, 120))
    assert list(map(len, parts(splits))) == [300, 100, 120]
    assert set(splits.train.labels[:20]) == {0, 1, 2}
    assert splits.notes == ("Of 3,000 rows a sample of 520 texts is used.",)


def test_what_is_left_out_is_said(tmp_path: Path):
    pairs = [
        *pairs_of(100),
        *pairs_of(3),
        ("", "food"),
        ("  ", "food"),
        ("no label", ""),
        ("two labels", "food"),
        ("Two  labels", "place"),
        ("two labels", "food"),
        ("long " * 10_000, "animal"),
    ]
    splits = load(source(tmp_path / "a.csv", pairs), LABELS, 0)
    assert sum(map(len, parts(splits))) == 101
    texts = [text for part in parts(splits) for text in part.texts]
    assert "two labels" not in texts
    assert max(map(len, texts)) <= LONGEST_TEXT
    said = " ".join(splits.notes)
    for words in (
        "4 rows repeated the text of another (first: row 101)",
        "2 rows had no text (first: row 104)",
        "1 row had no label (first: row 106) and was left out",
        "1 row gave a text another label than before (first: row 108)",
        "1 row held a very long text (first: row 110)",
    ):
        assert words in said


def test_what_no_tokenizer_takes_is_replaced(tmp_path: Path):
    lines = [json.dumps({"text": t, "label": label}) for t, label in pairs_of(100)]
    lines.append('{"text": "half \\ud800 a pair and a nul \\u0000", "label": "food"}')
    (tmp_path / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    splits = load(DataSource(path=str(tmp_path / "a.jsonl")), LABELS, 0)
    texts = [text for part in parts(splits) for text in part.texts]
    assert "half ? a pair and a nul ?" in texts


def test_without_a_head_labels_come_from_the_data(tmp_path: Path):
    splits = load(source(tmp_path / "a.csv", pairs_of(100)), None, 0)
    assert splits.label_names == LABELS


def test_labels_keep_the_order_of_the_model(tmp_path: Path):
    splits = load(source(tmp_path / "a.csv", pairs_of(100)), ("place", "thing", "food", "Animal"), 0)
    assert splits.label_names == ("place", "thing", "food", "Animal")
    assert set(splits.train.labels) == {0, 2, 3}


def test_labels_that_the_model_does_not_know(tmp_path: Path):
    with pytest.raises(Refused, match=r"'food', 'place'|'place', 'food'.*train_head"):
        load(source(tmp_path / "a.csv", pairs_of(100)), ("animal", "mineral"), 0)


def test_an_unknown_label_far_down_is_noticed(tmp_path: Path):
    pairs = [*pairs_of(21_000), ("the last", "mineral")]
    with pytest.raises(Refused, match="a label that the model does not know: 'mineral'"):
        load(source(tmp_path / "a.csv", pairs), LABELS, 0)


@pytest.mark.parametrize("labels", [LABELS, None])
def test_one_class(tmp_path: Path, labels: tuple[str, ...] | None):
    pairs = [(text, "food") for text, _ in pairs_of(100)]
    with pytest.raises(Refused, match=r"the same label 'food' \(column 'label'\)"):
        load(source(tmp_path / "a.csv", pairs), labels, 0)


@pytest.mark.parametrize("count", [2, 12, 29])
def test_too_few_rows(tmp_path: Path, count: int):
    with pytest.raises(Refused, match=rf"only {count} usable examples"):
        load(source(tmp_path / "a.csv", pairs_of(count)), LABELS, 0)


def test_the_starter_comes_in_its_own_splits():
    splits = load(DataSource(path="starter:kinds"), None, 0)
    assert len(splits.label_names) == 13
    assert len(splits.test) >= 2000
    train, validation, test = map(keys, parts(splits))
    assert not train & validation
    assert not (train | validation) & test
    assert len(set(splits.test.labels[:200])) == 13


def test_measuring_reads_all_rows_of_a_file(tmp_path: Path):
    data = source(tmp_path / "a.csv", [*pairs_of(50), ("", "food")])
    found = load_for_measuring(data, LABELS)
    assert (found.task, found.label_names) == ("classification", LABELS)
    assert len(found.test) == 50
    assert len(found.train) == 0
    assert "no text" in found.notes[0]
    few = source(tmp_path / "b.csv", pairs_of(2)).model_copy(update={"label": "label"})
    assert len(load_for_measuring(few, LABELS).test) == 2


def test_measuring_takes_a_sample_and_says_so(tmp_path: Path):
    data = source(tmp_path / "a.csv", pairs_of(10_500))
    found = load_for_measuring(data, LABELS)
    assert len(found.test) == 10_000
    assert "Of 10,500 rows a sample of 10,000 texts is used." in found.notes
    assert len(load_for_measuring(data, LABELS, Budget(test=300)).test) == 300


def test_measuring_a_starter_takes_its_test_split():
    data = DataSource(path="starter:kinds")
    splits = load(data, None, 0)
    assert load_for_measuring(data, splits.label_names).test == splits.test


def test_a_caller_can_stop_the_reading(tmp_path: Path):
    seen: list[int] = []

    def tick(count: int) -> None:
        seen.append(count)
        if count >= 20_000:
            raise Cancelled("Cancelled.")

    with pytest.raises(Cancelled):
        load(source(tmp_path / "a.csv", pairs_of(40_000)), LABELS, 0, tick=tick)
    assert seen == [10_000, 20_000]


def test_a_large_file_is_read_in_bounded_memory(tmp_path: Path):
    rows, filling = 500_000, "and words that fill the line " * 3
    with (tmp_path / "a.csv").open("w", encoding="utf-8") as file:
        file.write("id,text,label\n")
        file.writelines(f"{n},text {n * 2654435761 % 2**32} {filling},{n % 3}\n" for n in range(rows))
    data, budget = DataSource(path=str(tmp_path / "a.csv")), Budget(2000, 200, 500)
    process, seen = psutil.Process(), []
    splits = load(data, LABELS, 0, budget, tick=lambda _: seen.append(process.memory_info().rss))
    assert (tmp_path / "a.csv").stat().st_size > 50_000_000
    assert sum(map(len, parts(splits))) == 2700
    assert len(seen) == rows // 10_000
    # What is kept fills up early; after that, the rest of the file must leave no trace.
    assert max(seen) - seen[5] < 5_000_000
