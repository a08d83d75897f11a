"""ONNX Runtime: one `model.onnx` beside config and tokenizer.

8 bits: int8 weights, one scale a channel; activations get a new scale for every batch
(`onnxruntime.quantization.quantize_dynamic`). 16 bits: fp16 on disk, widened when loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from engine.artifact import copy_tokenizer
from engine.device import this_machine
from engine.models.profile import Profile, RuntimeName
from engine.runtimes.base import Batch, Runtime, Session, as_exported, check_coverage

if TYPE_CHECKING:
    import numpy as np

    from engine.models.model import Model

FILE = "model.onnx"
SINGLE_FILE_LIMIT = 1_900_000_000
"""protobuf holds at most 2 GiB; beyond this the weights go beside the graph."""
GRAPH_BYTES = {32: (5_300, 3_980), 16: (6_000, 5_550), 8: (9_000, 9_750)}
"""Bits → graph alone: for the model, and for each layer (read off exports of the contract suite's models)."""
DECODER_BYTES = {
    "gpt2": {32: (4_700, 4_640), 16: (5_000, 5_750), 8: (7_900, 10_370)},
    "llama": {32: (4_700, 4_930), 16: (4_950, 5_500), 8: (7_750, 12_630)},
    "mistral": {32: (5_000, 5_050), 16: (5_200, 5_610), 8: (8_200, 12_760)},
    "qwen2": {32: (4_730, 5_320), 16: (4_940, 6_200), 8: (7_700, 13_170)},
    "qwen3": {32: (4_840, 5_880), 16: (4_980, 6_660), 8: (7_830, 14_360)},
}
"""The same of a decoder with a classification head, by its `model_type` (read off files of 1 and 3 layers)."""


class OnnxRuntime(Runtime):
    """Fast for one text at a time."""

    name: ClassVar[RuntimeName] = "onnxruntime"
    title: ClassVar[str] = "ONNX Runtime"
    packages: ClassVar[tuple[str, ...]] = ("onnxruntime", "onnx", "onnxscript")
    marker: ClassVar[str] = FILE
    uncertain_bytes: ClassVar[int] = 4_000
    speed: ClassVar[dict[int, tuple[float, float]]] = {32: (1.0, 2.2), 16: (1.0, 2.2), 8: (1.8, 4.0)}

    def refusal(self, profile: Profile) -> str | None:
        """Refused for text generators, and for 4 bits."""
        if profile.writes:
            return (
                "ONNX Runtime cannot run text generators here: the export keeps no cache of what was read, so every "
                "token would read the whole text again. Choose OpenVINO or PyTorch."
            )
        if profile.storage.bits == 4:
            return "ONNX Runtime has no 4 bits for this kind of model here. Choose OpenVINO, or 8 bits."
        if profile.storage.weights_only:
            return "ONNX Runtime narrows what is computed as well. Choose OpenVINO, or do without 'weights alone'."
        return None

    def stored_bytes(self, profile: Profile) -> int:
        """Counted: weights at their width, scales, and the graph's own bytes a layer."""
        profile = as_exported(profile)
        vectors = sum(part.vectors for part in profile.parts.values())
        matrices = profile.parameters - vectors
        base, layer = DECODER_BYTES.get(profile.model_type, GRAPH_BYTES)[max(8, profile.storage.bits)]
        graph = base + layer * profile.layers
        if profile.storage.bits != 8:
            return (matrices + vectors) * profile.storage.bits // 8 + graph + profile.tokenizer_bytes
        scaled = profile.attention.rows + profile.feed_forward.rows + profile.head.rows
        return matrices + 4 * vectors + 5 * scaled + graph + profile.tokenizer_bytes

    def save(self, model: Model, folder: Path, calibration: Sequence[Batch], progress: Callable[[str], None]) -> None:
        """Export the graph with free batch and length, then narrow its weights."""
        progress("translating the model to ONNX")
        graph = _export(model, calibration)
        progress("writing the ONNX file")
        if model.storage.bits == 8:
            graph = _to_int8(graph)
        elif model.storage.bits == 16:
            _to_fp16(graph)
        _write(graph, folder / FILE)
        model.network.config.save_pretrained(folder)
        copy_tokenizer(model.folder, folder)

    def load(self, folder: Path, threads: int, *, full_precision: bool = False) -> Session:
        """An `InferenceSession` on the CPU."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        loaded = onnxruntime.InferenceSession(folder / FILE, options, providers=["CPUExecutionProvider"])
        names = {entry.name for entry in loaded.get_inputs()}

        def session(batch: Batch) -> np.ndarray:
            feed = {name: array for name, array in batch.items() if name in names}
            return cast("np.ndarray", loaded.run(None, feed)[0])

        return session


def _export(model: Model, calibration: Sequence[Batch]) -> Any:
    """An `onnx.ModelProto` without the tracer's notes and stale shapes."""
    import onnx_ir
    from transformers.exporters.configs import OnnxConfig
    from transformers.exporters.exporter_onnx import OnnxExporter

    from engine.runtimes.exporting import example_inputs, hushed, without_pooler

    inputs = example_inputs(calibration)
    with hushed(), without_pooler(model.network):
        exported = OnnxExporter().export(model.network, inputs, config=OnnxConfig(dynamic=True))
        graph = onnx_ir.to_proto(exported.program)
    # The optimizer leaves shapes of before its folding, which quantize_dynamic would trip over.
    del graph.graph.value_info[:]
    for node in graph.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for tensor in (*graph.graph.input, *graph.graph.output):
        del tensor.metadata_props[:]
    del graph.graph.metadata_props[:]
    del graph.functions[:]
    return graph


def _to_int8(graph: Any) -> Any:
    import tempfile

    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    from engine.runtimes.exporting import hushed

    before = _weight_count(graph, onnx.TensorProto.FLOAT)
    with tempfile.TemporaryDirectory() as place, hushed():
        out = Path(place) / FILE
        quantize_dynamic(
            graph,
            out,
            per_channel=True,
            weight_type=QuantType.QInt8,
            # Without VNNI two int8 products are summed in 16 bits and may saturate: use 7 bits there.
            reduce_range=not this_machine().runs_int8,
            use_external_data_format=graph.ByteSize() > SINGLE_FILE_LIMIT,
        )
        narrowed = onnx.load(out)
    coverage = 1 - _weight_count(narrowed, onnx.TensorProto.FLOAT) / max(before, 1)
    check_coverage(OnnxRuntime.title, coverage, 8, "OpenVINO or 16 bits")
    return narrowed


def _weight_count(graph: Any, dtype: int) -> int:
    """Numbers of that type in matrices (two dimensions or more)."""
    from math import prod

    return sum(prod(t.dims) for t in graph.graph.initializer if t.data_type == dtype and len(t.dims) > 1)


def _to_fp16(graph: Any) -> None:
    """Store every large 32-bit weight in fp16 behind a Cast, which ONNX Runtime folds when it loads."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in graph.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or len(numpy_helper.to_array(tensor).ravel()) < 32:
            continue
        name = tensor.name
        values = np.clip(numpy_helper.to_array(tensor), -65504, 65504).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(values, name + "_fp16"))
        casts.append(helper.make_node("Cast", [name + "_fp16"], [name], to=TensorProto.FLOAT))
    nodes = list(graph.graph.node)
    del graph.graph.node[:]
    graph.graph.node.extend(casts + nodes)


def _write(graph: Any, path: Path) -> None:
    import onnx

    onnx.save(
        graph,
        path,
        save_as_external_data=graph.ByteSize() > SINGLE_FILE_LIMIT,
        location=path.name + ".data",
    )
