"""How much memory a model takes, by arithmetic on its profile: so that one that cannot fit is refused at once."""

from __future__ import annotations

from engine.models.profile import Profile
from engine.technique import Frozen

FULL_BYTES = 4
"""Bytes a number in memory, whatever the file has: everything is computed and changed in 32 bits."""
TRAINING_COPIES = 3
"""Beside the weights while training: gradients and Adam's two moments."""


class Memory(Frozen):
    """Bytes, added up: `weights` of one copy, `batch` of what one batch leaves in memory, `peak` of the whole run."""

    parameters: int
    weights: int
    batch: int
    copies: int
    peak: int

    def shortfall(self, free: int) -> str | None:
        """Why `free` bytes do not hold it, with the arithmetic; None where they do."""
        if self.peak <= free:
            return None
        return (
            f"This needs about {self.peak / 1e9:.1f} GB of memory: {self.parameters / 1e6:,.0f} million numbers × "
            f"{FULL_BYTES} bytes = {self.weights / 1e9:.1f} GB, held {self.copies} times at most, and "
            f"{self.batch / 1e9:.1f} GB for a batch; {free / 1e9:.1f} GB are free. "
            "Close programs or choose a smaller model."
        )


def loading_bytes(profile: Profile) -> int:
    """Bytes at most while the model is read: once in 32 bits, a tied head once, and a 16-bit file beside it.

    A file of 32 bits is mapped and is itself the copy; one of 16 bits is mapped until every number was widened.
    """
    file = profile.parameters * profile.storage.bits // 8 if profile.storage.bits < 32 else 0
    return FULL_BYTES * profile.parameters + file


def run_memory(
    profile: Profile, *, copies: int = 2, training: bool = False, texts: int = 1, tokens: int = 512, fixed: int = 0
) -> Memory:
    """The peak of a run that holds `copies` of the model and `fixed` bytes, with batches of `texts` × `tokens`.

    Running a batch holds its widest activations and its logits, over the whole vocabulary and for every token
    for a language model; for a decoder also the cache of keys and values. Training holds what every layer
    computed (sbh (34 + 5as/h) bytes at 2 bytes a number, arXiv:2205.05198: 17 numbers for each of `hidden`,
    2.5 for each attention weight), and the logits with their softmax and gradient.
    """
    places = texts * tokens
    wide = 2 * profile.feed_forward_width + 4 * profile.hidden
    logits = profile.vocabulary if profile.writes else len(profile.labels)
    size = profile.head_size or profile.hidden // profile.heads
    if training:
        layer = 17 * profile.hidden + 5 * profile.heads * tokens // 2
        batch = places * (profile.layers * layer + 3 * logits)
    else:
        cache = 2 * profile.layers * profile.head_groups * size if profile.kind == "decoder" else 0
        batch = places * (wide + logits + profile.heads * tokens + cache)
    held = copies + (TRAINING_COPIES if training else 0)
    weights = FULL_BYTES * profile.parameters
    loading = (copies - 1) * weights + loading_bytes(profile)
    return Memory(
        parameters=profile.parameters,
        weights=weights,
        batch=FULL_BYTES * batch,
        copies=held,
        peak=max(loading, held * weights + FULL_BYTES * batch) + fixed,
    )
