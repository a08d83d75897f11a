"""Bytes of what OpenVINO keeps with weight-only 8 or 4 bits, and of a decoder's folder, by arithmetic."""

from __future__ import annotations

from engine.models.profile import Profile

MODEL_TYPES = ("gpt2", "llama", "mistral", "qwen2", "qwen3")
"""Values of `model_type` whose graph is written out here."""
WRITER_BYTES = {
    "gpt2": {32: (15_400, 22_500), 16: (18_200, 27_400), 8: (19_400, 28_200), 4: (24_000, 34_900)},
    "llama": {32: (22_000, 34_500), 16: (25_400, 38_200), 8: (24_700, 44_300), 4: (27_400, 56_000)},
    "mistral": {32: (22_000, 34_500), 16: (25_400, 38_200), 8: (24_700, 44_300), 4: (27_400, 56_000)},
    "qwen2": {32: (22_000, 36_700), 16: (25_400, 41_700), 8: (24_700, 46_500), 4: (27_400, 58_200)},
    "qwen3": {32: (22_000, 41_600), 16: (25_000, 46_100), 8: (24_700, 51_400), 4: (27_200, 63_100)},
}
"""Bits → the XML alone of a text generator: for the model, and for each layer (read off files of 2 and 6 layers)."""
CLASSIFIER_BYTES = {
    "gpt2": {32: (20_000, 16_500), 16: (23_300, 21_400), 8: (25_500, 22_100), 4: (30_000, 28_800)},
    "llama": {32: (26_700, 28_400), 16: (30_500, 32_000), 8: (30_700, 38_200), 4: (33_400, 49_900)},
    "mistral": {32: (26_700, 28_400), 16: (30_500, 32_000), 8: (30_700, 38_200), 4: (33_400, 49_900)},
    "qwen2": {32: (26_700, 30_600), 16: (30_500, 35_500), 8: (30_700, 40_400), 4: (33_400, 52_100)},
    "qwen3": {32: (26_700, 35_500), 16: (30_100, 40_000), 8: (30_700, 45_300), 4: (33_200, 57_000)},
}
"""The same with a classification head in place of the output head and its cache."""
MATRICES = {"gpt2": 4}
"""Matrices of a layer, where they are not seven."""
FACTOR_BYTES = {32: 750, 16: 1_160, 8: 2_150, 4: 3_830}
"""Bits → the XML for each matrix that became two thin ones."""
LEAST_GROUP = 32
ROW_BYTES = 2
"""At 8 bits, each row of a matrix has a scale of 16 bits."""
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
    """Weights at 8 or 4 bits: the head of a classifier has 8, vectors have 32."""
    storage = profile.storage
    vocabulary = storage.vocabulary_bits if storage.bits == 4 else 8
    head = vocabulary if profile.writes else 8
    around = matrix_bytes(profile.embeddings.matrices, profile.hidden, vocabulary, storage.group_size)
    around += matrix_bytes(profile.head.matrices, profile.hidden, head, storage.group_size)
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
