"""Running text for language models: windows in three splits that share no text.

A text file is cut into blocks of about 4,000 characters and a table's rows, each a document, are
gathered to such blocks; what decides on the split is the hash of the block, or of the row. Each
block then gives some windows (`windows.py`). Memory is bounded, whatever the file's size.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from engine.data.cells import digest, plain
from engine.data.oddities import Oddities, Tick
from engine.data.plain_text import is_plain_text, text_blocks
from engine.data.rows import rows
from engine.data.sampling import Sample
from engine.data.source import Files, SplitName
from engine.data.splits import Budget, Examples, Splits
from engine.data.splitting import KEY_BYTES, SPLITS, seed_key, split_of
from engine.data.windows import BLOCK, LEAST_CHARACTERS, STRIDE, blocks, windows
from engine.errors import Refused

TASK = "language modelling"
FEWEST = 12
"""Windows of each split below which figures mean nothing."""
TICK_BLOCKS = 500


@dataclass
class _Gathered:
    """Blocks on their way into the three samples."""

    samples: dict[SplitName, Sample]
    shuffle: int
    tick: Tick | None
    count: int = 0
    oddities: Oddities = field(default_factory=Oddities)

    def offer(self, block: str, fixed: SplitName | None) -> None:
        """Hand one block to the sample of its split."""
        self.count += 1
        if self.tick is not None and self.count % TICK_BLOCKS == 0:
            self.tick(self.count)
        hashed = digest(block)
        name = fixed or split_of(hashed)
        key = int.from_bytes(hashed[:KEY_BYTES])
        if self.samples[name].offer(key ^ self.shuffle if name == "train" else key, block, 0) == "repeated":
            self.oddities.add("repeated", self.count)

    def notes(self, used: int, found: int) -> tuple[str, ...]:
        """Sentences for the log; what was kept gave `found` windows, of which some are used."""
        notes = self.oddities.sentences()
        if used == found and not any(sample.left_out for sample in self.samples.values()):
            return notes
        sampled = f"Of {self.count:,} passages of text, {used:,} windows of {STRIDE:,} characters are used."
        return sampled, *notes


def load_texts(files: Files, column: str, where: str, seed: int, budget: Budget, tick: Tick | None) -> Splits:
    """The three splits of running text. Raises `Refused` where there is too little of it."""
    sizes: dict[SplitName, int] = {name: getattr(budget, name) for name in SPLITS}
    samples: dict[SplitName, Sample] = {name: _sample(size) for name, size in sizes.items()}
    gathered = _Gathered(samples, seed_key(seed), tick)
    for path, fixed in files.parts:
        _gather(path, fixed, column, gathered)
    found = {name: _windows(sample) for name, sample in samples.items()}
    splits: dict[SplitName, Examples] = {name: found[name].first(sizes[name]) for name in SPLITS}
    _check(splits, where)
    notes = gathered.notes(sum(map(len, splits.values())), sum(map(len, found.values())))
    return Splits((), **splits, key=_key(splits.values()), notes=notes, task=TASK)


def texts_for_measuring(
    files: Files, column: str, where: str, budget: Budget, tick: Tick | None
) -> tuple[Examples, tuple[str, ...]]:
    """Windows of a whole file (of a starter: of its test split), sampled where there are many; and notes."""
    sample = _sample(budget.test)
    gathered = _Gathered({"train": sample, "validation": sample, "test": sample}, 0, tick)
    for path, fixed in files.parts:
        if fixed in (None, "test"):
            _gather(path, fixed, column, gathered)
    found = _windows(sample)
    if not found:
        raise Refused(f"{where} holds no text. Choose another file.")
    used = found.first(budget.test)
    return used, gathered.notes(len(used), len(found))


def _gather(path: Path, fixed: SplitName | None, column: str, gathered: _Gathered) -> None:
    if is_plain_text(path):
        for block in text_blocks(path):
            gathered.offer(block, fixed)
        return
    found = rows(path, columns=(column,), oddities=gathered.oddities)
    documents = (plain(row.get(column)) for row in found)
    if fixed is not None:
        for block in blocks(documents):
            gathered.offer(block, fixed)
        return
    _by_document(documents, gathered)


def _by_document(documents: Iterable[str], gathered: _Gathered) -> None:
    """Each row goes to a split by its own hash; a split's rows are gathered to blocks as they come."""
    queues: dict[SplitName, list[str]] = {name: [] for name in SPLITS}
    waiting = dict.fromkeys(SPLITS, 0)

    def flush(name: SplitName) -> None:
        for block in blocks(queues[name]):
            gathered.offer(block, name)
        queues[name].clear()
        waiting[name] = 0

    for document in filter(None, documents):
        name = split_of(digest(document))
        queues[name].append(document)
        waiting[name] += len(document)
        if waiting[name] >= BLOCK:
            flush(name)
    for name in SPLITS:
        flush(name)


def _sample(most: int) -> Sample:
    """Of blocks, the shortest of which give two windows."""
    return Sample(most // 2 + 1)


def _windows(sample: Sample) -> Examples:
    pairs = [pair for block, _ in sample.examples() for pair in windows(block) if pair[1].strip()]
    return Examples(tuple(judged for _, judged in pairs), tuple(before for before, _ in pairs))


def _check(splits: dict[SplitName, Examples], where: str) -> None:
    least = min(map(len, splits.values()))
    if least < FEWEST:
        characters = sum(len(text) for split in splits.values() for text in split.texts)
        raise Refused(
            f"{where} holds only {characters:,} characters of different text; at least {LEAST_CHARACTERS:,} are needed "
            "to learn from some and judge by others. Choose a longer text."
        )


def _key(splits: Iterable[Examples]) -> str:
    hashed = sha256(TASK.encode())
    for split in splits:
        hashed.update(f"{len(split)};".encode())
        for judged, before in zip(split.texts, split.labels, strict=True):
            hashed.update(f"{len(before)}:{len(judged)}:{before}{judged}".encode())
    return hashed.hexdigest()
