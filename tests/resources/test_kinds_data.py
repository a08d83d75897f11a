"""What `resources/data/kinds` must hold, whoever made it."""

from collections import Counter

import pyarrow.parquet as pq
import pytest

from engine.models.starter import data_files, starter_model
from resources.make_kinds import LABELS, Row, split_of
from resources.wordnet import digest

SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def rows() -> dict[str, list[tuple[str, str]]]:
    """(text, label) of every row, by split."""
    data = data_files("kinds")
    tables = {split: pq.read_table(getattr(data, split)).to_pydict() for split in SPLITS}
    return {
        split: list(zip(table[data.text_column], table[data.label_column], strict=True))
        for split, table in tables.items()
    }


def test_sizes(rows: dict[str, list[tuple[str, str]]]) -> None:
    assert 18_000 <= len(rows["train"]) <= 22_000
    assert 1_500 <= len(rows["validation"]) <= 2_000
    assert 2_000 <= len(rows["test"]) <= 3_000


def test_no_text_is_there_twice_or_in_two_splits(rows: dict[str, list[tuple[str, str]]]) -> None:
    digests = [digest(text) for split in SPLITS for text, _ in rows[split]]
    assert len(digests) == len(set(digests))


def test_every_row_is_in_the_split_of_its_hash(rows: dict[str, list[tuple[str, str]]]) -> None:
    for split in SPLITS:
        assert all(split_of(Row(text, label, digest(text))) == split for text, label in rows[split])


@pytest.mark.parametrize("split", SPLITS)
def test_labels_are_balanced(rows: dict[str, list[tuple[str, str]]], split: str) -> None:
    counts = Counter(label for _, label in rows[split])
    assert set(counts) == set(LABELS.values()) == set(starter_model("kinds-minilm").labels)
    assert max(counts.values()) <= 2.1 * min(counts.values())


def test_the_card_and_the_licence_are_there(rows: dict[str, list[tuple[str, str]]]) -> None:
    folder = data_files("kinds").test.parent
    assert f"**{len(rows['test']):,}**" in (folder / "README.md").read_text(encoding="utf-8")
    licence = (folder / "LICENSE").read_text(encoding="utf-8")
    assert "WordNet 3.1 Copyright 2011 by Princeton University" in licence
