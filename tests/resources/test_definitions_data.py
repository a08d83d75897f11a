"""What `resources/data/definitions` must hold, whoever made it."""

import pyarrow.parquet as pq
import pytest

from engine.models.starter import data_files
from resources.make_definitions import Entry, split_of
from resources.wordnet import UNFIT, digest

SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def texts() -> dict[str, list[str]]:
    """Every entry, by split."""
    data = data_files("definitions")
    return {split: pq.read_table(getattr(data, split))[data.text_column].to_pylist() for split in SPLITS}


def definition(text: str) -> str:
    return text.split(": ", 1)[1]


def test_sizes(texts: dict[str, list[str]]) -> None:
    assert len(texts["train"]) >= 190_000
    assert 1_500 <= len(texts["validation"]) <= 2_000
    assert 2_000 <= len(texts["test"]) <= 3_000
    files = data_files("definitions").test.parent.glob("*.parquet")
    assert sum(path.stat().st_size for path in files) < 6e6


def test_no_definition_is_in_two_splits_and_no_entry_twice(texts: dict[str, list[str]]) -> None:
    definitions = {split: {digest(definition(text)) for text in texts[split]} for split in SPLITS}
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        assert definitions[one].isdisjoint(definitions[other])
    assert len(definitions["test"]) == len(texts["test"])
    assert len(definitions["validation"]) == len(texts["validation"])
    assert len({digest(text) for text in texts["train"]}) == len(texts["train"])


def test_held_out_entries_are_in_the_split_of_their_hash(texts: dict[str, list[str]]) -> None:
    for split in ("validation", "test"):
        assert {split_of(Entry(text, digest(definition(text)))) for text in texts[split]} == {split}


def test_entries_are_a_word_and_its_definition(texts: dict[str, list[str]]) -> None:
    for text in texts["test"]:
        word, found = text.split(": ", 1)
        assert word == word.strip() != ""
        assert found and "_" not in word
        assert not UNFIT.search(found)


def test_the_card_and_the_licence_are_there(texts: dict[str, list[str]]) -> None:
    folder = data_files("definitions").test.parent
    assert f"| test | {len(texts['test']):,} |" in (folder / "README.md").read_text(encoding="utf-8")
    licence = (folder / "LICENSE").read_text(encoding="utf-8")
    assert "WordNet 3.1 Copyright 2011 by Princeton University" in licence
