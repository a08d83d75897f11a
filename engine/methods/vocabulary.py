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
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from engine.errors import Refused
from engine.methods.calibration import Check, Progress, never, silent
from engine.methods.tokenizer_definition import (
    TEXTS_AT_ONCE,
    Definition,
    encoded,
    id_of,
    merges_of,
    opened,
    processor_ids,
    renumber_processor,
    unknown_id,
)

KeepOf = Literal["tokens", "use"]
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


def count_tokens(
    definition: Definition, texts: Iterable[str], *, check: Check = never, progress: Progress = silent
) -> Counter[int]:
    """Token id → how often the texts use it. Texts may be a stream; special tokens put around them do not count."""
    counts: Counter[int] = Counter()
    for number, ids in enumerate(encoded(opened(definition), texts, check)):
        counts.update(ids)
        if number % TEXTS_AT_ONCE == 0:
            progress(number, 0, "counting which tokens are used")
    return counts


def choose(
    definition: Definition, counts: Mapping[int, int], keep: float, of: KeepOf = "tokens", *, check: Check = never
) -> set[int]:
    """The old ids that stay: what must, then the most used (the lower id first among equals).

    `of="tokens"`: as many as `keep` times the vocabulary, or what must stay if that is more.
    `of="use"`: the most used until they cover this share of `counts`.
    """
    vocabulary = opened(definition).get_vocab(with_added_tokens=True)
    kept = _required(definition, vocabulary)
    ranks = _ranks(definition["model"])
    total, target = sum(counts.values()), round(keep * len(vocabulary))
    covered = sum(counts.get(token_id, 0) for token_id in kept)
    ordered = sorted(vocabulary.items(), key=lambda pair: (-counts.get(pair[1], 0), pair[1]))
    for place, (token, token_id) in enumerate(ordered):
        if place % TEXTS_AT_ONCE == 0:
            check()
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
        added["id"] = new_of[id_of(definition, added)]
    renumber_processor(changed.get("post_processor"), new_of)
    if changed.get("padding"):
        changed["padding"]["pad_id"] = new_of[changed["padding"]["pad_id"]]
    before = {token_id: token for token, token_id in opened(definition).get_vocab(with_added_tokens=True).items()}
    after = opened(changed).get_vocab(with_added_tokens=True)
    if after != {before[old]: new for new, old in enumerate(order) if old in before} or len(after) != len(order):
        raise Refused("This tokenizer numbers its tokens in a way that cannot be kept in order; its vocabulary stays.")
    return Shrunk(changed, order)


def fallout(before: Definition, after: Shrunk, texts: Iterable[str], *, check: Check = never) -> Fallout:
    """What the smaller vocabulary does to held-out texts."""
    old, new = opened(before), opened(after.definition)
    unknown_old, unknown_new = unknown_id(before), unknown_id(after.definition)
    kept = frozenset(after.kept)
    first, second = itertools.tee(texts)
    count = fallen = many_old = many_new = lost_old = lost_new = 0
    for ids, new_ids in zip(encoded(old, first, check), encoded(new, second, check), strict=True):
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


def _required(definition: Definition, vocabulary: Mapping[str, int]) -> set[int]:
    """Ids without which the tokenizer would not be whole."""
    model = definition["model"]
    required = {id_of(definition, added) for added in definition.get("added_tokens") or []}
    required |= processor_ids(definition.get("post_processor"))
    if definition.get("padding"):
        required.add(definition["padding"]["pad_id"])
    if (unknown := unknown_id(definition)) is not None:
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


def _ranks(model: Definition) -> dict[tuple[str, str], int] | None:
    """Merge → when it was learned; None where tokens are not made by merging."""
    if model["type"] != "BPE":
        return None
    ranks: dict[tuple[str, str], int] = {}
    for rank, merge in enumerate(merges_of(model)):
        ranks[merge] = rank  # as tokenizers does: of the same merge twice the later counts
    return ranks


def _parts(token: str, ranks: Mapping[tuple[str, str], int]) -> set[str]:
    """Every symbol on the way from single characters to this token, as BPE merges them.

    Within a longer word the way is the same: where the token's ends stay, no merge ever crosses them.
    """
    symbols = list(token)
    seen = set(symbols)
    while len(symbols) > 1:
        pairs = enumerate(itertools.pairwise(symbols))
        first = min(((ranks[pair], place) for place, pair in pairs if pair in ranks), default=None)
        if first is None:
            break
        place = first[1]
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
            for left, right in merges_of(model)
            if left in stays and right in stays and left + right in stays
        ]
