"""Writing with a language model, and telling whether what it wrote has fallen into a loop."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.run import Written
from engine.tasks.base import Piece
from engine.tasks.windows import WindowEncoder

if TYPE_CHECKING:
    from engine.runtimes import Writer

TOKENS = 64
LONGEST_SPAN = 20
"""Tokens of a repeated span that is looked for."""


def write(encoder: WindowEncoder, writer: Writer, text: str, piece: Piece, settings: dict[str, Any]) -> dict[str, Any]:
    """Continue `text`, token by token.

    `settings`: "tokens" at most (64), "temperature" (0 takes the likeliest), "seed". Returns the text
    and its ids, milliseconds to read the prompt and to write, and tokens a second. Ends at the
    model's own end of a document.
    """
    most, temperature = int(settings.get("tokens", TOKENS)), float(settings.get("temperature", 0.0))
    most = min(most, encoder.longest - 1)
    chance = np.random.default_rng(int(settings.get("seed", 0)))
    ids = (encoder.prefix + encoder.ids(text))[most - encoder.longest :]
    # Decoded behind the prompt's last token: some tokenizers drop the space before a text's first word.
    last = ids[-1:]
    said = len(encoder.tokenizer.decode(last))
    start = time.perf_counter()
    logits = writer.start(np.asarray(ids, dtype=np.int64))
    read = time.perf_counter()
    written: list[int] = []
    told = ""
    while len(written) < most:
        token = _chosen(logits, temperature, chance)
        if token == encoder.end:
            break
        written.append(token)
        now = encoder.tokenizer.decode([*last, *written])[said:]
        if not now.endswith("\ufffd"):  # half a character: the next token brings the rest
            piece(now[len(told) :])
            told = now
        if len(written) < most:
            logits = writer.step(token)
    ms = (time.perf_counter() - read) * 1000.0
    return {
        "text": told,
        "ids": written,
        "prompt_tokens": len(ids),
        "prompt_ms": (read - start) * 1000.0,
        "ms": ms,
        "per_second": 1000.0 * len(written) / max(ms, 1e-6),
    }


def looked_at(texts: Sequence[str], ids: Sequence[Sequence[int]]) -> Written:
    """How varied texts are: shares of distinct 1-, 2- and 3-grams (of each text), and of tokens that repeat a span."""
    distinct = []
    for size in (1, 2, 3):
        grams = [[tuple(row[at : at + size]) for at in range(len(row) - size + 1)] for row in ids]
        distinct.append(sum(len(set(found)) for found in grams) / max(sum(map(len, grams)), 1))
    tokens = sum(len(row) for row in ids)
    repeated = sum(_repeated(row) for row in ids) / max(tokens, 1)
    return Written(distinct=tuple(distinct), repeated=repeated, samples=tuple(texts[:3]), tokens=tokens)


def collapse(original: Written, optimized: Written) -> str:
    """A sentence where what was written has lost its variety beside the original's, else ""."""
    if optimized.tokens < original.tokens / 4:  # too little to tell whether it repeats itself
        return "It stops writing far sooner than the original."
    looped = optimized.repeated > 0.3 and optimized.repeated > original.repeated + 0.2
    if looped or optimized.distinct[2] < 0.6 * original.distinct[2]:
        return (
            f"What it writes falls into a loop: {optimized.repeated:.0%} of it repeats itself "
            f"(the original: {original.repeated:.0%}), {optimized.distinct[2]:.0%} of its three-word steps are "
            f"different ones (the original: {original.distinct[2]:.0%})."
        ).replace("%", " %")
    return ""


def _repeated(row: Sequence[int]) -> int:
    """Tokens that continue a repetition: the span before them (of up to 20 tokens) came just before, too."""
    covered = [False] * len(row)
    for span in range(1, LONGEST_SPAN + 1):
        least = 3 if span < 3 else 2  # a word said twice is no loop, a phrase said twice is
        run = 0
        for at in range(span, len(row)):
            run = run + 1 if row[at] == row[at - span] else 0
            if run >= span * (least - 1):
                covered[at - run + 1 : at + 1] = [True] * run
    return sum(covered)


def _chosen(logits: np.ndarray, temperature: float, chance: np.random.Generator) -> int:
    if temperature <= 0.0:
        return int(logits.argmax())
    scaled = logits.astype(np.float64) / temperature
    shares = np.exp(scaled - scaled.max())
    return int(chance.choice(len(shares), p=shares / shares.sum()))
