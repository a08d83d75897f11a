"""Text as a language model reads it: windows of a text, each with what comes before it.

A window is a pair of texts (before, judged), cut by the data's reader at a fixed width and stride in
characters, so that models with different tokenizers are judged on the same text. Documents within a
text are kept apart by `END_OF_DOCUMENT`, which becomes the tokenizer's own end token.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from engine.data.splits import Examples
from engine.data.windows import END_OF_DOCUMENT
from engine.runtimes import Batch
from engine.runtimes.base import longest_text
from engine.tasks.encoding import Encoder

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LONGEST_WINDOW = 1024


class WindowEncoder(Encoder):
    """Ids of windows. Special tokens are set by hand: tokenizers differ in what they add of themselves."""

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The folder's tokenizer, which cuts nothing: of what is too long, the end is what counts."""
        tokenizer = super().tokenizer
        tokenizer.no_truncation()
        return tokenizer

    @property
    def longest(self) -> int:
        """Tokens of a window at most: what the model can take, and no more than 1,024."""
        return max(2, min(longest_text(self.config), LONGEST_WINDOW))

    @cached_property
    def end(self) -> int | None:
        """The id that ends a document, if the model has one."""
        end = self.config.get("eos_token_id")
        end = end[0] if isinstance(end, list) and end else end
        return end if isinstance(end, int) and end < int(self.config["vocab_size"]) else None

    @cached_property
    def prefix(self) -> list[int]:
        """What a text begins with: what the tokenizer puts there, else the end of the document before."""
        put = self.tokenizer.encode("").ids[:1]
        return put or ([] if self.end is None else [self.end])

    def ids(self, text: str) -> list[int]:
        """Ids of a text of one or more documents, without anything before it."""
        pieces = text.split(END_OF_DOCUMENT)
        between = [self.end] if self.end is not None else self.tokenizer.encode("\n", add_special_tokens=False).ids
        found: list[int] = []
        for place, encoding in enumerate(self.tokenizer.encode_batch(pieces, add_special_tokens=False)):
            found += [*(between if place else []), *encoding.ids]
        return found

    def pieces(self, before: str, judged: str) -> list[tuple[list[int], int]]:
        """Ids in rows that fit, each with the place of its first judged one; together they judge every token.

        A window that is too long for the model, or for this tokenizer, is judged half a row at a time,
        each half after as much as fits of what precedes it.
        """
        ids = self.prefix + self.ids(before)
        first, ids = max(len(ids), 1), ids + self.ids(judged)
        if len(ids) <= self.longest:
            return [(ids, first)] if first < len(ids) else []
        step = self.longest // 2
        found = []
        for start in range(first, len(ids), step):
            end = min(start + step, len(ids))
            begin = max(0, end - self.longest)
            found.append((ids[begin:end], start - begin))
        return found

    def window(self, before: str, judged: str) -> tuple[list[int], int]:
        """Ids of both as one row, and the place of the first that is judged; what does not fit is left out."""
        read, asked = self.prefix + self.ids(before), self.ids(judged)
        asked = asked[: self.longest - 1]
        read = read[-(self.longest - len(asked)) :]
        return read + asked, max(len(read), 1)

    def batch_of(self, examples: Examples) -> Batch:
        """Whole windows, padded to the longest."""
        return self.padded(self.rows(examples)[0])

    def batch(self, texts: Sequence[str]) -> Batch:
        """Texts with nothing before them."""
        return self.padded([self.window("", text)[0] for text in texts])

    def rows(self, examples: Examples) -> tuple[list[list[int]], list[int]]:
        """Ids of each window, and where what is judged begins."""
        pairs = zip(examples.labels, examples.texts, strict=True)
        found = [self.window(before, judged) for before, judged in pairs]
        return [ids for ids, _ in found], [first for _, first in found]


def tiled(ids: Sequence[int], length: int) -> np.ndarray:
    """`length` ids [tokens], the given ones again and again."""
    return np.resize(np.asarray(ids, dtype=np.int64), length)
