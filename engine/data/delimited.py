"""Rows of a CSV or TSV file: finds the delimiter, follows quotes, says where a quote stays open."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

from engine.data.lines import read_lines
from engine.data.oddities import Oddities
from engine.errors import Refused

LARGEST_CELL = 8 * 1024 * 1024
"""Characters; a quotation mark that nobody closed makes one cell of all that follows."""
DELIMITERS = ",;\t|"
SNIFFED_LINES = 100


class _Counted:
    """Lines for `csv.reader`; `marks` counts quotation marks since it was last set to 0."""

    def __init__(self, path: Path) -> None:
        self._lines = read_lines(path)
        self.marks = 0
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        for number, line in self._lines:
            self.number = number
            self.marks += line.count('"')
            yield line


def read_delimited(path: Path, oddities: Oddities, *, tabs: bool) -> Iterator[dict[str, object]]:
    """Rows as column → cell (always str; None where a row is short); line 1 names the columns.

    Raises `Refused` for two columns of one name and for a quotation mark that is never closed.
    """
    delimiter, quoting = _dialect(path, tabs=tabs)
    csv.field_size_limit(LARGEST_CELL)
    lines = _Counted(path)
    cells = csv.reader(lines, delimiter=delimiter, quoting=quoting)
    columns: list[str] | None = None
    for row in _rows(cells, lines, path):
        if columns is None:
            columns = _column_names(row, path)
        elif len(row) > len(columns):
            oddities.add("cells", lines.number)
        else:
            missing = [None] * (len(columns) - len(row))
            yield dict(zip(columns, [*row, *missing], strict=True))


def _rows(cells: Iterator[list[str]], lines: _Counted, path: Path) -> Iterator[list[str]]:
    """All rows that hold something, in order."""
    begun = after = 1
    open_marks = False
    try:
        for row in cells:
            begun, after = after, lines.number + 1
            open_marks = after - begun > 1 and lines.marks % 2 == 1
            lines.marks = 0
            if row:
                yield row
    except csv.Error as error:
        raise Refused(
            f"{path}, from line {after:,} on, cannot be read as a table ({error}): perhaps a "
            "quotation mark is not closed there. Correct it, or export the file again."
        ) from error
    # Only of the last row: a stray mark elsewhere is a part of its cell, as csv reads it.
    if open_marks:
        raise Refused(
            f"{path}: a quotation mark opened in line {begun:,} is never closed. "
            "Close it or remove it there, or export the file again."
        )


def _column_names(header: list[str], path: Path) -> list[str]:
    names = [name.strip() or f"column {place}" for place, name in enumerate(header, start=1)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise Refused(f"{path} has two columns called '{twice[0]}'. Rename one of them.")
    return names


def _dialect(path: Path, *, tabs: bool) -> tuple[str, Literal[0, 3]]:
    """The delimiter, and whether quotation marks quote: between tabs they often do not."""
    sample = [line for _, line in islice(read_lines(path), SNIFFED_LINES)]
    if tabs:
        opened = [cell for line in sample for cell in line.rstrip("\r\n").split("\t")]
        odd = any(cell.startswith('"') and cell.count('"') % 2 for cell in opened)
        return "\t", csv.QUOTE_NONE if odd else csv.QUOTE_MINIMAL
    return max(DELIMITERS, key=lambda delimiter: _consistency(sample, delimiter)), csv.QUOTE_MINIMAL


def _consistency(sample: list[str], delimiter: str) -> float:
    """Share of sampled rows with as many cells as the header; 0 where there is only one column."""
    try:
        rows = [row for row in csv.reader(sample, delimiter=delimiter) if row]
    except csv.Error:
        return 0.0
    if not rows or len(rows[0]) < 2:
        return 0.0
    return sum(len(row) == len(rows[0]) for row in rows) / len(rows)
