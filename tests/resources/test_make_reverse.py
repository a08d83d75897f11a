"""The script that makes `reverse`, on a dictionary of a few lines, and the ranks it is measured by."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from resources.make_reverse import (
    SPLITS,
    Query,
    choose_words,
    make_queries,
    names_itself,
    split_of,
    tagged_words,
    write,
)
from resources.measure_reverse import ranks
from resources.wordnet import Synset

DOG = Synset("05", ("dog", "domestic dog", "Canis familiaris"), "a tame animal that barks")
HOUND = Synset("05", ("hound", "dog"), "an animal that hunts")
AGAIN = Synset("18", ("cur",), "A tame  animal that barks")
BARK = Synset("20", ("bark",), "tough covering of barks")
SHORT = Synset("05", ("cat",), "feline mammal")


def test_only_nouns_that_occur_in_tagged_texts_are_tagged(tmp_path: Path) -> None:
    lines = ["dog%1:05:00:: 02086723 1 42", "cat%1:05:00:: 02124272 1 0", "chase%2:38:00:: 02005948 1 9"]
    (tmp_path / "index.sense").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert tagged_words(tmp_path / "index.sense") == {"dog"}


def test_words_in_use_or_with_several_senses_come_first() -> None:
    synsets = [DOG, HOUND, AGAIN, BARK, SHORT, Synset("18", ("bad",), "offensive term for a person")]
    assert choose_words(synsets, {"bark"}, 2) == ["bark", "dog"]
    assert choose_words(synsets, set(), 99) == ["bark", "cat", "cur", "dog", "hound"]


@pytest.mark.parametrize(
    ("word", "definition", "named"),
    [
        ("bark", "the bark of a dog", True),
        ("Bark", "tough (barks)", True),
        ("bark", "an animal that barked", False),
        ("bark", "embarkation", False),
        ("a.c.", "abc is not it", False),
    ],
)
def test_a_definition_that_gives_its_word_away_is_seen(word: str, definition: str, named: bool) -> None:
    assert names_itself(Synset("05", (word,), definition)) is named


def test_a_definition_asks_for_all_its_words_and_never_names_one() -> None:
    words = ["bark", "cat", "cur", "dog", "hound"]
    found = make_queries([DOG, HOUND, AGAIN, BARK, SHORT], words)
    assert sorted(found) == [Query("a tame animal that barks", (2, 3)), Query("an animal that hunts", (3, 4))]
    assert make_queries([DOG], ["cat"]) == []


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    lines = [f"{i:08} 05 n 01 noun{'abcdefghij'[i % 10]} 0 000 | animal that is number {i}  \n" for i in range(300)]
    (tmp_path / "data.noun").write_text("  1 keep this notice  \n" + "".join(lines), encoding="utf-8")
    (tmp_path / "index.sense").write_text("nouna%1:05:00:: 02086723 1 42\n", encoding="utf-8")
    for out in ("once", "again"):
        splits = write(tmp_path, tmp_path / out, count=10)
    assert sum(map(len, splits.values())) == 300
    for path in (tmp_path / "once").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()
    schema = pq.read_schema(tmp_path / "once" / "queries-test.parquet")
    assert [field.name for field in schema] == ["text", "answers"]


def test_every_definition_has_a_split() -> None:
    assert sum(SPLITS.values()) == 1000
    assert {split_of(f"thing {number}") for number in range(500)} == set(SPLITS)


def test_the_rank_is_that_of_the_first_right_answer() -> None:
    corpus = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [-1.0, 0.0]]))
    queries = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    assert ranks(queries, corpus, [[0], [3, 0], [3, 2]]).tolist() == [1, 3, 3]
