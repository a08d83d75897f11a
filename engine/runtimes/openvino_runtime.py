"""OpenVINO: `openvino_model.xml` and `.bin` beside config and tokenizer.

8 bits: NNCF's post-training quantization of weights (a scale a channel) and activations, calibrated
on training texts; of weights alone for decoders, on request, and at 4 bits. 16 bits: fp16 on disk,
computed in bf16 where the processor can.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from engine.artifact import copy_tokenizer
from engine.models.profile import Profile, RuntimeName
from engine.runtimes.base import Batch, Runtime, Session, Writer, as_exported
from engine.runtimes.decoder_size import MODEL_TYPES, decoder_bytes, narrow_bytes

if TYPE_CHECKING:
    import numpy as np

    from engine.models.model import Model

FILE = "openvino_model.xml"
GRAPH_BYTES = {32: (36_300, 13_500), 16: (39_700, 15_900), 8: (45_300, 30_700), 4: (51_000, 31_500)}
"""Bits → the XML alone: for the model, and for each layer (read off exports of the contract suite's models)."""
WEIGHTS_ONLY_BYTES = (43_800, 21_400)
"""The same for 8 bits of weights alone."""
HEAD_BYTES = {32: 3_100, 16: 4_300, 8: 9_100, 4: 9_400}
"""Bits → how much of that is for the head of a classifier."""
TABLE_BYTES = {"roberta": 20_000}
"""What a graph works out places with, by `model_type`: beside its weights, whatever their bits."""
WEIGHTS_ONLY_SPEED = (1.9, 4.4)
"""`speed` for 8 bits of weights alone."""
BITS_KEY = ("bozzetto", "bits")
"""Where the graph itself says how many bits it was made for."""


class OpenVinoRuntime(Runtime):
    """Fast for batches of texts."""

    name: ClassVar[RuntimeName] = "openvino"
    title: ClassVar[str] = "OpenVINO"
    packages: ClassVar[tuple[str, ...]] = ("openvino", "nncf")
    marker: ClassVar[str] = FILE
    uncertain_bytes: ClassVar[int] = 20_000
    speed: ClassVar[dict[int, tuple[float, float]]] = {32: (0.9, 1.2), 16: (2.2, 3.4), 8: (3.0, 5.0), 4: (2.4, 7.0)}
    writing_speed: ClassVar[dict[int, tuple[float, float]]] = {
        32: (1.3, 2.6),
        16: (1.3, 3.0),
        8: (3.0, 5.1),
        4: (3.0, 5.9),
    }

    def refusal(self, profile: Profile) -> str | None:
        """Refused for decoders whose graph is not written out here."""
        if profile.kind == "decoder" and profile.model_type not in MODEL_TYPES:
            return f"OpenVINO's writer here does not know models of type '{profile.model_type}'. Choose PyTorch."
        return None

    def speed_of(self, profile: Profile) -> tuple[float, float]:
        """Slower in batches where weights alone have 8 bits."""
        return WEIGHTS_ONLY_SPEED if profile.storage.weights_only and not profile.writes else super().speed_of(profile)

    def stored_bytes(self, profile: Profile) -> int:
        """Counted: weights at their width, scales, and the graph's own bytes a layer."""
        if profile.kind == "decoder":
            return decoder_bytes(profile)
        profile = as_exported(profile)
        vectors = sum(part.vectors for part in profile.parts.values())
        matrices = profile.parameters - vectors
        storage = profile.storage
        base, layer = WEIGHTS_ONLY_BYTES if storage.weights_only else GRAPH_BYTES[storage.bits]
        graph = base + layer * profile.layers + TABLE_BYTES.get(profile.model_type, 0)
        graph -= 0 if profile.has_head else HEAD_BYTES[storage.bits]
        if storage.bits == 4 or storage.weights_only:
            return narrow_bytes(profile) + graph + profile.tokenizer_bytes
        if profile.storage.bits != 8:
            return (matrices + vectors) * profile.storage.bits // 8 + graph + profile.tokenizer_bytes
        rows = sum(part.rows for part in profile.parts.values())
        return matrices + 4 * vectors + 4 * rows + 4 * _smoothed(profile) + graph + profile.tokenizer_bytes

    def save(self, model: Model, folder: Path, calibration: Sequence[Batch], progress: Callable[[str], None]) -> None:
        """Convert with free batch and length; calibrate and narrow for 8 bits."""
        from engine.runtimes.openvino_file import write_graph

        progress("translating the model to OpenVINO")
        decodes = model.network.config.model_type in MODEL_TYPES
        graph = _decoder(model) if decodes else _export(model, calibration)
        if model.storage.bits == 4 or (model.storage.bits == 8 and (decodes or model.storage.weights_only)):
            graph = _compressed(graph, model, calibration, progress)
        elif model.storage.bits == 8:
            progress("reading calibration texts")
            graph = _to_int8(graph, calibration)
        graph.set_rt_info(str(model.storage.bits), list(BITS_KEY))
        progress("writing the OpenVINO files")
        write_graph(graph, folder / FILE, half=model.storage.bits == 16)
        model.network.config.save_pretrained(folder)
        copy_tokenizer(model.folder, folder)

    def load(self, folder: Path, threads: int, *, full_precision: bool = False) -> Session:
        """Compile for the CPU. 32 bits are computed in 32 bits; otherwise as OpenVINO does by default."""
        import openvino

        core = openvino.Core()
        graph = core.read_model(folder / FILE)
        compiled = core.compile_model(graph, "CPU", _settings(graph, threads, full_precision))
        names = {name for entry in compiled.inputs for name in entry.names}
        request = compiled.create_infer_request()

        def session(batch: Batch) -> np.ndarray:
            request.infer({name: array for name, array in batch.items() if name in names}, share_inputs=True)
            return request.get_output_tensor(0).data.copy()

        return session

    def load_writer(self, folder: Path, threads: int, *, full_precision: bool = False) -> Writer:
        """The stateful graph, compiled for the CPU; computes and keeps its cache as `load` says."""
        import openvino

        from engine.runtimes.openvino_writer import OpenVinoWriter

        graph = openvino.Core().read_model(folder / FILE)
        # By default the cache would have 8 bits while whole texts are scored without it: measured unlike shipped.
        settings = {"KV_CACHE_PRECISION": "f16", **_settings(graph, threads, full_precision)}
        return OpenVinoWriter(folder, graph, settings)


def _settings(graph: Any, threads: int, full_precision: bool) -> dict[str, Any]:
    """As OpenVINO computes by default, but 32 bits where those are stored or asked for."""
    settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
    stored = graph.get_rt_info(list(BITS_KEY)).astype(str) if graph.has_rt_info(list(BITS_KEY)) else ""
    if full_precision or stored == "32":
        settings |= {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32"}
        settings["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = 0
    return settings


def _smoothed(profile: Profile) -> int:
    """Inputs that NNCF scales, each by a number of its own, before a matrix (SmoothQuant, arXiv:2211.10438)."""
    attention_width = profile.attention.matrices // (4 * profile.hidden * profile.layers)
    return profile.layers * (2 * profile.hidden + attention_width + profile.feed_forward_width) + 2 * profile.hidden


def _decoder(model: Model) -> Any:
    from engine.runtimes.decoder_graph import decoder_graph

    return decoder_graph(model.network)


def _compressed(graph: Any, model: Model, calibration: Sequence[Batch], progress: Callable[[str], None]) -> Any:
    """The graph with its weights alone in 8 or 4 bits."""
    from engine.runtimes.weight_compression import compress

    bits = model.storage.bits
    progress(f"writing weights in {bits} bits")
    graph, coverage = compress(graph, model.storage, calibration)
    progress(f"{coverage:.1%} of the weights have {bits} bits{', or 8 where more is needed' if bits == 4 else ''}")
    return graph


def _export(model: Model, calibration: Sequence[Batch]) -> Any:
    from transformers.exporters.configs import OpenVINOConfig
    from transformers.exporters.exporter_openvino import OpenVINOExporter

    from engine.runtimes.exporting import example_inputs, hushed, without_pooler

    with hushed(), without_pooler(model.network):
        exported = OpenVINOExporter().export(
            model.network, example_inputs(calibration), config=OpenVINOConfig(dynamic=True)
        )
    return exported.program


def _to_int8(graph: Any, calibration: Sequence[Batch]) -> Any:
    import nncf

    from engine.runtimes.exporting import hushed

    names = {name for entry in graph.inputs for name in entry.names}
    feeds = [{name: array for name, array in batch.items() if name in names} for batch in calibration]
    with hushed():
        return nncf.quantize(graph, nncf.Dataset(feeds), model_type=nncf.ModelType.TRANSFORMER, subset_size=len(feeds))
