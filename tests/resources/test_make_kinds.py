"""The script that makes `kinds`, on a dictionary of a few lines."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from resources.make_kinds import SPLITS, Row, read_definitions, split_and_cap, write
from resources.wordnet import digest

NOTICE = "  1 This software and database is being provided to you  \n  2   \n  3 keep this notice  \n"
GLOSSES = [
    ("05", 'a small tame animal; "the vet saw her cat"'),
    ("05", "A  Small tame ANIMAL"),
    ("18", 'someone who keeps small animals, as in "a keeper\'s job"'),
    ("13", "eaten by animals or people"),
    ("20", "eaten by animals or people"),
    ("05", "black cats"),
    ("07", "the quality of being small"),
    ("18", "(ethnic slur) offensive term for a person of any descent"),
]


@pytest.fixture
def dictionary(tmp_path: Path) -> Path:
    """A WordNet `dict` folder: the glosses above and 300 that give every split some rows."""
    glosses = GLOSSES + [("06", f"a made thing of kind {number}") for number in range(300)]
    lines = [f"{i:08} {kind} n 01 word 0 000 | {gloss}  \n" for i, (kind, gloss) in enumerate(glosses)]
    (tmp_path / "data.noun").write_text(NOTICE + "".join(lines), encoding="utf-8")
    return tmp_path


def test_definitions_lose_examples_and_unfit_rows(dictionary: Path) -> None:
    found = [(row.label, row.text) for row in read_definitions(dictionary / "data.noun")]
    assert found[:5] == [
        ("animal", "a small tame animal"),
        ("animal", "A Small tame ANIMAL"),
        ("person", "someone who keeps small animals, as in"),
        ("food", "eaten by animals or people"),
        ("plant", "eaten by animals or people"),
    ]
    assert all(label == "made thing" for label, _ in found[5:])


def test_repeats_and_texts_with_two_labels_are_dropped(dictionary: Path, tmp_path: Path) -> None:
    rows = [row for rows in write(dictionary, tmp_path / "out").values() for row in rows]
    texts = [row.text for row in rows if row.label != "made thing"]
    assert sorted(texts) == ["a small tame animal", "someone who keeps small animals, as in"]


def test_the_same_input_gives_the_same_bytes(dictionary: Path, tmp_path: Path) -> None:
    for out in ("once", "again"):
        write(dictionary, tmp_path / out)
    names = sorted(path.name for path in (tmp_path / "once").iterdir())
    assert names == ["LICENSE", "README.md", "test.parquet", "train.parquet", "validation.parquet"]
    for name in names:
        assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_the_licence_is_kept_without_its_line_numbers(dictionary: Path, tmp_path: Path) -> None:
    write(dictionary, tmp_path / "out")
    kept = (tmp_path / "out" / "LICENSE").read_text(encoding="utf-8")
    assert kept == "This software and database is being provided to you\n\nkeep this notice\n"


def test_parquet_holds_text_and_label_as_strings(dictionary: Path, tmp_path: Path) -> None:
    write(dictionary, tmp_path / "out")
    schema = pq.read_schema(tmp_path / "out" / "train.parquet")
    assert [(field.name, str(field.type)) for field in schema] == [
        ("text", "string"),
        ("label", "string"),
    ]


def test_the_digest_ignores_case_and_spacing() -> None:
    assert digest("A  Big\tCat ") == digest("a big cat") != digest("a big hat")


def test_new_rows_never_move_old_ones_to_another_split() -> None:
    assert sum(share for share, _ in SPLITS.values()) == 1000
    rows = [Row(f"thing {n}", "animal", digest(f"thing {n}")) for n in range(5000)]
    few, many = split_and_cap(rows[:500]), split_and_cap(rows)
    for split, (_, cap) in SPLITS.items():
        elsewhere = {row for other in SPLITS if other != split for row in many[other]}
        assert few[split] and elsewhere.isdisjoint(few[split])
        assert len(many[split]) <= cap
