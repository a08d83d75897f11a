"""Lines of a text file, one at a time: UTF-8, gzip or not, never more than one line in memory."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from engine.errors import Refused

LONGEST_LINE = 64 * 1024 * 1024
"""Bytes; a longer line is no text that someone wrote."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
OTHER_ENCODINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
SAVE_AS_UTF8 = "Save it as UTF-8 (a spreadsheet calls it “CSV UTF-8”) and choose it again."


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file's bytes, unpacked if its name ends in .gz; `Refused` where reading fails."""
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            yield file  # type: ignore[misc]  # GzipFile reads as a BinaryIO does
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Refused(
            f"{path} is damaged or was not copied to its end ({error}). Copy or download it again."
        ) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise Refused(f"{path} cannot be read ({reason}). Check the file and its rights.") from error


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Pairs (line number from 1, line with its end); `Refused` names the line that is no text."""
    with opened(path) as file:
        number = 0
        while raw := file.readline(LONGEST_LINE):
            number += 1
            if number == 1:
                raw = _without_mark(raw, path)
            yield number, _decoded(raw, number, path)


def _without_mark(raw: bytes, path: Path) -> bytes:
    other = OTHER_ENCODINGS.get(raw[:2])
    if other is not None:
        raise Refused(f"{path} is written in {other}, not UTF-8. {SAVE_AS_UTF8}")
    return raw.removeprefix(BYTE_ORDER_MARK)


def _decoded(raw: bytes, number: int, path: Path) -> str:
    if b"\0" in raw:
        raise Refused(
            f"{path}, line {number:,}, holds a NUL byte (byte {raw.index(0) + 1:,} of the line): "
            "this is not a text file, or it is damaged. Export or copy it again."
        )
    if len(raw) >= LONGEST_LINE and not raw.endswith(b"\n"):
        raise Refused(
            f"{path}, line {number:,}, is longer than {LONGEST_LINE // 2**20} MB. "
            "Check that this is a table with one example a line."
        )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(
            f"{path}, line {number:,}, is not UTF-8 text: byte {error.start + 1:,} of the line "
            f"is 0x{raw[error.start]:02X}. {SAVE_AS_UTF8}"
        ) from error
