"""The tokenizer in a model folder: there, sound, and in the one form that everything here reads."""

from __future__ import annotations

import json
from pathlib import Path

from engine.errors import Refused
from engine.models.companions import TOKENIZER_FILES

ALL_TOKENIZER_FILES = (*TOKENIZER_FILES, "added_tokens.json")
FAST = "tokenizer.json"
VOCABULARIES = (FAST, "vocab.txt", "vocab.json", "sentencepiece.bpe.model", "tokenizer.model")
"""Files of which one must be there; all but the first are older forms."""


def has_fast_tokenizer(folder: Path) -> bool:
    """Whether tokenizer.json is there; False if an older form is; `Refused` if there is none."""
    if (folder / FAST).is_file():
        return True
    if any((folder / name).is_file() for name in VOCABULARIES):
        return False
    raise Refused(
        f"{folder} has no tokenizer ({FAST} or vocab.txt), so texts cannot be turned into numbers. "
        "Copy the tokenizer's files there from where the model came from."
    )


def make_fast_tokenizer(old: Path, new: Path) -> None:
    """Write tokenizer.json to the folder `new` from an older form in `old` (none of its code runs)."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(old, local_files_only=True, trust_remote_code=False)
        tokenizer.backend_tokenizer.save(str(new / FAST))
    except Exception as error:  # whatever the many tokenizer classes raise on a bad vocabulary
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise Refused(
            f"The tokenizer in {old} could not be converted to {FAST} ({lines[0][:160]}). Get the model with a {FAST}."
        ) from error


def check_tokenizer(folder: Path, vocabulary: int) -> None:
    """Raise `Refused` if tokenizer.json is damaged or gives tokens that the model has no row for."""
    path = folder / FAST
    try:
        size = _tokens(path)
    except Exception as error:  # the library raises bare Exception for any damage
        reason = " ".join(str(error).split())[:160]
        raise Refused(f"{path} cannot be read as a tokenizer ({reason}). Copy or download it again.") from error
    if size > vocabulary:
        raise Refused(
            f"The tokenizer in {folder} has {size:,} tokens but the model only {vocabulary:,}: they do "
            "not belong together. Copy the model's own tokenizer there."
        )


def _tokens(path: Path) -> int:
    """One more than the highest token's number; tokens added later are not counted."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    return max(tokenizer.get_vocab(with_added_tokens=False).values(), default=-1) + 1


def wants_code(folder: Path) -> bool:
    """Whether the tokenizer's settings name code of the model's own."""
    try:
        settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except (ValueError, OSError, RecursionError) as error:
        raise Refused(
            f"{folder / 'tokenizer_config.json'} cannot be read ({error}). Copy or download it again."
        ) from error
    return isinstance(settings, dict) and bool(settings.get("auto_map"))
