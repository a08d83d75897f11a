"""Weight-only 8 and 4 bits for OpenVINO, by NNCF, and how much of the model that reached.

8 bits: one scale and zero point a row. 4 bits: one a group of neighbours in a row; word embeddings,
output head and the layers that `Storage.protected` names stay at 8 bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
        if storage.bits == 8:
            graph = nncf.compress_weights(graph, mode=nncf.CompressWeightsMode.INT8_ASYM)
        else:
            if storage.protected:
                rest = [name for name in _weighted(graph) if name not in storage.protected]
                graph = nncf.compress_weights(
                    graph, mode=nncf.CompressWeightsMode.INT8_ASYM, ignored_scope=nncf.IgnoredScope(names=rest)
                )
            graph = _to_int4(graph, storage, calibration)
    coverage = _numbers(graph, NARROW) / max(could, 1)
    check_coverage("OpenVINO", coverage, storage.bits, "16 bits")
    return graph, coverage


def _to_int4(graph: openvino.Model, storage: Storage, calibration: Sequence[Batch]) -> openvino.Model:
    names = {name for entry in graph.inputs for name in entry.names}
    feeds = [_feed(batch, names) for batch in calibration]
    method = METHODS[storage.method]
    return nncf.compress_weights(
        graph,
        mode=nncf.CompressWeightsMode.INT4_ASYM,
        group_size=storage.group_size,
        ratio=1.0 if storage.protected else 1 - storage.kept,  # unnamed layers are picked by NNCF's own measure
        dataset=nncf.Dataset(feeds) if method else None,
        subset_size=max(1, len(feeds)),
        advanced_parameters=AdvancedCompressionParameters(group_size_fallback_mode=GroupSizeFallbackMode.ADJUST),
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


def _weighted(graph: openvino.Model) -> Iterator[str]:
    """Names of the operations that read a matrix of 32-bit weights."""
    for node in graph.get_ordered_ops():
        if node.get_type_name() in ("MatMul", "Gather") and any(
            _is_matrix(source.get_node(), ("f32",)) for source in node.input_values()
        ):
            yield node.get_friendly_name()


def _numbers(graph: openvino.Model, kinds: tuple[str, ...]) -> int:
    """Numbers in matrices of these types; a zero point for each row is no matrix."""
    return sum(prod(node.get_output_shape(0)) for node in graph.get_ops() if _is_matrix(node, kinds))


def _is_matrix(node: Any, kinds: tuple[str, ...]) -> bool:
    if node.get_type_name() != "Constant" or node.get_element_type().get_type_name() not in kinds:
        return False
    shape = node.get_output_shape(0)
    return len(shape) > 1 and shape[-1] > 1 and prod(shape[:-1]) > 1
