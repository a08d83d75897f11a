"""A text file as running text: read in pieces, whatever its size and however long its lines."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from engine.data.lines import BYTE_ORDER_MARK, OTHER_ENCODINGS, SAVE_AS_UTF8, opened
from engine.data.rows import check_file
from engine.data.windows import BLOCK, END_OF_DOCUMENT
from engine.errors import Refused

ENDINGS = (".txt", ".text", ".md", ".rst")
"""Of files that are running text; also with .gz behind them."""
CHUNK = 1 << 20


def is_plain_text(path: Path) -> bool:
    """Whether the file's name says that it is running text."""
    name = path.name.lower().removesuffix(".gz")
    return name.endswith(ENDINGS)


def text_blocks(path: Path) -> Iterator[str]:
    """The file's text in consecutive blocks of about `BLOCK` characters, each begun at a line where there are any.

    Raises `Refused` where the file is missing, empty, or no UTF-8 text (naming the byte).
    """
    held = ""
    empty = True
    for text in _decoded(path):
        held += text.replace(END_OF_DOCUMENT, " ")
        start = 0
        while len(held) - start > 2 * BLOCK:
            end = _end_of_block(held, start)
            if block := held[start:end].strip() and held[start:end]:
                empty = False
                yield block
            start = end
        held = held[start:]
    if held.strip():
        empty = False
        yield held
    if empty:
        raise Refused(f"{path} holds no text. Choose a file with some pages of it.")


def _end_of_block(text: str, start: int) -> int:
    """Behind a line where one ends in the second half of the block, else behind a space."""
    places = (text.rfind(mark, start + BLOCK // 2, start + BLOCK) for mark in ("\n", " "))
    return next((place + 1 for place in places if place >= 0), start + BLOCK)


def _decoded(path: Path) -> Iterator[str]:
    check_file(path)
    decoder = codecs.getincrementaldecoder("utf-8")()
    place = 0
    with opened(path) as file:
        while raw := file.read(CHUNK):
            if place == 0 and (other := OTHER_ENCODINGS.get(raw[:2])):
                raise Refused(f"{path} is written in {other}, not UTF-8. {SAVE_AS_UTF8}")
            if b"\0" in raw:
                raise Refused(
                    f"{path} holds a NUL byte (byte {place + raw.index(0) + 1:,}): this is not a text file, or it is "
                    "damaged. Export or copy it again."
                )
            if place == 0 and raw.startswith(BYTE_ORDER_MARK):
                raw, place = raw.removeprefix(BYTE_ORDER_MARK), len(BYTE_ORDER_MARK)
            waiting = len(decoder.getstate()[0])  # half a character of the piece before
            try:
                yield decoder.decode(raw)
            except UnicodeDecodeError as error:
                raise Refused(
                    f"{path} is not UTF-8 text: byte {place - waiting + error.start + 1:,} is "
                    f"0x{error.object[error.start]:02X}. {SAVE_AS_UTF8}"
                ) from error
            place += len(raw)
    try:
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise Refused(f"{path} ends in the middle of a character. Copy or download it again.") from error
