"""Pairs for sentence similarity: scored ones, and queries with what answers them."""

import csv
import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.data.cells import digest
from engine.data.pairs import QUICK_CORPUS
from engine.data.reading import Budget, load, load_for_measuring
from engine.data.source import inspect
from engine.data.splits import Examples, Splits
from engine.errors import Refused
from engine.recipe import DataSource

TASK = "sentence similarity"
Rows = list[dict[str, Any]]


def scored(count: int, seed: int = 0) -> Rows:
    draw = random.Random(seed)
    return [
        {"sentence1": f"one {n} {draw.random()}", "sentence2": f"other {n} words", "score": round(5 * draw.random(), 2)}
        for n in range(count)
    ]


def queries(count: int, answers: int = 100) -> Rows:
    return [{"query": f"what is number {n}", "answer": f"answer {n % answers}"} for n in range(count)]


def write(path: Path, rows: Rows) -> DataSource:
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return DataSource(path=str(path))


def parts(splits: Splits) -> tuple[Examples, Examples, Examples]:
    return splits.train, splits.validation, splits.test


def answers_of(examples: Examples) -> dict[str, set[str]]:
    return {
        text: {examples.corpus[place] for place in places}
        for text, places in zip(examples.texts, examples.labels, strict=True)
    }


def refusal(source: DataSource) -> str:
    with pytest.raises(Refused) as caught:
        load(source, None, 0)
    return str(caught.value)


def test_scored_pairs_in_every_format(tmp_path: Path):
    rows = scored(400)
    wanted = load(write(tmp_path / "a.csv", rows), None, 0)
    assert (wanted.task, wanted.label_names, sum(map(len, parts(wanted)))) == (TASK, (), 400)
    for ending in ("jsonl", "parquet"):
        source = write(tmp_path / f"a.{ending}", rows)
        assert inspect(source).task == TASK
        assert load(source, None, 0) == wanted
    most = max(row["score"] for row in rows)
    by_text = {row["sentence1"]: row for row in rows}
    for part in parts(wanted):
        assert part.corpus == ()
        for text, (other, score) in zip(part.texts, part.labels, strict=True):
            assert other == by_text[text]["sentence2"]
            assert score == pytest.approx(by_text[text]["score"] / most)


def test_scores_below_zero_are_moved_up(tmp_path: Path):
    rows = [{**row, "score": row["score"] - 3.0} for row in scored(300)]
    splits = load(write(tmp_path / "a.csv", rows), None, 0)
    found = sorted(score for part in parts(splits) for _, score in part.labels)
    assert (found[0], found[-1]) == (0.0, 1.0)


def test_a_pair_with_two_scores_is_in_no_split(tmp_path: Path):
    rows = scored(300)
    again = [{**row, "score": row["score"] + 0.5} for row in rows[:60]]
    splits = load(write(tmp_path / "a.csv", rows + again + rows[60:80]), None, 0)
    texts = [text for part in parts(splits) for text in part.texts]
    assert sorted(texts) == sorted(row["sentence1"] for row in rows[60:])
    said = " ".join(splits.notes)
    assert "60 rows gave a text another label" in said
    assert "20 rows repeated" in said


def test_constant_scores(tmp_path: Path):
    said = refusal(write(tmp_path / "a.csv", [{**row, "score": 3} for row in scored(300)]))
    assert "All scores of" in said
    assert "are 3" in said


@pytest.mark.parametrize("bad", ["high", "3 of 5", "n/a"])
def test_scores_that_are_no_numbers(tmp_path: Path, bad: str):
    rows = scored(300)
    rows[17] = {**rows[17], "score": bad}
    assert "Column 'score'" in (said := refusal(write(tmp_path / "a.csv", rows)))
    assert "no numbers" in said


def test_scores_that_cannot_be_used_are_left_out(tmp_path: Path):
    rows = scored(300)
    for place, bad in enumerate(["", "nan", "inf"]):
        rows[place] = {**rows[place], "score": bad}
    splits = load(write(tmp_path / "a.csv", rows), None, 0)
    assert sum(map(len, parts(splits))) == 297
    assert "3 rows had no label" in " ".join(splits.notes)


@pytest.mark.parametrize("rows", [scored(60), queries(60)])
def test_too_few_pairs(tmp_path: Path, rows: Rows):
    assert "only 60 usable pairs" in refusal(write(tmp_path / "a.csv", rows))


@pytest.mark.parametrize("seed", range(3))
def test_queries_share_no_text_and_hold_all(tmp_path: Path, seed: int):
    rows = queries(600)
    doubled = [{**row, "query": f" {row['query'].upper()} "} for row in rows[:100]]
    splits = load(write(tmp_path / "a.csv", rows + doubled), None, seed)
    found = [{digest(text) for text in part.texts} for part in parts(splits)]
    assert not (found[0] & found[1] or found[0] & found[2] or found[1] & found[2])
    assert sum(map(len, found)) == 600
    wanted = {row["query"].casefold(): {row["answer"]} for row in rows}
    for part in parts(splits):
        assert {text.casefold(): answers for text, answers in answers_of(part).items()}.items() <= wanted.items()
    assert set(splits.test.corpus) == {row["answer"] for row in rows}
    assert len(splits.test.corpus) == 100


def test_the_answers_of_a_repeated_query_are_one_list(tmp_path: Path):
    rows = queries(300)
    more = [{"query": row["query"].upper(), "answer": "another answer"} for row in rows[:50]]
    splits = load(write(tmp_path / "a.csv", rows + more + more + rows[:50]), None, 0)
    found = {text.casefold(): labels for part in parts(splits) for text, labels in answers_of(part).items()}
    for place, row in enumerate(rows):
        assert found[row["query"]] == {row["answer"]} | ({"another answer"} if place < 50 else set())
    assert all(len(set(places)) == len(places) for part in parts(splits) for places in part.labels)


@pytest.mark.parametrize("ending", ["jsonl", "parquet", "csv"])
def test_lists_of_answers(tmp_path: Path, ending: str):
    rows = [{"query": f"query number {n}", "answers": [f"answer {n % 150}", f"answer {n % 7}"]} for n in range(300)]
    given = [{**row, "answers": json.dumps(row["answers"])} for row in rows] if ending == "csv" else rows
    splits = load(write(tmp_path / f"a.{ending}", given), None, 0)
    found = {text: answers for part in parts(splits) for text, answers in answers_of(part).items()}
    assert found == {row["query"]: set(row["answers"]) for row in rows}


def test_brackets_that_are_no_list(tmp_path: Path):
    rows = queries(300)
    rows[0]["answer"], rows[1]["answer"] = "[sic] an answer", "[" * 100_000
    splits = load(write(tmp_path / "a.csv", rows), None, 0)
    assert "[sic] an answer" in splits.test.corpus
    assert "[" * 10_000 in splits.test.corpus


def test_a_corpus_of_its_own(tmp_path: Path):
    corpus = [{"id": n, "text": f"text of {n}"} for n in range(500)]
    write(tmp_path / "corpus.csv", corpus)
    rows = [{"query": f"query number {n}", "answers": [n % 400, (n + 1) % 400]} for n in range(600)]
    rows += [{"query": "who knows", "answers": ["nobody"]}]
    source = write(tmp_path / "a.jsonl", rows).model_copy(update={"corpus": str(tmp_path / "corpus.csv")})
    splits = load(source, None, 0)
    assert splits.test.corpus == splits.train.corpus == tuple(row["text"] for row in corpus)
    found = {text: answers for part in parts(splits) for text, answers in answers_of(part).items()}
    assert found == {row["query"]: {f"text of {n}" for n in row["answers"]} for row in rows[:-1]}
    assert "1 row had no label" in " ".join(splits.notes)
    measured = load_for_measuring(source, ())
    assert (len(measured.test), measured.test.corpus) == (600, splits.test.corpus)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_corpus_without_its_columns(tmp_path: Path, ending: str):
    write(tmp_path / f"corpus.{ending}", [{"number": 1, "text": "a"}])
    source = write(tmp_path / "a.csv", queries(300)).model_copy(update={"corpus": str(tmp_path / f"corpus.{ending}")})
    assert "has no column 'id'; a corpus needs 'id' and 'text'" in refusal(source)


def test_validation_searches_a_part_that_holds_the_right_answers(tmp_path: Path):
    write(tmp_path / "corpus.csv", [{"id": n, "text": f"text of {n}"} for n in range(4 * QUICK_CORPUS)])
    rows = [{"query": f"query number {n}", "answer": n * 37 % (4 * QUICK_CORPUS)} for n in range(600)]
    source = write(tmp_path / "a.csv", rows).model_copy(update={"corpus": str(tmp_path / "corpus.csv")})
    validation = load(source, None, 0).validation
    assert QUICK_CORPUS <= len(validation.corpus) <= QUICK_CORPUS + len(validation)
    assert len(set(validation.corpus)) == len(validation.corpus)
    wanted = {row["query"]: {f"text of {row['answer']}"} for row in rows}
    assert answers_of(validation).items() <= wanted.items()


def test_the_seed_orders_training_and_nothing_else(tmp_path: Path):
    source = write(tmp_path / "a.csv", queries(400))
    one, other = load(source, None, 0), load(source, None, 1)
    assert one.train.texts != other.train.texts
    assert set(one.train.texts) == set(other.train.texts)
    assert (one.validation, one.test) == (other.validation, other.test)
    assert one.key != load(write(tmp_path / "b.csv", queries(401)), None, 0).key


def test_the_budget_is_kept_and_told(tmp_path: Path):
    splits = load(write(tmp_path / "a.csv", queries(1000)), None, 0, Budget(100, 50, 60))
    assert list(map(len, parts(splits))) == [100, 50, 60]
    assert splits.notes == ("Of 1,000 rows a sample of 210 texts is used.",)


def test_measuring_reads_all_pairs(tmp_path: Path):
    found = load_for_measuring(write(tmp_path / "a.csv", scored(40)), ())
    assert (found.task, len(found.test), len(found.train)) == (TASK, 40, 0)
    found = load_for_measuring(write(tmp_path / "b.csv", [*queries(5), {"query": "", "answer": "x"}]), ())
    assert len(found.test) == 5
    assert "no text" in found.notes[0]
    with pytest.raises(Refused, match="All scores"):
        load_for_measuring(write(tmp_path / "c.csv", scored(1)), ())


def test_the_starters_reverse_dictionary():
    source = DataSource(path="starter:reverse")
    found = inspect(source)
    assert (found.task, found.text, found.other) == (TASK, "text", "answers")
    splits = load(source, None, 0, Budget(500, 200, 300))
    assert list(map(len, parts(splits))) == [500, 200, 300]
    assert len(splits.test.corpus) >= 20_000
    assert len(splits.validation.corpus) < 6_000
    texts = [{digest(text) for text in part.texts} for part in parts(splits)]
    assert not (texts[0] & texts[2] or texts[1] & texts[2] or texts[0] & texts[1])
    assert all(places for part in parts(splits) for places in part.labels)
    measured = load_for_measuring(source, ())
    assert set(splits.test.texts) <= set(measured.test.texts)
    assert measured.test.corpus == splits.test.corpus
