"""Rows of a data file, whatever its format: streamed, so that its size does not matter.

    .csv .tsv (also .gz)  delimited.py     .jsonl .ndjson .json (also .gz)  json_lines.py
    .parquet              parquet.py

Whatever is wrong with a file is a sentence that names the line.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path

from engine.data.delimited import read_delimited
from engine.data.json_lines import read_json_lines
from engine.data.oddities import Oddities
from engine.data.parquet import read_parquet
from engine.errors import Refused

Row = dict[str, object]
"""Column → value."""
FORMATS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
"""Endings of files that can be read; text formats also with .gz behind them."""


def rows(path: Path, *, columns: Collection[str] | None = None, oddities: Oddities | None = None) -> Iterator[Row]:
    """All rows of a file, one at a time.

    `columns` spares a format that keeps columns apart from reading the others. What had to be left
    out is counted in `oddities`. Raises `Refused`, at once or on the way, if the file is missing,
    empty, of an unknown kind, damaged or not UTF-8 text.
    """
    read = _reader(path, columns, oddities or Oddities())
    count = 0
    for count, row in enumerate(read(), start=1):  # noqa: B007  # needed after the loop
        yield row
    if count == 0:
        raise Refused(f"{path} has no rows: nothing follows its header. Choose a file with examples.")


def _reader(path: Path, columns: Collection[str] | None, oddities: Oddities) -> Callable[[], Iterator[Row]]:
    ending = _ending(path)
    _check(path, ending)
    if ending == ".parquet":
        return partial(read_parquet, path, columns)
    if ending in (".csv", ".tsv"):
        return partial(read_delimited, path, oddities, tabs=ending == ".tsv")
    return partial(read_json_lines, path)


def _ending(path: Path) -> str:
    ending = path.suffix.lower()
    if ending == ".gz":
        inner = Path(path.stem).suffix.lower()
        return inner if inner != ".parquet" else ".parquet.gz"
    return ending


def check_file(path: Path) -> int:
    """The file's bytes; `Refused` where there is no ordinary file."""
    try:
        if path.is_dir():
            raise Refused(f"{path} is a folder. Choose one data file in it.")
        if not path.exists():
            raise Refused(f"There is no file {path}. Check the path, or choose another file.")
        if not path.is_file():
            raise Refused(f"{path} is not an ordinary file. Choose a data file.")
        return path.stat().st_size
    except OSError as error:
        reason = error.strerror or str(error)
        raise Refused(f"{path} cannot be opened ({reason}). Check the path.") from error


def _check(path: Path, ending: str) -> None:
    size = check_file(path)
    if ending not in FORMATS:
        raise Refused(
            f"{path} is of a kind that cannot be read as data. "
            f"Choose a file that ends in {', '.join(FORMATS[:-1])} or {FORMATS[-1]}."
        )
    if size == 0:
        raise Refused(f"{path} is empty (0 bytes). Choose a file with examples.")
