"""What is in a tokenizer.json: its tokens, merges and numbers, read, opened and written."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from engine.errors import Refused
from engine.files import write_text_atomically
from engine.methods.calibration import Check

Definition = dict[str, Any]
"""The content of a tokenizer.json."""
TEXTS_AT_ONCE = 512


def read_definition(folder: Path) -> Definition:
    """tokenizer.json of a model folder; raises `Refused` where there is none that can be pruned."""
    path = folder / "tokenizer.json"
    try:
        definition = json.loads(path.read_text(encoding="utf-8"))
        kind = definition["model"]["type"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Refused(
            f"{path} is missing or cannot be read, so the vocabulary cannot be pruned. "
            "Save the tokenizer with AutoTokenizer.from_pretrained(…).save_pretrained(…) first."
        ) from error
    model = definition["model"]
    if kind not in ("WordPiece", "BPE", "Unigram"):
        raise Refused(f"{path} is of type {kind}; vocabularies of WordPiece, BPE and Unigram can be pruned.")
    if kind == "BPE" and (model.get("continuing_subword_prefix") or model.get("end_of_word_suffix")):
        raise Refused(f"{path} marks the ends of words (as GPT-1 and CLIP do); this cannot be pruned yet.")
    return definition


def write_tokenizer(source: Path, folder: Path, definition: Definition, new_of: Mapping[int, int]) -> None:
    """Write tokenizer.json, and tokenizer_config.json of `source` with its ids numbered anew, to `folder`.

    Files in older forms (vocab.txt, merges.txt) would contradict tokenizer.json: they are not written.
    """
    write_text_atomically(folder / "tokenizer.json", json.dumps(definition, ensure_ascii=False, separators=(",", ":")))
    config = source / "tokenizer_config.json"
    if config.is_file():
        settings = json.loads(config.read_text(encoding="utf-8"))
        if isinstance(decoder := settings.get("added_tokens_decoder"), dict):
            kept = {int(old): token for old, token in decoder.items() if int(old) in new_of}
            settings["added_tokens_decoder"] = {str(new_of[old]): token for old, token in kept.items()}
        write_text_atomically(folder / config.name, json.dumps(settings, ensure_ascii=False, indent=1))
    names = source / "special_tokens_map.json"
    if names.is_file():
        write_text_atomically(folder / names.name, names.read_text(encoding="utf-8"))


def opened(definition: Definition) -> Tokenizer:
    """The tokenizer, taking texts of any length as they are."""
    try:
        tokenizer = Tokenizer.from_str(json.dumps(definition))
    except Exception as error:  # tokenizers raises bare Exception
        raise Refused(f"The tokenizer cannot be opened: {error}. Copy or download it again.") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def encoded(tokenizer: Tokenizer, texts: Iterable[str], check: Check) -> Iterable[list[int]]:
    """The token ids of each text, special tokens left out."""
    stream = iter(texts)
    while piece := list(itertools.islice(stream, TEXTS_AT_ONCE)):
        check()
        for encoding in tokenizer.encode_batch_fast(piece, add_special_tokens=False):
            yield encoding.ids
    check()


def id_of(definition: Definition, added: Mapping[str, Any]) -> int:
    """The id by which an added token is really encoded: the model's own, if it has that token."""
    vocabulary = definition["model"]["vocab"]
    return vocabulary.get(added["content"], added["id"]) if isinstance(vocabulary, dict) else added["id"]


def unknown_id(definition: Definition) -> int | None:
    """The id that stands for what the tokenizer cannot spell, if it has one."""
    model = definition["model"]
    if model["type"] == "Unigram":
        return model.get("unk_id")
    return model["vocab"].get(model.get("unk_token"))


def merges_of(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    """BPE's merges, in either of the forms in which files keep them."""
    pairs = (merge.split(" ", 1) if isinstance(merge, str) else merge for merge in model["merges"])
    return [(left, right) for left, right in pairs]


def processor_ids(processor: Any) -> set[int]:
    """Every id that a post-processor puts around texts."""
    if not processor:
        return set()
    found = {processor[name][1] for name in ("sep", "cls") if name in processor}
    for special in (processor.get("special_tokens") or {}).values():
        found.update(special["ids"])
    return found.union(*map(processor_ids, processor.get("processors") or []))


def renumber_processor(processor: Any, new_of: Mapping[int, int]) -> None:
    """Put the new ids in a post-processor, in place."""
    if not processor:
        return
    for name in ("sep", "cls"):
        if name in processor:
            processor[name] = [processor[name][0], new_of[processor[name][1]]]
    for special in (processor.get("special_tokens") or {}).values():
        special["ids"] = [new_of[old] for old in special["ids"]]
    for inner in processor.get("processors") or []:
        renumber_processor(inner, new_of)
