"""The routes that a user would take by hand for a language model, each as its library's own tutorial does it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from hand import dynamic

from engine.artifact import copy_tokenizer
from engine.measure.bench import Bench, main
from engine.measure.client import BenchProcess
from engine.models.model import open_model, quiet
from engine.runtimes.exporting import hushed
from engine.runtimes.openvino_runtime import FILE
from engine.runtimes.torch_writer import TorchWriter
from engine.tasks.language_modelling import LanguageReader
from engine.tasks.windows import WindowEncoder

STATE = "state_dict.pt"


def torch_ao_dynamic(original: Path, folder: Path) -> None:
    """`torch.ao.quantization.quantize_dynamic({Linear})`; what it makes has to be pickled as a state_dict."""
    network = dynamic(open_model(original, "AutoModelForCausalLM").network)
    torch.save(network.state_dict(), folder / STATE)
    network.config.save_pretrained(folder)
    copy_tokenizer(original, folder)


def nncf_openvino(original: Path, folder: Path) -> None:
    """Export with transformers, with its cache in the graph, then `nncf.compress_weights` with its defaults."""
    import nncf
    import openvino
    from transformers.exporters import OpenVINOConfig, OpenVINOExporter

    network = open_model(original, "AutoModelForCausalLM").network
    ids = torch.randint(0, network.config.vocab_size, (2, 12))
    with torch.inference_mode():
        past = network(input_ids=ids[:, :7], use_cache=True).past_key_values
    inputs = {
        "input_ids": ids[:, 7:],
        "attention_mask": torch.ones_like(ids),
        "position_ids": torch.arange(7, 12).repeat(2, 1),
        "past_key_values": past,
        "use_cache": True,
    }
    with hushed():
        exported = OpenVINOExporter().export(network, inputs, config=OpenVINOConfig(dynamic=True))
        openvino.save_model(nncf.compress_weights(exported.program), folder / FILE)
    network.config.save_pretrained(folder)
    copy_tokenizer(original, folder)


ROUTES: dict[str, Callable[[Path, Path], None]] = {
    "by hand: torch.ao dynamic int8": torch_ao_dynamic,
    "by hand: NNCF int8, OpenVINO": nncf_openvino,
}


class DynamicWriter(TorchWriter):
    """torch.ao's narrowed network, built from its config and filled from the pickle."""

    def _opened(self, folder: Path, dtype: Any) -> Any:
        from transformers import AutoConfig, AutoModelForCausalLM

        with quiet():
            network = dynamic(AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder)).eval())
        network.load_state_dict(torch.load(folder / STATE, weights_only=False))
        return network


class TorchAoBench(Bench):
    """The fresh process for a folder that only its maker can load."""

    def do_load(self, request: dict[str, Any]) -> dict[str, Any]:
        """As ours, with torch.ao's network."""
        folder = Path(request["folder"])
        self._reader = LanguageReader(WindowEncoder(folder), DynamicWriter(folder, request["threads"]))
        return {"runtime": "torch", "libraries_bytes": 0}


class HandProcess(BenchProcess):
    """A fresh process for any of the routes."""

    @property
    def command(self) -> list[str]:
        """torch.ao's folders need the process above; the others load like ours."""
        return [sys.executable, __file__] if (self.folder / STATE).is_file() else super().command


if __name__ == "__main__":
    main(TorchAoBench)
