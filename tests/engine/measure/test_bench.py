"""A real fresh process for each task: answers, times, writes and says in words what went wrong."""

from collections.abc import Iterator

import numpy as np
import pytest

from engine.data.splits import Examples
from engine.errors import Cancelled, Refused
from engine.measure.client import BenchProcess
from engine.runtimes import runtime_of
from engine.tasks import TASKS, task_named

PAIRS = Examples(
    ("a dog near the river", "warm bread", "the old king"),
    ((1, 2), (0,), (2,)),
    ("dark bread", "a sheep near the valley", "a quiet king"),
)
WINDOWS = Examples((" the old king once kept sheep", " and some bread"), ("", "a dog near the old river"))


def nothing(*_: object) -> None:
    pass


stops: list[str] = []
"""Whoever writes here wants the answer that is under way to be cancelled."""


def check() -> None:
    if stops:
        raise Cancelled(stops.pop())


@pytest.fixture(scope="module")
def writes(tiny_models, tmp_path_factory) -> Iterator[BenchProcess]:
    folder = tiny_models.build_decoder(tmp_path_factory.mktemp("bench") / "llama", "llama")
    with BenchProcess(folder, "language modelling", check, full_precision=True) as bench:
        yield bench


def inside(bench: BenchProcess, task: str):
    """The same folder in this process."""
    return task_named(task).load(runtime_of(bench.folder), bench.folder, 1, full_precision=True)


def test_a_language_model(writes, tmp_path):
    reader = inside(writes, "language modelling")
    assert writes.loaded["runtime"] == "torch"
    answers = writes.answers(WINDOWS, nothing, keep=tmp_path / "kept.npy")
    np.testing.assert_allclose(answers, reader.answers(WINDOWS, nothing), rtol=1e-4)
    again = writes.answers(WINDOWS, nothing, against=tmp_path / "kept.npy")
    assert again[:, 4].sum() > 0
    assert again[:, 3].max() < 1e-3
    pieces: list[str] = []
    found = writes.respond("the king", {"tokens": 12}, pieces.append)
    assert found["ids"] == reader.respond("the king", nothing, {"tokens": 12})["ids"]
    assert "".join(pieces) == found["text"]
    for work in task_named("language modelling").workloads(WINDOWS, writes.folder):
        times = writes.time(work.items * 2)
        assert len(times) == 2
        assert min(times) > 0
    assert writes.peak_memory() > writes.loaded["libraries_bytes"] > 0


def test_an_embedder(tiny_model):
    task = "sentence similarity"
    with BenchProcess(tiny_model("bert", head=False), task, nothing, full_precision=True) as bench:
        reader, told = inside(bench, task), []
        np.testing.assert_allclose(bench.answers(PAIRS, told.append), reader.answers(PAIRS, nothing), atol=1e-5)
        for work in task_named(task).workloads(PAIRS, bench.folder):
            assert len(bench.time(work.items[:3])) == len(work.items[:3])


def test_what_goes_wrong_is_a_sentence_and_the_process_goes_on(writes):
    with pytest.raises(
        Refused, match=r"did not pass in a fresh process: There is no token to go on from\. Type a text"
    ):
        writes._ask({"do": "time", "items": [{"text": "", "prompt": 0, "write": 0}]})
    assert writes.respond("the king", {"tokens": 2})["prompt_tokens"] > 0
    with pytest.raises(Refused, match=r"KeyError"):
        writes.respond("a", {}) and writes._ask({"do": "answers"})
    assert writes.peak_memory() > 0


def test_writing_is_cancelled_in_the_middle(writes):
    """The last of this file that asks this process: what it still writes is read by nobody."""
    told: list[str] = []

    def piece(text: str) -> None:
        told.append(text)
        stops.append("Cancelled.")

    with pytest.raises(Cancelled):
        writes.respond("the king", {"tokens": 100}, piece)
    assert len(told) == 1


def test_each_task_is_named_once():
    assert len({task.name for task in TASKS}) == len(TASKS) == 3
    with pytest.raises(Refused, match="There is no task 'nonsense'; there are classification"):
        task_named("nonsense")
