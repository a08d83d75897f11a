"""Pairs of texts for sentence similarity: scored pairs, and queries with what answers them.

Without scores a pair says "these belong together": the first texts are queries, and the distinct
second ones (or the rows of a corpus file, named by their ids) are what is searched.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from engine.data.cells import LONGEST_TEXT, digest, plain
from engine.data.oddities import TICK_ROWS, Oddities, Tick
from engine.data.rows import rows
from engine.data.sampling import Sample, sampled
from engine.data.source import Files, Inspection, SplitName
from engine.data.splits import MEASURED_AT_MOST, Budget, Examples, Splits
from engine.data.splitting import KEY_BYTES, SPLITS, seed_key, split_of
from engine.errors import Refused

TASK = "sentence similarity"
FEWEST = 30
LARGEST_CORPUS = 100_000
QUICK_CORPUS = 5_000
"""What is searched on validation data, besides the right answers: enough to see damage."""


@dataclass
class _Reading:
    """One pass over the pairs; `places` are the corpus's texts (or ids) and where they stand."""

    found: Inspection
    corpus: list[str]
    places: dict[str, int]
    fixed: bool
    """Whether the corpus came in a file of its own, so that an unknown answer is left out."""
    oddities: Oddities
    tick: Tick | None
    count: int = 0

    def pairs(self, path: Path) -> Iterator[tuple[str, bytes, Any]]:
        """Text, its digest and its label, for each row that has both."""
        columns = [name for name in (self.found.text, self.found.other, self.found.score) if name]
        for row in rows(path, columns=columns, oddities=self.oddities):
            self.count += 1
            if self.tick is not None and self.count % TICK_ROWS == 0:
                self.tick(self.count)
            text, label = plain(row.get(self.found.text))[:LONGEST_TEXT], self._label(row)
            if not text or label is None:
                self.oddities.add("no label" if text else "no text", self.count)
                continue
            yield text, digest(f"{text}\0{label[0]}") if self.found.score else digest(text), label

    def offer(self, sample: Sample, key: int, text: str, label: Any) -> None:
        """Hand one pair to a sample and count what was wrong with it; a query may come with further answers."""
        outcome = sample.offer(key, text, label)
        if outcome == "conflict" or (outcome == "repeated" and self.found.score):
            self.oddities.add(outcome, self.count)

    def notes(self, samples: Iterable[Sample]) -> tuple[str, ...]:
        """Sentences for the log."""
        return (*sampled(self.count, samples), *self.oddities.sentences())

    def _label(self, row: dict[str, object]) -> Any:
        if self.found.score:
            other, score = plain(row.get(self.found.other)), plain(row.get(self.found.score))
            return (other, float(score)) if other and _is_float(score) else None
        places = tuple(
            place for name in _several(row.get(self.found.other)) if (place := self._place(name)) is not None
        )
        return places or None

    def _place(self, name: str) -> int | None:
        if name not in self.places and not self.fixed:
            if len(self.corpus) >= LARGEST_CORPUS:
                return None
            self.places[name] = len(self.corpus)
            self.corpus.append(name[:LONGEST_TEXT])
        return self.places.get(name)


def load_pairs(files: Files, found: Inspection, where: str, seed: int, budget: Budget, tick: Tick | None) -> Splits:
    """The three splits of pairs. Raises `Refused` where there are too few, or scores that are no numbers."""
    reading = _begin(files, found, tick)
    merged = None if found.score else _both
    samples: dict[SplitName, Sample] = {name: Sample(getattr(budget, name), merged) for name in SPLITS}
    shuffle = seed_key(seed)
    for path, fixed in files.parts:
        for text, hashed, label in reading.pairs(path):
            name = fixed or split_of(hashed)
            key = int.from_bytes(hashed[:KEY_BYTES])
            reading.offer(samples[name], key ^ shuffle if name == "train" else key, text, label)
    splits: dict[SplitName, Examples] = {name: _examples(sample) for name, sample in samples.items()}
    if min(map(len, splits.values())) < FEWEST:
        raise Refused(
            f"{where} has only {sum(map(len, splits.values())):,} usable pairs; at least {5 * FEWEST}, better 1,000, "
            "are needed to learn from some and judge by others. Choose a larger file."
        )
    splits = _scaled(splits, where) if found.score else _searched(splits, tuple(reading.corpus))
    return Splits((), **splits, key=_key(splits), notes=reading.notes(samples.values()), task=TASK)


def pairs_for_measuring(
    files: Files, found: Inspection, where: str, tick: Tick | None
) -> tuple[Examples, tuple[str, ...]]:
    """All pairs of a file (of a starter: of its test split), and notes."""
    reading = _begin(files, found, tick)
    sample = Sample(MEASURED_AT_MOST, None if found.score else _both)
    for path, fixed in files.parts:
        for text, hashed, label in reading.pairs(path) if fixed in (None, "test") else ():
            reading.offer(sample, int.from_bytes(hashed[:KEY_BYTES]), text, label)
    examples = _examples(sample)
    if not len(examples):
        raise Refused(f"{where} holds no pair of texts. Choose other columns or another file.")
    if found.score:
        examples = _scaled({"test": examples}, where)["test"]
    else:
        examples = replace(examples, corpus=tuple(reading.corpus))
    return examples, reading.notes([sample])


def _begin(files: Files, found: Inspection, tick: Tick | None) -> _Reading:
    reading = _Reading(found, [], {}, False, Oddities(), tick)
    if files.corpus is not None:
        path, identity, text = files.corpus
        for row in rows(path, columns=(identity, text), oddities=reading.oddities):
            absent = [name for name in (identity, text) if name not in row]
            if absent and not reading.corpus:
                raise Refused(f"{path} has no column '{absent[0]}'; a corpus needs '{identity}' and '{text}'. Add it.")
            if len(reading.corpus) >= LARGEST_CORPUS:
                raise Refused(f"{path} holds more than {LARGEST_CORPUS:,} texts. Choose a smaller corpus.")
            reading.places[plain(row.get(identity))] = len(reading.corpus)
            reading.corpus.append(plain(row.get(text))[:LONGEST_TEXT] or " ")
        reading.fixed = True
    return reading


def _examples(sample: Sample) -> Examples:
    pairs = sample.examples()
    return Examples(tuple(text for text, _ in pairs), tuple(label for _, label in pairs))


def _both(places: tuple[int, ...], others: tuple[int, ...]) -> tuple[int, ...]:
    """The answers of a query that came twice."""
    return tuple(dict.fromkeys(places + others))


def _scaled(splits: dict[SplitName, Examples], where: str) -> dict[SplitName, Examples]:
    """Scores from 0 to 1, whatever scale they came in: by the largest of all."""
    scores = [score for split in splits.values() for _, score in split.labels]
    least, most = min(scores), max(scores)
    if most <= least:
        raise Refused(f"All scores of {where} are {most:g}, so nothing can be ranked. Choose another score column.")
    low, span = min(least, 0.0), most - min(least, 0.0)
    return {
        name: replace(split, labels=tuple((other, (score - low) / span) for other, score in split.labels))
        for name, split in splits.items()
    }


def _searched(splits: dict[SplitName, Examples], corpus: tuple[str, ...]) -> dict[SplitName, Examples]:
    """With the corpus to search; validation searches a part of it, so that a quick check is quick."""
    validation = splits["validation"]
    wanted = dict.fromkeys(place for places in validation.labels for place in places)
    step = max(1, len(corpus) // QUICK_CORPUS)
    chosen = [*wanted, *(place for place in range(0, len(corpus), step) if place not in wanted)]
    new = {place: number for number, place in enumerate(chosen)}
    part = Examples(
        validation.texts,
        tuple(tuple(new[place] for place in places) for places in validation.labels),
        tuple(corpus[place] for place in chosen),
    )
    train, test = (replace(splits[name], corpus=corpus) for name in ("train", "test"))
    return {"train": train, "validation": part, "test": test}


def _several(value: object) -> list[str]:
    """One answer, or several where the cell is a list (of Parquet or JSON)."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return [plain(value)]
    found = value if isinstance(value, (list, tuple)) else [value]
    return [name for name in map(plain, found) if name]


def _is_float(text: str) -> bool:
    try:
        return abs(float(text)) < float("inf")
    except ValueError:
        return False


def _key(splits: dict[SplitName, Examples]) -> str:
    hashed = sha256(TASK.encode())
    for split in _in_order(splits):
        hashed.update(json.dumps([split.texts, split.labels, len(split.corpus)]).encode())
    hashed.update(json.dumps(splits["test"].corpus).encode())
    return hashed.hexdigest()


def _in_order(splits: dict[SplitName, Examples]) -> Iterable[Examples]:
    return (splits[name] for name in SPLITS)
