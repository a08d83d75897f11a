"""Vocabulary pruning: a tokenizer with fewer tokens, and how much of a text falls out of it.

The most used tokens stay, and with them all that keeps the tokenizer whole, so that every text that
only uses tokens that stay is split exactly as before:

* WordPiece matches the longest token first: a subset finds the same ones. Single characters (also
  as continuations) stay, so that other words are spelled out rather than unknown.
* Byte-level BPE repeats the merge learned first. A token stays only with every part on its way from
  single bytes, so the same merges happen in the same order; the bytes stay, so any text is covered.
* Unigram takes the likeliest split: the same one, while its tokens stay. The least likely token
  stays too, for the score of unknown characters is counted from it.

After "Load What You Need" (Abdaoui et al. 2020, arXiv:2010.05609), which cuts multilingual BERT so. The
ids that stay are numbered anew without gaps, in their old order; `vocabulary_rows` cuts the network alike.
"""

from __future__ import annotations

import copy
import heapq
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tokenizers import Tokenizer

from engine.errors import Refused
from engine.files import write_text_atomically
from engine.methods.calibration import Check, Progress, never, silent

Definition = dict[str, Any]
"""The content of a tokenizer.json."""
KeepOf = Literal["tokens", "use"]
TEXTS_AT_ONCE = 512
_SPACE = "▁"


@dataclass(frozen=True)
class Shrunk:
    """A smaller tokenizer. `kept[new id]` is the old id, in rising order."""

    definition: Definition
    kept: tuple[int, ...]

    @property
    def new_of(self) -> dict[int, int]:
        """Old id → new id, for the tokens that stay."""
        return {old: new for new, old in enumerate(self.kept)}


@dataclass(frozen=True)
class Fallout:
    """What a smaller vocabulary does to texts. Shares are of tokens, special tokens not counted.

    `fallen_share`: of the tokens before, those that are gone, so split further or unknown now.
    """

    texts: int
    fallen_share: float
    unknown_share_before: float
    unknown_share_after: float
    tokens_per_text_before: float
    tokens_per_text_after: float


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


def count_tokens(
    definition: Definition, texts: Iterable[str], *, check: Check = never, progress: Progress = silent
) -> Counter[int]:
    """Token id → how often the texts use it. Texts may be a stream; special tokens put around them do not count."""
    counts: Counter[int] = Counter()
    for number, ids in enumerate(_encoded(_opened(definition), texts, check)):
        counts.update(ids)
        if number % TEXTS_AT_ONCE == 0:
            progress(number, 0, "counting which tokens are used")
    return counts


def choose(definition: Definition, counts: Mapping[int, int], keep: float, of: KeepOf = "tokens") -> set[int]:
    """The old ids that stay: what must, then the most used (the lower id first among equals).

    `of="tokens"`: as many as `keep` times the vocabulary, or what must stay if that is more.
    `of="use"`: the most used until they cover this share of `counts`.
    """
    vocabulary = _opened(definition).get_vocab(with_added_tokens=True)
    kept = _required(definition, vocabulary)
    ranks = _ranks(definition["model"])
    total, target = sum(counts.values()), round(keep * len(vocabulary))
    covered = sum(counts.get(token_id, 0) for token_id in kept)
    ordered = sorted(vocabulary.items(), key=lambda pair: (-counts.get(pair[1], 0), pair[1]))
    for token, token_id in ordered:
        enough = covered >= keep * total if of == "use" else len(kept) >= target
        if enough:
            break
        if token_id in kept:
            continue
        needed = {token_id}
        if ranks is not None:
            needed |= {vocabulary[part] for part in _parts(token, ranks) if part in vocabulary}
        needed -= kept
        if of == "use" or len(kept) + len(needed) <= target:
            kept |= needed
            covered += sum(counts.get(other, 0) for other in needed)
    return kept


def shrink(definition: Definition, kept: Iterable[int]) -> Shrunk:
    """The tokenizer with only these tokens (as `choose` gives them), numbered anew.

    Raises `Refused` where the smaller tokenizer would not be what was asked for.
    """
    order = tuple(sorted(set(kept)))
    new_of = {old: new for new, old in enumerate(order)}
    changed = copy.deepcopy(definition)
    _shrink_model(changed["model"], new_of)
    for added in changed.get("added_tokens") or []:
        added["id"] = new_of[_id_of(definition, added)]
    _renumber_processor(changed.get("post_processor"), new_of)
    if changed.get("padding"):
        changed["padding"]["pad_id"] = new_of[changed["padding"]["pad_id"]]
    before = {token_id: token for token, token_id in _opened(definition).get_vocab(with_added_tokens=True).items()}
    after = _opened(changed).get_vocab(with_added_tokens=True)
    if after != {before[old]: new for new, old in enumerate(order) if old in before} or len(after) != len(order):
        raise Refused("This tokenizer numbers its tokens in a way that cannot be kept in order; its vocabulary stays.")
    return Shrunk(changed, order)


def fallout(before: Definition, after: Shrunk, texts: Iterable[str], *, check: Check = never) -> Fallout:
    """What the smaller vocabulary does to held-out texts."""
    old, new = _opened(before), _opened(after.definition)
    unknown_old, unknown_new = _unknown_id(before), _unknown_id(after.definition)
    kept = frozenset(after.kept)
    first, second = itertools.tee(texts)
    count = fallen = many_old = many_new = lost_old = lost_new = 0
    for ids, new_ids in zip(_encoded(old, first, check), _encoded(new, second, check), strict=True):
        count += 1
        many_old, many_new = many_old + len(ids), many_new + len(new_ids)
        fallen += sum(token_id not in kept for token_id in ids)
        lost_old += ids.count(unknown_old) if unknown_old is not None else 0
        lost_new += new_ids.count(unknown_new) if unknown_new is not None else 0
    return Fallout(
        texts=count,
        fallen_share=fallen / max(1, many_old),
        unknown_share_before=lost_old / max(1, many_old),
        unknown_share_after=lost_new / max(1, many_new),
        tokens_per_text_before=many_old / max(1, count),
        tokens_per_text_after=many_new / max(1, count),
    )


def write_tokenizer(source: Path, folder: Path, shrunk: Shrunk) -> None:
    """Write tokenizer.json, and tokenizer_config.json of `source` with its ids numbered anew, to `folder`.

    Files in older forms (vocab.txt, merges.txt) would contradict tokenizer.json: they are not written.
    """
    write_text_atomically(
        folder / "tokenizer.json", json.dumps(shrunk.definition, ensure_ascii=False, separators=(",", ":"))
    )
    config = source / "tokenizer_config.json"
    if config.is_file():
        settings = json.loads(config.read_text(encoding="utf-8"))
        new_of = shrunk.new_of
        if isinstance(decoder := settings.get("added_tokens_decoder"), dict):
            kept = {int(old): token for old, token in decoder.items() if int(old) in new_of}
            settings["added_tokens_decoder"] = {str(new_of[old]): token for old, token in kept.items()}
        write_text_atomically(folder / config.name, json.dumps(settings, ensure_ascii=False, indent=1))
    names = source / "special_tokens_map.json"
    if names.is_file():
        write_text_atomically(folder / names.name, names.read_text(encoding="utf-8"))


def _opened(definition: Definition) -> Tokenizer:
    """The tokenizer, taking texts of any length as they are."""
    try:
        tokenizer = Tokenizer.from_str(json.dumps(definition))
    except Exception as error:  # tokenizers raises bare Exception
        raise Refused(f"The tokenizer cannot be opened: {error}. Copy or download it again.") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _encoded(tokenizer: Tokenizer, texts: Iterable[str], check: Check) -> Iterable[list[int]]:
    """The token ids of each text, special tokens left out."""
    stream = iter(texts)
    while piece := list(itertools.islice(stream, TEXTS_AT_ONCE)):
        check()
        for encoding in tokenizer.encode_batch_fast(piece, add_special_tokens=False):
            yield encoding.ids
    check()


def _required(definition: Definition, vocabulary: Mapping[str, int]) -> set[int]:
    """Ids without which the tokenizer would not be whole."""
    model = definition["model"]
    required = {_id_of(definition, added) for added in definition.get("added_tokens") or []}
    required |= _processor_ids(definition.get("post_processor"))
    if definition.get("padding"):
        required.add(definition["padding"]["pad_id"])
    if (unknown := _unknown_id(definition)) is not None:
        required.add(unknown)
    if model.get("byte_fallback"):
        atoms = [_SPACE, *(f"<0x{byte:02X}>" for byte in range(256))]
    else:
        prefix = model.get("continuing_subword_prefix") or ""
        atoms = [token for token in vocabulary if len(token) == 1 or len(token.removeprefix(prefix)) == 1]
    required |= {vocabulary[token] for token in atoms if token in vocabulary}
    if model["type"] == "Unigram":
        required.add(min(range(len(model["vocab"])), key=lambda place: model["vocab"][place][1]))
    return required


def _id_of(definition: Definition, added: Mapping[str, Any]) -> int:
    """The id by which an added token is really encoded: the model's own, if it has that token."""
    vocabulary = definition["model"]["vocab"]
    return vocabulary.get(added["content"], added["id"]) if isinstance(vocabulary, dict) else added["id"]


def _unknown_id(definition: Definition) -> int | None:
    model = definition["model"]
    if model["type"] == "Unigram":
        return model.get("unk_id")
    return model["vocab"].get(model.get("unk_token"))


def _merges(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    """BPE's merges, in either of the forms in which files keep them."""
    pairs = (merge.split(" ", 1) if isinstance(merge, str) else merge for merge in model["merges"])
    return [(left, right) for left, right in pairs]


def _ranks(model: Mapping[str, Any]) -> dict[tuple[str, str], int] | None:
    """Merge → when it was learned; None where tokens are not made by merging."""
    if model["type"] != "BPE":
        return None
    ranks: dict[tuple[str, str], int] = {}
    for rank, merge in enumerate(_merges(model)):
        ranks[merge] = rank  # as tokenizers does: of the same merge twice the later counts
    return ranks


def _parts(token: str, ranks: Mapping[tuple[str, str], int]) -> set[str]:
    """Every symbol on the way from single characters to this token, as BPE merges them.

    Within a longer word the way is the same: where the token's ends stay, no merge ever crosses them.
    """
    symbols = list(token)
    seen = set(symbols)
    while len(symbols) > 1:
        candidates = ((ranks[pair], place) for place, pair in enumerate(itertools.pairwise(symbols)) if pair in ranks)
        first = heapq.nsmallest(1, candidates)
        if not first:
            break
        place = first[0][1]
        symbols[place : place + 2] = [symbols[place] + symbols[place + 1]]
        seen.add(symbols[place])
    return seen


def _shrink_model(model: Definition, new_of: Mapping[int, int]) -> None:
    """Only the tokens that stay, and the merges among them."""
    if model["type"] == "Unigram":
        model["vocab"] = [piece for old, piece in enumerate(model["vocab"]) if old in new_of]
        if model.get("unk_id") is not None:
            model["unk_id"] = new_of[model["unk_id"]]
        return
    model["vocab"] = {token: new_of[old] for token, old in model["vocab"].items() if old in new_of}
    if model["type"] == "BPE":
        stays = model["vocab"]
        model["merges"] = [
            [left, right]
            for left, right in _merges(model)
            if left in stays and right in stays and left + right in stays
        ]


def _processor_ids(processor: Any) -> set[int]:
    """Every id that a post-processor puts around texts."""
    if not processor:
        return set()
    found = {processor[name][1] for name in ("sep", "cls") if name in processor}
    for special in (processor.get("special_tokens") or {}).values():
        found.update(special["ids"])
    return found.union(*map(_processor_ids, processor.get("processors") or []))


def _renumber_processor(processor: Any, new_of: Mapping[int, int]) -> None:
    if not processor:
        return
    for name in ("sep", "cls"):
        if name in processor:
            processor[name] = [processor[name][0], new_of[processor[name][1]]]
    for special in (processor.get("special_tokens") or {}).values():
        special["ids"] = [new_of[old] for old in special["ids"]]
    for inner in processor.get("processors") or []:
        _renumber_processor(inner, new_of)
