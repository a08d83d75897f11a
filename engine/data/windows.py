"""Running text cut into windows: what is judged, and what is read before it.

Width and stride are fixed and in characters (cut at white space), so that a window is the same
text whatever tokenizer reads it: about 256 tokens that are judged after about as many that are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

END_OF_DOCUMENT = "\x1e"
"""Between documents inside a window; never part of a user's text."""
STRIDE = 1_000
"""Characters that are judged."""
BEFORE = 1_000
"""Characters before them, as far as there are any."""
BLOCK = 4 * STRIDE
"""Characters of text that stay together in one split."""


def blocks(documents: Iterable[str]) -> Iterator[str]:
    """Documents joined, or cut at white space, to pieces of about `BLOCK` characters; memory holds one piece."""
    kept: list[str] = []
    held = 0
    for document in documents:
        text = document.replace(END_OF_DOCUMENT, " ").strip()
        if not text:
            continue
        for piece in cut(text, BLOCK):
            kept.append(piece)
            held += len(piece)
            if held >= BLOCK * 3 // 4:
                yield END_OF_DOCUMENT.join(kept)
                kept, held = [], 0
    if kept:
        yield END_OF_DOCUMENT.join(kept)


def windows(block: str) -> list[tuple[str, str]]:
    """(before, judged) for each stride of a block, in order."""
    judged = cut(block, STRIDE)
    found, place = [], 0
    for piece in judged:
        found.append((_from_white_space(block[max(0, place - BEFORE) : place], whole=place <= BEFORE), piece))
        place += len(piece)
    return found


def cut(text: str, width: int) -> list[str]:
    """Pieces of at most `width` characters that together are `text`, ended before white space where there is any."""
    pieces = []
    while len(text) > width:
        space = max(text.rfind(mark, width // 2, width) for mark in (" ", "\n", END_OF_DOCUMENT))
        end = space if space > 0 else width
        pieces.append(text[:end])
        text = text[end:]
    if pieces and len(text) < width // 4:
        pieces[-1] += text  # a short rest is no window of its own
    else:
        pieces.append(text)
    return pieces


def _from_white_space(text: str, *, whole: bool) -> str:
    """Not beginning in the middle of a word."""
    if whole:
        return text
    space = text.find(" ")
    return text[space:] if space >= 0 else text
