"""Data ready for a run: read once, cleaned, split by the texts' hashes, sampled. READ THIS FIRST.

    source.inspect → which columns         rows.rows → one row at a time
    labels → which output a label is       sampling.Sample → what is kept of how much there was

A user's file is split 60 / 20 / 20 by the SHA-256 of each text, so splits share no text and rows
added later move none. The starter's data come in three files already.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from engine.data.cells import LONGEST_TEXT, digest, plain
from engine.data.columns import LONGEST_LABEL
from engine.data.labels import FoundLabels, KnownLabels
from engine.data.oddities import TICK_ROWS, Oddities, Tick
from engine.data.pairs import load_pairs, pairs_for_measuring
from engine.data.rows import rows
from engine.data.sampling import Sample, sampled
from engine.data.source import Files, Inspection, SplitName, files_of, inspect
from engine.data.splits import MEASURED_AT_MOST, Budget, Examples, Splits
from engine.data.splitting import KEY_BYTES, SPLITS, seed_key, split_of
from engine.data.texts import load_texts, texts_for_measuring
from engine.errors import Refused

if TYPE_CHECKING:
    from engine.recipe import DataSource

FEWEST = 30
"""Usable texts below which three splits mean nothing."""


@dataclass
class _Reading:
    """One pass over a source's files: everything that is counted and kept on the way."""

    source: DataSource
    found: Inspection
    labels: KnownLabels | FoundLabels
    tick: Tick | None
    oddities: Oddities
    count: int = 0

    def usable(self, path: Path) -> Iterable[tuple[str, bytes, int]]:
        """Text, its digest and the number of its label, for each row that has both."""
        columns = (self.found.text, self.found.label)
        for row in rows(path, columns=columns, oddities=self.oddities):
            self.count += 1
            if self.tick is not None and self.count % TICK_ROWS == 0:
                self.tick(self.count)
            text, label = (plain(row.get(name)) for name in columns)
            if not text or not label:
                self.oddities.add("no label" if text else "no text", self.count)
                continue
            if len(text) > LONGEST_TEXT:
                self.oddities.add("cut", self.count)
                text = text[:LONGEST_TEXT]
            number = self.labels.find(label)
            if number is not None:
                yield text, digest(text), number

    def offer(self, sample: Sample, key: int, text: str, number: int) -> None:
        """Hand one example to a sample and count what was wrong with it."""
        outcome = sample.offer(key, text, number)
        if outcome in ("repeated", "conflict"):
            self.oddities.add(outcome, self.count)


def load(
    source: DataSource,
    labels: Sequence[str] | None,
    seed: int,
    budget: Budget | None = None,
    tick: Tick | None = None,
    *,
    found: Inspection | None = None,
) -> Splits:
    """The three splits of a source, which is looked at first unless it was and that was `found`.

    `labels` are the model's, in the order of its outputs; with none, they are taken from the data.
    `seed` decides which training texts are kept and in what order; the other two splits never
    depend on it, so that runs with different seeds are judged by the same texts. `tick` is called
    every 10,000 rows. Memory is bounded by `budget`, whatever the size of the file.

    Raises `Refused` for whatever `inspect` refuses, labels that the model does not know, one class
    only, and fewer than 30 usable texts.
    """
    budget = budget or Budget()
    found, files = found or inspect(source), files_of(source)
    if found.task == "language modelling":
        return load_texts(files, found.text, source.path, seed, budget, tick)
    if found.task == "sentence similarity":
        return load_pairs(files, found, source.path, seed, budget, tick)
    reading = _begin(source, found, labels, tick)
    samples: dict[SplitName, Sample] = {name: Sample(getattr(budget, name)) for name in SPLITS}
    shuffle = seed_key(seed)
    for path, fixed in files.parts:
        for text, hashed, number in reading.usable(path):
            name = fixed or split_of(hashed)
            key = int.from_bytes(hashed[:KEY_BYTES])
            reading.offer(samples[name], key ^ shuffle if name == "train" else key, text, number)
    label_names, places = reading.labels.finish()
    splits: dict[SplitName, Examples] = {name: _examples(samples[name], places) for name in SPLITS}
    _check(splits.values(), label_names, reading)
    return Splits(
        label_names=label_names,
        train=splits["train"],
        validation=splits["validation"],
        test=splits["test"],
        key=_key(label_names, splits.values()),
        notes=_notes(reading, samples.values()),
    )


def load_for_measuring(
    source: DataSource,
    labels: Sequence[str],
    budget: Budget | None = None,
    tick: Tick | None = None,
    *,
    found: Inspection | None = None,
) -> Splits:
    """All usable rows of a file (of a starter: its test split) as the test split, with nothing to learn from.

    A large file is sampled by hash. Raises `Refused` as `load` does, but not for few rows or one
    class: a model may be asked about any number of texts.
    """
    budget = budget or Budget(test=MEASURED_AT_MOST)
    found, files = found or inspect(source), files_of(source)
    if found.task == "language modelling":
        examples, notes = texts_for_measuring(files, found.text, source.path, budget, tick)
    elif found.task == "sentence similarity":
        examples, notes = pairs_for_measuring(files, found, source.path, tick)
    else:
        examples, notes = _labelled(_begin(source, found, labels, tick), files, budget)
    names = tuple(labels) if found.task == "classification" else ()
    return Splits(names, Examples((), ()), examples.first(1), examples, key="", notes=notes, task=found.task)


def _labelled(reading: _Reading, files: Files, budget: Budget) -> tuple[Examples, tuple[str, ...]]:
    sample = Sample(budget.test)
    for path, fixed in files.parts:
        if fixed in (None, "test"):
            for text, hashed, number in reading.usable(path):
                reading.offer(sample, int.from_bytes(hashed[:KEY_BYTES]), text, number)
    _, places = reading.labels.finish()
    examples = _examples(sample, places)
    if len(examples) == 0:
        raise Refused(
            f"{reading.source.path} holds no row with both a text ('{reading.found.text}') and a label "
            f"('{reading.found.label}'). Choose other columns or another file."
        )
    return examples, _notes(reading, [sample])


def _begin(source: DataSource, found: Inspection, labels: Sequence[str] | None, tick: Tick | None) -> _Reading:
    matcher = KnownLabels(labels) if labels else FoundLabels()
    if isinstance(matcher, KnownLabels):
        # A wrong column is told before a long file is read. (Long labels were cut there.)
        for label in found.labels:
            if len(label) < LONGEST_LABEL:
                matcher.find(label)
        matcher.check()
    return _Reading(source, found, matcher, tick, Oddities())


def _examples(sample: Sample, places: tuple[int, ...]) -> Examples:
    pairs = sample.examples()
    return Examples(tuple(t for t, _ in pairs), tuple(places[number] for _, number in pairs))


def _check(splits: Iterable[Examples], label_names: tuple[str, ...], reading: _Reading) -> None:
    splits = tuple(splits)
    where, label = reading.source.path, reading.found.label
    usable = sum(map(len, splits))
    if usable and len({number for split in splits for number in split.labels}) < 2:
        only = label_names[next(number for split in splits for number in split.labels)]
        raise Refused(
            f"All examples of {where} have the same label '{only}' (column '{label}'), so there is "
            "nothing to tell apart. Choose another label column or a file with more classes."
        )
    if usable < FEWEST or not all(map(len, splits)):
        raise Refused(
            f"{where} has only {usable} usable examples (different texts with a label); at least "
            f"{FEWEST}, better 1,000, are needed to learn from some and judge by others. "
            "Choose a larger file."
        )


def _key(label_names: tuple[str, ...], splits: Iterable[Examples]) -> str:
    """SHA-256 over names, texts and labels; lengths keep what lies side by side apart."""
    hashed = sha256(repr(label_names).encode())
    for split in splits:
        hashed.update(f"{len(split)};".encode())
        for text, label in zip(split.texts, split.labels, strict=True):
            raw = text.encode()
            hashed.update(f"{label}:{len(raw)}:".encode() + raw)
    return hashed.hexdigest()


def _notes(reading: _Reading, samples: Iterable[Sample]) -> tuple[str, ...]:
    return (*sampled(reading.count, samples), *reading.labels.notes, *reading.oddities.sentences())
