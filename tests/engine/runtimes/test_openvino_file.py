"""A graph on disk says no more than it must, and answers as the one in memory."""

import numpy as np
import openvino
import pytest
from openvino import opset13 as ops

from engine.runtimes.openvino_file import SMALL, share_constants, write_graph


def graph() -> openvino.Model:
    """Two halves that each bring their own constants; one is named with what must be escaped in XML."""
    texts = ops.parameter([-1, 4], openvino.Type.f32, "texts")
    doubled = ops.multiply(texts, ops.constant(np.full((1, 4), 2.0, np.float32)))
    doubled.set_friendly_name("a > b <\n> c")
    again = ops.multiply(doubled, ops.constant(np.full((1, 4), 2.0, np.float32)))
    whole = ops.add(again, ops.constant(np.full((4,), 2.0, np.float32)))
    large = [ops.constant(np.ones((SMALL + 1, 4), np.float32)) for _ in range(2)]
    both = ops.concat([whole, *large], 0)
    return openvino.Model([ops.result(ops.reduce_sum(both, ops.constant(np.int64(1)), True))], [texts], "halves")


def constants(model: openvino.Model) -> int:
    return sum(node.get_type_name() == "Constant" for node in model.get_ops())


def answers(model: openvino.Model) -> np.ndarray:
    given = np.arange(8, dtype=np.float32).reshape(2, 4)
    return openvino.Core().compile_model(model, "CPU")([given])[0]


def test_equal_small_constants_are_kept_once_and_others_stay():
    made = graph()
    before = constants(made)
    wanted = answers(made)
    share_constants(made)
    assert constants(made) == before - 1  # another shape, and what is not small, stay apart
    assert np.array_equal(answers(made), wanted)


@pytest.mark.parametrize("half", [False, True])
def test_the_file_has_no_indentation_and_answers_the_same(half, tmp_path):
    wanted = answers(graph())
    write_graph(graph(), tmp_path / "model.xml", half=half)
    text = (tmp_path / "model.xml").read_text(encoding="utf-8")
    assert ">\n<" not in text
    read = openvino.Core().read_model(tmp_path / "model.xml")
    assert np.allclose(answers(read), wanted)
    assert "a > b <\n> c" in {node.get_friendly_name() for node in read.get_ops()}
