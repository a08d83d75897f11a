"""The script that makes `definitions`, on a dictionary of a few lines."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from resources.make_definitions import SPLITS, Entry, read_entries, split_entries, split_of, write
from resources.wordnet import digest

NOTICE = "  1 This software and database is being provided to you  \n  2 keep this notice  \n"
SYNSETS = {
    "noun": [
        (("dog", "domestic_dog"), 'a member of the genus Canis; "the dog barked"'),
        (("oddity",), "(ethnic slur) offensive term for someone"),
    ],
    "verb": [(("run", "run"), "move fast")],
    "adj": [(("galore(ip)", "Rocky"), "in great numbers"), (("bare",), '"an example alone"')],
    "adv": [(("fast",), "MOVE  fast")],
}


@pytest.fixture
def dictionary(tmp_path: Path) -> Path:
    """A WordNet `dict` folder: the synsets above and 300 adverbs that give every split some entries."""
    more = [((f"word{number}", f"other{number}"), f"in manner {number}") for number in range(300)]
    for part, synsets in (SYNSETS | {"adv": SYNSETS["adv"] + more}).items():
        lines = [
            f"{at:08} 02 {part[0]} {len(words):02x} {' '.join(f'{word} 0' for word in words)} 000 | {gloss}  \n"
            for at, (words, gloss) in enumerate(synsets)
        ]
        (tmp_path / f"data.{part}").write_text(NOTICE + "".join(lines), encoding="utf-8")
    return tmp_path


def test_every_word_of_every_part_of_speech_gets_an_entry(dictionary: Path) -> None:
    found = [entry.text for entry in read_entries(dictionary)]
    assert found[:7] == [
        "dog: a member of the genus Canis",
        "domestic dog: a member of the genus Canis",
        "run: move fast",
        "run: move fast",
        "galore: in great numbers",
        "Rocky: in great numbers",
        "fast: MOVE fast",
    ]
    assert len(found) == 7 + 600


def test_words_of_one_definition_share_a_split_and_only_training_keeps_them_all(dictionary: Path) -> None:
    splits = split_entries(read_entries(dictionary))
    assert all(splits.values())
    digests = {split: {entry.digest for entry in entries} for split, entries in splits.items()}
    assert sum(map(len, digests.values())) == len(set().union(*digests.values())) == 303
    assert len(splits["train"]) > 1.9 * len(digests["train"])
    for split in ("validation", "test"):
        assert len(splits[split]) == len(digests[split])
        assert all(entry.word.startswith("word") for entry in splits[split])


def test_the_same_input_gives_the_same_bytes(dictionary: Path, tmp_path: Path) -> None:
    for out in ("once", "again"):
        write(dictionary, tmp_path / out)
    names = sorted(path.name for path in (tmp_path / "once").iterdir())
    assert names == ["LICENSE", "README.md", "test.parquet", "train.parquet", "validation.parquet"]
    for name in names:
        assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    schema = pq.read_schema(tmp_path / "once" / "train.parquet")
    assert [(field.name, str(field.type)) for field in schema] == [("text", "string")]


def test_a_split_is_read_off_the_definition_alone() -> None:
    assert sum(SPLITS.values()) == 1000
    definitions = [f"the number {number}" for number in range(2000)]
    of = [{split_of(Entry(f"{word}: {text}", digest(text))) for word in ("one", "two")} for text in definitions]
    assert all(len(splits) == 1 for splits in of)
    assert set().union(*of) == set(SPLITS)
