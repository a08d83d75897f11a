"""Texts to arrays, the same way for every runtime: the `tokenizers` library and numpy only.

Measuring uses the same front end for the original and the optimized model, so a ratio between
them is the models' own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from engine.models.profile import padding_of
from engine.runtimes.base import longest_text

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from engine.data.splits import Examples
    from engine.runtimes import Batch

TOKEN_TYPE_FAMILIES = ("bert",)
"""Model types that read token_type_ids."""
LONGEST = 512


class Encoder:
    """Reads a saved folder's tokenizer and turns texts into padded batches."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.padding = padding_of(self.config)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The folder's tokenizer, cutting at the model's longest input."""
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.longest, direction=self._cut_side())
        return tokenizer

    def _cut_side(self) -> Literal["left", "right"]:
        """Which end of a long text goes, as `transformers` reads it."""
        try:
            settings = json.loads((self.folder / "tokenizer_config.json").read_text(encoding="utf-8"))
            return "left" if settings.get("truncation_side") == "left" else "right"
        except (OSError, ValueError, AttributeError):
            return "right"

    @property
    def longest(self) -> int:
        """Tokens the model can take at once, a window of attention included.

        RoBERTa's positions begin after the padding's index.
        """
        said = self.config.get("max_position_embeddings") or self.config.get("n_positions") or LONGEST
        positions = longest_text({**self.config, "max_position_embeddings": int(said)})
        if "roberta" in self.config["model_type"] or self.config["model_type"] == "camembert":
            positions -= self.padding + 1
        return max(2, min(positions, LONGEST))

    def batch_of(self, examples: Examples) -> Batch:
        """Input arrays of examples, as the task reads them."""
        return self.batch(examples.texts)

    def batch(self, texts: Sequence[str]) -> Batch:
        """Input arrays int64 [texts, tokens], padded to the longest of these texts."""
        return self.padded([encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))])

    def padded(self, rows: Sequence[Sequence[int]]) -> Batch:
        """Input arrays int64 [rows, tokens] of ids, filled up on the right; the mask is 1 at what was given."""
        width = max(len(row) for row in rows)
        ids = np.full((len(rows), width), self.padding, dtype=np.int64)
        mask = np.zeros_like(ids)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = row
            mask[place, : len(row)] = 1
        arrays = {"input_ids": ids, "attention_mask": mask}
        if self.config["model_type"] in TOKEN_TYPE_FAMILIES:
            arrays["token_type_ids"] = np.zeros_like(ids)
        return arrays
