"""A causal language model in OpenVINO: the decode loop over the graph's own cache variables."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from openvino import opset13 as ops

from engine.models.profile import read_config
from engine.runtimes.base import Writer, longest_text


class OpenVinoWriter(Writer):
    """Two compiled forms of one file: one that gives the last token's logits, and, once asked for, one that gives all.

    Without the first, every token of a prompt would be multiplied with the whole vocabulary.
    """

    def __init__(self, folder: Path, graph: openvino.Model, settings: dict[str, Any]) -> None:
        self._graph, self._settings = graph, settings
        self.longest = longest_text(read_config(folder))
        self.vocabulary = graph.output("logits").get_partial_shape()[2].get_length()
        short = graph.clone()  # constants are shared, and mapped from the file
        _keep_last_token(short)
        self._request = openvino.Core().compile_model(short, "CPU", settings).create_infer_request()
        self._ones = np.ones((1, self.longest), dtype=np.int64)
        self._places = np.arange(self.longest, dtype=np.int64)[None]
        self._beam = np.zeros(1, dtype=np.int32)
        self._read = 0

    def logits(self, ids: np.ndarray) -> np.ndarray:
        """All logits of whole windows, in a form of the graph that keeps no text."""
        windows, tokens = ids.shape
        self._must_fit(tokens)
        self._all.reset_state()
        feed = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "position_ids": np.tile(self._places[:, :tokens], (windows, 1)),
            "beam_idx": np.arange(windows, dtype=np.int32),
        }
        self._all.infer(feed, share_inputs=True)
        return self._all.get_output_tensor(0).data.copy()

    def start(self, ids: np.ndarray) -> np.ndarray:
        """Empty the variables and read the prompt."""
        self._must_fit(len(ids))
        self._request.reset_state()
        self._read = 0
        return self._infer(np.ascontiguousarray(ids, dtype=np.int64)[None])

    def step(self, token: int) -> np.ndarray:
        """One token more."""
        self._must_fit(self._read + 1)
        return self._infer(np.array([[token]], dtype=np.int64))

    def _infer(self, ids: np.ndarray) -> np.ndarray:
        before, self._read = self._read, self._read + ids.shape[1]
        feed = {
            "input_ids": ids,
            "attention_mask": self._ones[:, : self._read],
            "position_ids": self._places[:, before : self._read],
            "beam_idx": self._beam,
        }
        self._request.infer(feed, share_inputs=True)
        return self._request.get_output_tensor(0).data[0, 0].copy()

    @cached_property
    def _all(self) -> openvino.InferRequest:
        return openvino.Core().compile_model(self._graph, "CPU", self._settings).create_infer_request()


def _keep_last_token(model: openvino.Model) -> None:
    """Let only the last token reach the output head: a Gather on the hidden state before the last product."""
    node = model.output("logits").get_node()
    while node.get_type_name() != "MatMul":
        node = node.input_value(0).get_node()
    hidden = node.input_value(0)
    last = ops.gather(hidden, ops.constant(np.array([-1])), ops.constant(np.int64(1)))
    node.input(0).replace_source_output(last.output(0))
    model.validate_nodes_and_infer_types()
