"""A causal language model in PyTorch: scaled-dot-product attention, and a cache that grows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, DynamicCache

from engine.models.profile import read_config
from engine.runtimes.base import Writer, longest_text


class TorchWriter(Writer):
    """`from_pretrained` of the folder alone, offline; `full_precision` computes in 32 bits whatever is stored."""

    def __init__(self, folder: Path, threads: int, *, full_precision: bool = False) -> None:
        torch.set_num_threads(threads)
        self._network = self._opened(folder, torch.float32 if full_precision else "auto")
        self._cache = DynamicCache(config=self._network.config)
        self.longest = longest_text(read_config(folder))
        self.vocabulary = self._network.config.vocab_size

    def _opened(self, folder: Path, dtype: Any) -> Any:
        from engine.models.model import quiet

        with quiet():
            return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, local_files_only=True).eval()

    def logits(self, ids: np.ndarray) -> np.ndarray:
        """All logits of whole windows."""
        self._must_fit(ids.shape[1])
        with torch.inference_mode():
            return self._network(input_ids=torch.from_numpy(ids), use_cache=False).logits.float().numpy()

    def start(self, ids: np.ndarray) -> np.ndarray:
        """A new cache, filled with the prompt; only its last place meets the output head."""
        self._must_fit(len(ids))
        self._cache = DynamicCache(config=self._network.config)
        return self._read(torch.from_numpy(ids)[None])

    def step(self, token: int) -> np.ndarray:
        """One token more."""
        self._must_fit(self._cache.get_seq_length() + 1)
        return self._read(torch.tensor([[token]]))

    def _read(self, ids: torch.Tensor) -> np.ndarray:
        with torch.inference_mode():
            found = self._network(input_ids=ids, past_key_values=self._cache, use_cache=True, logits_to_keep=1)
            return found.logits[0, -1].float().numpy()
