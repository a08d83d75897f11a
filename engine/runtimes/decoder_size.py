"""Bytes of what OpenVINO keeps with weight-only 8 or 4 bits, and of a decoder's folder, by arithmetic."""

from __future__ import annotations

from engine.models.profile import Profile

MODEL_TYPES = ("gpt2", "llama", "mistral", "qwen2", "qwen3")
"""Values of `model_type` whose graph is written out here."""
WRITER_BYTES = {
    "gpt2": {32: (17_300, 32_700), 16: (19_500, 39_800), 8: (25_000, 44_500), 4: (25_000, 48_600)},
    "llama": {32: (22_000, 51_500), 16: (24_000, 61_100), 8: (26_000, 72_200), 4: (26_000, 79_600)},
    "mistral": {32: (22_000, 51_500), 16: (24_000, 61_100), 8: (26_000, 72_200), 4: (26_000, 79_600)},
    "qwen2": {32: (22_000, 54_200), 16: (25_000, 65_400), 8: (29_000, 75_000), 4: (29_000, 82_300)},
    "qwen3": {32: (22_000, 61_900), 16: (24_000, 73_700), 8: (26_000, 82_800), 4: (26_000, 90_100)},
}
"""Bits → the XML alone of a text generator: for the model, and for each layer (read off files of 2 and 6 layers)."""
CLASSIFIER_BYTES = {
    "gpt2": {32: (26_700, 23_000), 16: (30_400, 29_300), 8: (37_200, 34_800), 4: (37_200, 38_950)},
    "llama": {32: (33_500, 41_800), 16: (36_500, 50_700), 8: (40_500, 62_600), 4: (40_500, 69_900)},
    "mistral": {32: (33_500, 41_800), 16: (36_500, 50_700), 8: (40_500, 62_600), 4: (40_500, 69_900)},
    "qwen2": {32: (33_500, 44_500), 16: (36_400, 55_000), 8: (40_400, 65_400), 4: (40_300, 72_600)},
    "qwen3": {32: (33_300, 52_400), 16: (36_200, 63_400), 8: (40_200, 73_300), 4: (40_000, 80_500)},
}
"""The same with a classification head in place of the output head and its cache."""
MATRICES = {"gpt2": 4}
"""Matrices of a layer, where they are not seven."""
FACTOR_BYTES = {32: 850, 16: 1_250, 8: 3_800, 4: 4_300}
"""Bits → the XML for each matrix that became two thin ones."""
LEAST_GROUP = 32
ROW_BYTES = 3
"""At 8 bits, each row of a matrix has a scale of 16 bits and a zero point of 8."""
GROUP_BYTES = 2.5
"""At 4 bits, each group has a scale of 16 bits and a zero point of 4."""


def fitting_group(width: int, wanted: int) -> int:
    """The largest group that divides a row of this width: `wanted`, or a half of it, …; 0 where the row gets 8 bits."""
    while wanted >= LEAST_GROUP:
        if width % wanted == 0:
            return wanted
        wanted //= 2
    return 0


def matrix_bytes(numbers: float, width: int, bits: int, group_size: int = 0) -> float:
    """A matrix of `numbers` in rows of `width`, with its scales and zero points (bits: 8 or 4)."""
    group = fitting_group(width, group_size) if bits == 4 else 0
    return numbers / 2 + GROUP_BYTES * numbers / group if group else numbers + ROW_BYTES * numbers / width


def misfits(profile: Profile, group_size: int) -> dict[int, int]:
    """Row widths that `group_size` does not divide → the group they get instead (0: 8 bits)."""
    found = {width: fitting_group(width, group_size) for _, width in _blocks(profile)}
    return {width: group for width, group in found.items() if group != group_size}


def decoder_bytes(profile: Profile) -> int:
    """A decoder's whole folder: its weights, and the graph's own bytes a layer."""
    base, layer = (WRITER_BYTES if profile.writes else CLASSIFIER_BYTES)[profile.model_type][profile.storage.bits]
    bits = profile.storage.bits
    matrices = profile.attention.matrix_tensors + profile.feed_forward.matrix_tensors
    factored = matrices - profile.layers * MATRICES.get(profile.model_type, 7)
    fixed = base + layer * profile.layers + FACTOR_BYTES[bits] * factored + profile.tokenizer_bytes
    return fixed + (narrow_bytes(profile) if bits < 16 else profile.parameters * bits // 8)


def narrow_bytes(profile: Profile) -> int:
    """Weights at 8 or 4 bits: what lies outside the layers has 8, vectors have 32."""
    storage = profile.storage
    around = sum(part.matrices + ROW_BYTES * part.rows for part in (profile.embeddings, profile.head))
    vectors = 4 * sum(part.vectors for part in profile.parts.values())
    kept = storage.kept if storage.bits == 4 else 1.0
    blocks = sum(
        kept * matrix_bytes(numbers, width, 8) + (1 - kept) * matrix_bytes(numbers, width, 4, storage.group_size)
        for numbers, width in _blocks(profile)
    )
    return round(around + vectors + blocks)


def _blocks(profile: Profile) -> list[tuple[int, int]]:
    """(numbers, row width) of the layers' matrices: into attention, out of it, into feed-forward, out of it."""
    hidden, wide = profile.hidden, profile.feed_forward_width
    mixed = profile.heads * (profile.head_size or hidden // profile.heads)
    out_of_attention, out_of_feed_forward = (profile.layers * hidden * width for width in (mixed, wide))
    return [
        (profile.attention.matrices - out_of_attention, hidden),
        (out_of_attention, mixed),
        (profile.feed_forward.matrices - out_of_feed_forward, hidden),
        (out_of_feed_forward, wide),
    ]
