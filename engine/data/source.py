"""Where data comes from, and a first look at it: columns, labels, some examples.

Light to import: the window shows an `Inspection` as soon as a file was chosen.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from engine.data.cells import LONGEST_TEXT, is_number, plain
from engine.data.columns import MOST_LABELS, Column, Wanted, choose
from engine.data.oddities import Oddities
from engine.data.plain_text import is_plain_text, text_blocks
from engine.data.rows import Row, rows
from engine.data.windows import LEAST_CHARACTERS
from engine.errors import Refused
from engine.models.starter import StarterError, data_files
from engine.technique import Frozen

if TYPE_CHECKING:
    from engine.recipe import DataSource

STARTER = "starter:"
SAMPLED_ROWS = 20_000
SAMPLED_CHARACTERS = 50_000_000
SHOWN = 5
TABLES = "CSV, TSV, JSON Lines or Parquet"
SHOWN_CHARACTERS = 300

SplitName = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Files:
    """Files to read and the split that each is; a user's file (None) is split by its texts."""

    parts: tuple[tuple[Path, SplitName | None], ...]
    wanted: Wanted
    corpus: tuple[Path, str, str] | None = None
    """A file of what is searched, its column of ids and its column of texts."""


class Inspection(Frozen):
    """A first look at data, and what task such data are for. `rows` were looked at; more follow if `is_sample`.

    `labels` are label → rows, most frequent first; `examples` pairs of text (cut) and label (or
    other text). Columns that the task does not have are "".
    """

    task: str = "classification"
    columns: tuple[str, ...]
    text: str
    label: str = ""
    other: str = ""
    score: str = ""
    labels: dict[str, int] = Field(default_factory=dict)
    rows: int
    is_sample: bool
    examples: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()


def files_of(source: DataSource) -> Files:
    """The files behind a source; `Refused` for a starter that there is not."""
    if not source.path.startswith(STARTER):
        path = Path(source.path).expanduser()
        corpus = (Path(source.corpus).expanduser(), "id", "text") if source.corpus else None
        return Files(
            ((path, None),), Wanted(source.task, source.text, source.label, source.other, source.score), corpus
        )
    try:
        starter = data_files(source.path.removeprefix(STARTER))
    except StarterError as error:
        raise Refused(str(error)) from error
    corpus = None
    if starter.corpus is not None:
        corpus = (starter.corpus, str(starter.corpus_id_column), str(starter.corpus_text_column))
    return Files(
        ((starter.train, "train"), (starter.validation, "validation"), (starter.test, "test")),
        Wanted(
            source.task or starter.task,
            source.text or starter.text_column,
            source.label or starter.label_column,
            source.other or starter.answers_column,
        ),
        corpus,
    )


def inspect(source: DataSource) -> Inspection:
    """Look at the first rows (at most 20,000), find the columns that are not named, and what they are for.

    Raises `Refused` where the file cannot be read (`rows.rows`), where a named column is missing
    and where text or label could be several columns.
    """
    files = files_of(source)
    path = files.parts[0][0]
    if is_plain_text(path):
        return _inspect_text(path, files.wanted)
    oddities = Oddities()
    columns: defaultdict[str, Column] = defaultdict(Column)
    first: list[Row] = []
    count, characters, is_sample = 0, 0, False
    for row in rows(path, oddities=oddities):
        if count >= SAMPLED_ROWS or characters >= SAMPLED_CHARACTERS:
            is_sample = True
            break
        count += 1
        characters += _look_at(row, columns)
        if len(first) < SHOWN:
            first.append({name: plain(cell)[:SHOWN_CHARACTERS] for name, cell in row.items()})
    chosen = choose(columns, files.wanted, str(path))
    beside = chosen.label or chosen.other or ""
    return Inspection(
        task=chosen.task or "classification",
        columns=tuple(columns),
        text=chosen.text or "",
        label=chosen.label or "",
        other=chosen.other or "",
        score=chosen.score or "",
        labels=_labels(columns[chosen.label], chosen.label, path) if chosen.label else {},
        rows=count,
        is_sample=is_sample,
        examples=tuple((str(row.get(chosen.text or "", "")), str(row.get(beside, ""))) for row in first),
        notes=oddities.sentences(),
    )


def _inspect_text(path: Path, wanted: Wanted) -> Inspection:
    """Running text: its first passages."""
    if wanted.task not in (None, "language modelling"):
        raise Refused(f"{path} is running text, which is no data for {wanted.task}. Choose a table: {TABLES}.")
    found = [block[:SHOWN_CHARACTERS] for block in islice(text_blocks(path), SHOWN)]
    return Inspection(
        task="language modelling",
        columns=(),
        text="",
        rows=len(found),
        is_sample=True,
        examples=tuple((text, "") for text in found),
        notes=_too_short(path),
    )


def _too_short(path: Path) -> tuple[str, ...]:
    """Said when the file is chosen; refused only where something would be learned from it."""
    size = path.stat().st_size
    if size >= LEAST_CHARACTERS:
        return ()
    return (f"Too short for a run: at most {size:,} characters, where {LEAST_CHARACTERS:,} are needed.",)


def _look_at(row: Row, columns: defaultdict[str, Column]) -> int:
    """Count a row's cells; how many characters they hold."""
    characters = 0
    for name, cell in row.items():
        column = columns[name]
        if text := plain(cell)[:LONGEST_TEXT]:
            column.add(text, number=is_number(cell))
            characters += len(text)
    return characters


def _labels(column: Column, name: str, path: Path) -> dict[str, int]:
    if column.filled and not column.values:
        raise Refused(
            f"Column '{name}' of {path} holds more than {5 * MOST_LABELS:,} different values, "
            "so it cannot be the label. Choose another column."
        )
    return dict(column.values.most_common())
