"""Cells as text: what a row holds, made plain."""

from __future__ import annotations

import unicodedata
from hashlib import sha256

LONGEST_TEXT = 10_000
"""Characters; more than any encoder of 512 tokens reads."""


def plain(value: object) -> str:
    """A cell as a string without space around it: 3.0 is "3", nothing is "", bytes are UTF-8.

    What no tokenizer takes (a NUL, half a surrogate pair out of a JSON escape) becomes "?".
    """
    if value is None:
        return ""
    if isinstance(value, float):
        if value != value:  # NaN is how tables write "nothing"
            return ""
        value = int(value) if value.is_integer() else value
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
    return text.replace("\0", "?").strip()


def is_number(value: object) -> bool:
    """Whether a cell is a number or reads like one."""
    if isinstance(value, (int, float)):
        return True
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def digest(text: str) -> bytes:
    """SHA-256 of a text, alike for texts that differ only in case, spacing or Unicode form."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return sha256(" ".join(text.casefold().split()).encode()).digest()
