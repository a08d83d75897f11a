"""The routes that a user would take by hand, each as its library's own tutorial does it.

They are measured like ours: loaded in a fresh process, turn about with the same original.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from engine.artifact import copy_tokenizer
from engine.measure.bench import Bench, main
from engine.measure.client import BenchProcess
from engine.models.model import open_model, quiet
from engine.models.profile import labels_of, read_config
from engine.runtimes.exporting import example_inputs, hushed
from engine.tasks.classification import Classifier
from engine.tasks.encoding import Encoder

CALIBRATION_TEXTS = 256


def torch_ao_dynamic(original: Path, folder: Path, texts: tuple[str, ...]) -> None:
    """`torch.ao.quantization.quantize_dynamic({Linear})`; what it makes has to be pickled as a state_dict."""
    network = dynamic(open_model(original).network)
    torch.save(network.state_dict(), folder / "state_dict.pt")
    network.config.save_pretrained(folder)
    copy_tokenizer(original, folder)


def onnx_runtime_dynamic(original: Path, folder: Path, texts: tuple[str, ...]) -> None:
    """Export with transformers, then `quantize_dynamic` with its defaults."""
    import onnx
    from onnxruntime.quantization import quantize_dynamic
    from transformers.exporters import OnnxConfig, OnnxExporter

    with hushed():
        exported = OnnxExporter().export(
            open_model(original).network, _inputs(original, texts), config=OnnxConfig(dynamic=True)
        )
        exported.save_pretrained(folder / "plain")
        graph = onnx.load(folder / "plain" / "model.onnx")
        del graph.graph.value_info[:]  # it refuses the shapes that the exporter leaves behind
        quantize_dynamic(graph, folder / "model.onnx")
    _leave_only_the_result(folder, original)


def nncf_openvino(original: Path, folder: Path, texts: tuple[str, ...]) -> None:
    """Export with transformers, then `nncf.quantize` with its defaults for transformers."""
    import nncf
    import openvino
    from transformers.exporters import OpenVINOConfig, OpenVINOExporter

    encoder = Encoder(original)
    with hushed():
        exported = OpenVINOExporter().export(
            open_model(original).network, _inputs(original, texts), config=OpenVINOConfig(dynamic=True)
        )
        batches = [dict(encoder.batch([text])) for text in texts[:CALIBRATION_TEXTS]]
        narrowed = nncf.quantize(exported.program, nncf.Dataset(batches), model_type=nncf.ModelType.TRANSFORMER)
        openvino.save_model(narrowed, folder / "openvino_model.xml")
    _leave_only_the_result(folder, original)


ROUTES: dict[str, Callable[[Path, Path, tuple[str, ...]], None]] = {
    "by hand: torch.ao dynamic int8": torch_ao_dynamic,
    "by hand: ONNX Runtime dynamic int8": onnx_runtime_dynamic,
    "by hand: NNCF int8, OpenVINO": nncf_openvino,
}


class TorchAoBench(Bench):
    """The fresh process for a folder that only its maker can load."""

    def do_load(self, request: dict[str, Any]) -> dict[str, Any]:
        """Build the network from its config, make it dynamic, and fill it from the pickle."""
        from transformers import AutoConfig, AutoModelForSequenceClassification

        torch.set_num_threads(request["threads"])
        folder = Path(request["folder"])
        with quiet():
            network = AutoModelForSequenceClassification.from_config(AutoConfig.from_pretrained(folder)).eval()
        network = dynamic(network)
        network.load_state_dict(torch.load(folder / "state_dict.pt", weights_only=False))

        def session(batch: Any) -> Any:
            with torch.inference_mode():
                return network(**{name: torch.from_numpy(array) for name, array in batch.items()}).logits.numpy()

        self._reader = Classifier(Encoder(folder), session, labels_of(read_config(folder)))
        return {"runtime": "torch", "libraries_bytes": 0}


class HandProcess(BenchProcess):
    """A fresh process for any of the routes."""

    @property
    def command(self) -> list[str]:
        """torch.ao's folders need the process above; the others load like ours."""
        if not (self.folder / "state_dict.pt").is_file():
            return super().command
        return [sys.executable, __file__]


def dynamic(network: Any) -> Any:
    """The textbook's one line."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(network, {torch.nn.Linear}, dtype=torch.qint8)


def _inputs(original: Path, texts: tuple[str, ...]) -> dict[str, torch.Tensor]:
    encoder = Encoder(original)
    return example_inputs([encoder.batch([text]) for text in texts[:8]])


def _leave_only_the_result(folder: Path, original: Path) -> None:
    import shutil

    shutil.rmtree(folder / "plain", ignore_errors=True)
    shutil.copyfile(original / "config.json", folder / "config.json")
    copy_tokenizer(original, folder)


if __name__ == "__main__":
    main(TorchAoBench)
