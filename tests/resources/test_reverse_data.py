"""What `resources/data/reverse` must hold, whoever made it."""

import re

import pyarrow.parquet as pq
import pytest

from engine.models.starter import data_files
from resources.make_reverse import split_of
from resources.wordnet import digest

SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def words() -> dict[int, str]:
    """The corpus, by id."""
    data = data_files("reverse")
    table = pq.read_table(data.corpus).to_pydict()
    return dict(zip(table[data.corpus_id_column], table[data.corpus_text_column], strict=True))


@pytest.fixture(scope="module")
def queries() -> dict[str, list[tuple[str, list[int]]]]:
    """(definition, ids of its words), by split."""
    data = data_files("reverse")
    tables = {split: pq.read_table(getattr(data, split)).to_pydict() for split in SPLITS}
    return {
        split: list(zip(table[data.text_column], table[data.answers_column], strict=True))
        for split, table in tables.items()
    }


def test_sizes(words: dict[int, str], queries: dict[str, list]) -> None:
    assert len(words) >= 20_000
    assert len(queries["train"]) >= 5_000
    assert 500 <= len(queries["validation"]) <= 1_000
    assert 1_500 <= len(queries["test"]) <= 2_500
    files = data_files("reverse").test.parent.glob("*.parquet")
    assert sum(path.stat().st_size for path in files) < 3e6


def test_no_word_and_no_definition_is_there_twice(words: dict[int, str], queries: dict[str, list]) -> None:
    assert len(set(words.values())) == len(words)
    digests = [digest(text) for split in SPLITS for text, _ in queries[split]]
    assert len(set(digests)) == len(digests)


def test_every_query_is_in_the_split_of_its_hash(queries: dict[str, list]) -> None:
    for split in SPLITS:
        assert {split_of(text) for text, _ in queries[split]} == {split}


def test_every_answer_is_in_the_corpus_and_not_in_its_query(words: dict[int, str], queries: dict[str, list]) -> None:
    for split in SPLITS:
        for text, answers in queries[split]:
            assert answers and answers == sorted(set(answers))
            tokens = set(re.findall(r"\w+", text.lower()))
            assert tokens.isdisjoint(words[answer] for answer in answers)


def test_the_card_and_the_licence_are_there(queries: dict[str, list]) -> None:
    folder = data_files("reverse").test.parent
    assert f"| queries-test.parquet | {len(queries['test']):,} |" in (folder / "README.md").read_text(encoding="utf-8")
    licence = (folder / "LICENSE").read_text(encoding="utf-8")
    assert "WordNet 3.1 Copyright 2011 by Princeton University" in licence
