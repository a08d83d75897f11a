"""Weight-only 8 and 4 bits for OpenVINO, by NNCF, and how much of the model that reached.

8 bits: one scale a row. 4 bits: a scale and a zero point for each group of neighbours in a row; the
layers that `Storage.protected` names and the head of a classifier stay at 8 bits, and the vocabulary
(word embeddings, the output head of a text generator) has as many as `Storage.vocabulary_bits` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import nncf
import numpy as np
from nncf.quantization.advanced_parameters import AdvancedCompressionParameters, GroupSizeFallbackMode

from engine.runtimes.base import Batch, check_coverage
from engine.runtimes.exporting import hushed

if TYPE_CHECKING:
    import openvino

    from engine.models.profile import Storage

NARROW = ("u8", "i8", "u4", "i4")
METHODS: Mapping[str, dict[str, Any]] = {
    "": {},
    "round-to-nearest": {},
    "awq": {"awq": True},
    "gptq": {"gptq": True},
    "scale estimation": {"scale_estimation": True},
}
"""Name → what NNCF calls it: AWQ (arXiv:2306.00978), GPTQ (arXiv:2210.17323), NNCF's own scale estimation."""


def compress(graph: openvino.Model, storage: Storage, calibration: Sequence[Batch]) -> tuple[openvino.Model, float]:
    """The graph with its matrices in `storage.bits`, and the share of their numbers that this reached.

    Raises `Refused` under 90 %: the folder would hardly shrink.
    """
    could = _numbers(graph, ("f32",))
    with hushed():
        if storage.bits == 4:
            embeddings, head = _around(graph)
            graph = _narrowed(graph, embeddings, storage.vocabulary_bits, storage)
            graph = _narrowed(graph, [*head, *storage.protected], 8, storage)
            graph = _layers_to_int4(graph, storage, calibration)
        else:
            graph = nncf.compress_weights(graph, mode=nncf.CompressWeightsMode.INT8_SYM)
    coverage = _numbers(graph, NARROW) / max(could, 1)
    check_coverage("OpenVINO", coverage, storage.bits, "16 bits")
    return graph, coverage


def _around(graph: openvino.Model) -> tuple[list[str], list[str]]:
    """Operations that read the vocabulary, and the head of a classifier."""
    weighted = {node.get_friendly_name(): node.get_type_name() for node in _weighted(graph)}
    head = [name for name, kind in weighted.items() if kind == "MatMul"][-1:]
    vocabulary = [name for name, kind in weighted.items() if kind == "Gather"]
    if graph.get_sinks():  # only text generators keep a cache
        return vocabulary + head, []
    gives_states = graph.output(0).get_partial_shape().rank.get_length() == 3  # [texts, tokens, hidden]: no head
    return vocabulary, [] if gives_states else head


def _narrowed(graph: openvino.Model, names: Iterable[str], bits: int, storage: Storage) -> openvino.Model:
    """The graph with what these operations read in 8 or 4 bits, rounded to the nearest; nothing else changes."""
    rest = [node.get_friendly_name() for node in _weighted(graph) if node.get_friendly_name() not in set(names)]
    ignored = nncf.IgnoredScope(names=rest)
    if bits == 8:
        return nncf.compress_weights(graph, mode=nncf.CompressWeightsMode.INT8_SYM, ignored_scope=ignored)
    return nncf.compress_weights(graph, ignored_scope=ignored, **_grouped(storage))


def _grouped(storage: Storage) -> dict[str, Any]:
    return {
        "mode": nncf.CompressWeightsMode.INT4_ASYM,
        "group_size": storage.group_size,
        "all_layers": True,  # the others were narrowed before
        "advanced_parameters": AdvancedCompressionParameters(group_size_fallback_mode=GroupSizeFallbackMode.ADJUST),
    }


def _layers_to_int4(graph: openvino.Model, storage: Storage, calibration: Sequence[Batch]) -> openvino.Model:
    names = {name for entry in graph.inputs for name in entry.names}
    feeds = [_feed(batch, names) for batch in calibration]
    method = METHODS[storage.method]
    return nncf.compress_weights(
        graph,
        ratio=1.0 if storage.protected else 1 - storage.kept,  # unnamed layers are picked by NNCF's own measure
        dataset=nncf.Dataset(feeds) if method else None,
        subset_size=max(1, len(feeds)),
        **_grouped(storage),
        **method,
    )


def _feed(batch: Batch, names: set[str]) -> dict[str, np.ndarray]:
    ids = batch["input_ids"]
    rows, tokens = ids.shape
    made = {
        "attention_mask": np.ones_like(ids),
        "position_ids": np.tile(np.arange(tokens, dtype=np.int64), (rows, 1)),
        "beam_idx": np.arange(rows, dtype=np.int32),
    }
    return {name: array for name, array in {**made, **batch}.items() if name in names}


def _weighted(graph: openvino.Model) -> Iterator[Any]:
    """The operations that read a matrix of 32-bit weights."""
    for node in graph.get_ordered_ops():
        if node.get_type_name() in ("MatMul", "Gather") and any(
            _is_matrix(source.get_node(), ("f32",)) for source in node.input_values()
        ):
            yield node


def _numbers(graph: openvino.Model, kinds: tuple[str, ...]) -> int:
    """Numbers in matrices of these types; a zero point for each row is no matrix."""
    return sum(prod(node.get_output_shape(0)) for node in graph.get_ops() if _is_matrix(node, kinds))


def _is_matrix(node: Any, kinds: tuple[str, ...]) -> bool:
    if node.get_type_name() != "Constant" or node.get_element_type().get_type_name() not in kinds:
        return False
    shape = node.get_output_shape(0)
    return len(shape) > 1 and shape[-1] > 1 and prod(shape[:-1]) > 1
