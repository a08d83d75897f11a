"""How much memory a model takes, by arithmetic on its profile: so that one that cannot fit is refused at once."""

from __future__ import annotations

from collections.abc import Iterable

from engine.models.profile import Profile, RuntimeName
from engine.technique import Frozen

FULL_BYTES = 4
"""Bytes a number in memory, whatever the file has: everything is computed and changed in 32 bits."""
TRAINING_COPIES = 3
"""Beside the weights while training: gradients and Adam's two moments."""

LIBRARIES_BYTES = 1_100_000_000
"""Resident memory of torch, transformers, OpenVINO and NNCF together, as measured."""
EXPORTING: dict[RuntimeName, int] = {"torch": 2, "openvino": 3, "onnxruntime": 5}
"""Copies at most beside the network while a runtime's format is written, as measured (see `preflight.peak_memory`)."""


class Memory(Frozen):
    """A run's peak in bytes, added up: `weights` × `copies` + `beside` + `libraries`."""

    parameters: int
    weights: int
    """One copy."""
    copies: int
    beside: int
    """What a batch leaves in memory, or a 16-bit file while it is read, whichever is more."""
    libraries: int

    @property
    def peak(self) -> int:
        """All together."""
        return self.weights * self.copies + self.beside + self.libraries

    def shortfall(self, free: int) -> str | None:
        """Why `free` bytes do not hold it, with the arithmetic; None where they do."""
        if self.peak <= free:
            return None
        return (
            f"This needs about {self.peak / 1e9:.1f} GB of memory: {self.parameters / 1e6:,.0f} million numbers × "
            f"{FULL_BYTES} bytes = {self.weights / 1e9:.1f} GB, held {self.copies} times, {self.beside / 1e9:.1f} GB "
            f"for a batch and {self.libraries / 1e9:.1f} GB for libraries; {free / 1e9:.1f} GB are free. "
            "Close programs or choose a smaller model."
        )


def loading_bytes(profile: Profile) -> int:
    """Bytes at most while the model is read: once in 32 bits, a tied head once, and a 16-bit file beside it.

    A file of 32 bits is mapped and is itself the copy; one of 16 bits is mapped until every number was widened.
    """
    return FULL_BYTES * profile.parameters + _widened_file(profile)


def run_memory(
    profile: Profile, *, copies: int = 2, training: bool = False, texts: int = 1, tokens: int = 512, libraries: int = 0
) -> Memory:
    """The peak of a run that holds `copies` of the model, with batches of `texts` × `tokens`.

    Training holds three more: gradients and Adam's two moments.
    """
    return Memory(
        parameters=profile.parameters,
        weights=FULL_BYTES * profile.parameters,
        copies=copies + (TRAINING_COPIES if training else 0),
        beside=max(_widened_file(profile), _batch_bytes(profile, texts, tokens, training=training)),
        libraries=libraries,
    )


def export_memory(parameters: int, stored_bits: int, runtimes: Iterable[RuntimeName]) -> Memory:
    """The peak of a run that only writes the model in fewer bits, of a model of which no more is known than this.

    Held are the network, the original in a process of its own, and what the most demanding of `runtimes` needs. What a
    batch takes is left out: it is known only once the model's widths are.
    """
    return Memory(
        parameters=parameters,
        weights=FULL_BYTES * parameters,
        copies=2 + max(EXPORTING[runtime] for runtime in runtimes),
        beside=_widened(parameters, stored_bits),
        libraries=LIBRARIES_BYTES,
    )


def _widened_file(profile: Profile) -> int:
    return _widened(profile.parameters, profile.storage.bits)


def _widened(parameters: int, bits: int) -> int:
    return parameters * bits // 8 if bits < 32 else 0


def _batch_bytes(profile: Profile, texts: int, tokens: int, *, training: bool) -> int:
    """What one batch leaves in memory.

    Without training: its widest activations and its logits, over the whole vocabulary and for every token for a
    language model; for a decoder also the cache of keys and values. Training holds what every layer computed
    (sbh (34 + 5as/h) bytes at 2 bytes a number, arXiv:2205.05198: 17 numbers for each of `hidden`, 2.5 for
    each attention weight), and the logits with their softmax and gradient.
    """
    logits = profile.vocabulary if profile.writes else len(profile.labels)
    if training:
        layer = 17 * profile.hidden + 5 * profile.heads * tokens // 2
        return FULL_BYTES * texts * tokens * (profile.layers * layer + 3 * logits)
    size = profile.head_size or profile.hidden // profile.heads
    cache = 2 * profile.layers * profile.head_groups * size if profile.kind == "decoder" else 0
    widest = 2 * profile.feed_forward_width + 4 * profile.hidden + profile.heads * tokens
    return FULL_BYTES * texts * tokens * (widest + logits + cache)
