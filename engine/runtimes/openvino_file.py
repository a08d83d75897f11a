"""An OpenVINO graph on disk without what says nothing: equal small constants twice, and indentation.

The text of a graph is 40 to 90 KB a layer, a tenth of a small model at 4 bits.
"""

from __future__ import annotations

import re
from math import prod
from pathlib import Path
from typing import Any

import openvino

SMALL = 64
"""Numbers in a constant that is looked at: axes, shapes, scales of attention, never weights."""


def write_graph(graph: openvino.Model, path: Path, *, half: bool) -> None:
    """Write `path` (.xml) and the .bin beside it; `half` keeps 32-bit numbers in 16."""
    share_constants(graph)
    openvino.save_model(graph, path, compress_to_fp16=half)
    # Within an attribute "<" is written "&lt;", so this is always between two elements.
    path.write_text(re.sub(r">\s+<", "><", path.read_text(encoding="utf-8")), encoding="utf-8")


def share_constants(graph: openvino.Model) -> None:
    """Let whoever reads one of several equal small constants read the same one, in place."""
    first: dict[tuple[Any, ...], Any] = {}
    for node in graph.get_ordered_ops():
        if node.get_type_name() != "Constant" or node.get_output_size() != 1:
            continue
        output = node.output(0)
        if prod(output.get_shape()) > SMALL:
            continue
        key = (output.get_element_type().get_type_name(), tuple(output.get_shape()), node.data.tobytes())
        kept = first.setdefault(key, node)
        if kept is not node:
            for reader in list(output.get_target_inputs()):
                reader.replace_source_output(kept.output(0))
    graph.validate_nodes_and_infer_types()
