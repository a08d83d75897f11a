"""Texts to arrays, the same way for every runtime: the `tokenizers` library and numpy only.

Measuring uses the same front end for the original and the optimized model, so a ratio between
them is the models' own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

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

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The folder's tokenizer, cutting at the model's longest input."""
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.longest)
        return tokenizer

    @property
    def longest(self) -> int:
        """Tokens the model can take. RoBERTa's positions begin after the padding's index."""
        positions = int(self.config.get("max_position_embeddings") or self.config.get("n_positions") or LONGEST)
        if "roberta" in self.config["model_type"] or self.config["model_type"] == "camembert":
            positions -= int(self.config.get("pad_token_id") or 0) + 1
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
        ids = np.full((len(rows), width), int(self.config.get("pad_token_id") or 0), dtype=np.int64)
        mask = np.zeros_like(ids)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = row
            mask[place, : len(row)] = 1
        arrays = {"input_ids": ids, "attention_mask": mask}
        if self.config["model_type"] in TOKEN_TYPE_FAMILIES:
            arrays["token_type_ids"] = np.zeros_like(ids)
        return arrays
