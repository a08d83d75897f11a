"""Running text cut into windows: what is judged, and what is read before it.

Width and stride are fixed and in characters (cut at white space), so that a window is the same
text whatever tokenizer reads it: about 256 tokens that are judged after about as many that are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

END_OF_DOCUMENT = "\x1e"
"""Between documents inside a window; never part of a user's text."""
STRIDE = 1_000
"""Characters that are judged."""
LEAST_CHARACTERS = 100 * STRIDE
"""Of running text, to learn from some and judge by others."""
BEFORE = 1_000
"""Characters before them, as far as there are any."""
BLOCK = 4 * STRIDE
"""Characters of text that stay together in one split."""


def blocks(documents: Iterable[str]) -> Iterator[str]:
    """Documents joined, or cut at white space, to pieces of about `BLOCK` characters; memory holds one piece."""
    kept = ""
    for document in documents:
        text = document.replace(END_OF_DOCUMENT, " ").strip()
        between = END_OF_DOCUMENT
        for piece in cut(text, BLOCK) if text else ():
            kept += between + piece if kept else piece
            between = ""
            if len(kept) >= BLOCK * 3 // 4:
                yield kept
                kept = ""
    if kept:
        yield kept


def windows(block: str) -> list[tuple[str, str]]:
    """(before, judged) for each stride of a block, in order."""
    judged = cut(block, STRIDE)
    found, place = [], 0
    for piece in judged:
        found.append((_from_white_space(block[max(0, place - BEFORE) : place], whole=place <= BEFORE), piece))
        place += len(piece)
    return found


def cut(text: str, width: int) -> list[str]:
    """Pieces that together are `text`, ended before white space where there is any.

    They have `width` characters at most; only the last may have a quarter more.
    """
    ends = [0]
    while len(text) - ends[-1] > width:
        start = ends[-1]
        space = max(text.rfind(mark, start + width // 2, start + width) for mark in (" ", "\n", END_OF_DOCUMENT))
        ends.append(space if space > 0 else start + width)
    if len(ends) > 1 and len(text) - ends[-1] < width // 4:
        ends.pop()  # a short rest is no window of its own
    return [text[start:end] for start, end in pairwise([*ends, len(text)])]


def _from_white_space(text: str, *, whole: bool) -> str:
    """Not beginning in the middle of a word."""
    if whole:
        return text
    space = text.find(" ")
    return text[space:] if space >= 0 else text
