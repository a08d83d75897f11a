"""Whether two folders' tokenizers give the same ids for every text: a student must read as its teacher does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import Refused

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PROBE = "a"
"""What is put around a text does not depend on the text."""
ADDED = ("id", "content", "single_word", "lstrip", "rstrip", "normalized")
"""What decides how an added token is found."""


def difference(one: Path, other: Path) -> str | None:
    """What makes the tokenizers of two model folders give other ids ("vocabulary"), or None where nothing does.

    Raises `Refused` where one of them cannot be read. The library itself writes each definition anew, so that older
    ways of writing the same thing count as the same. Cutting, padding and decoding are no part of reading.
    """
    ours, theirs = _read(one), _read(other)
    for tokenizer in (ours, theirs):
        tokenizer.no_padding()
        tokenizer.no_truncation()
    first, second = json.loads(ours.to_str()), json.loads(theirs.to_str())
    for name, part in (
        ("kind", lambda found: found["model"]["type"]),
        ("vocabulary", lambda found: found["model"].get("vocab")),
        ("merges", lambda found: found["model"].get("merges")),
        ("special tokens", _added),
        ("normalizer", lambda found: found["normalizer"]),
        ("way to split texts", lambda found: found["pre_tokenizer"]),
        ("settings", lambda found: {k: v for k, v in found["model"].items() if k not in ("vocab", "merges")}),
    ):
        if part(first) != part(second):
            return name
    return None if ours.encode(PROBE).ids == theirs.encode(PROBE).ids else "special tokens around a text"


def _read(folder: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # the library has no other
        raise Refused(
            f"The tokenizer in {folder} cannot be read ({error}). Copy or download the model again."
        ) from error


def _added(found: dict[str, Any]) -> list[list[Any]]:
    tokens = found.get("added_tokens") or []
    return sorted([token[key] for key in ADDED] for token in tokens)
