"""What is saved loads again in a fresh process and answers the same, at shapes that no export has seen."""

import copy
import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.data.splits import Examples
from engine.errors import Refused
from engine.measure.client import BenchProcess
from engine.methods.routes import calibration_batches, save_as
from engine.methods.sensitivity import rounded_to_nearest
from engine.models.profile import Storage
from engine.runtimes import runtime_named
from engine.tasks.classification import Classification
from engine.tasks.encoding import Encoder
from engine.techniques.prune import Prune
from engine.techniques.quantize import Quantize

RUNTIMES = ("torch", "onnxruntime", "openvino")
LABELS = ("animal", "food", "place")
TOLERANCE = {32: 1e-4, 16: 0.08, 8: 0.25, 4: 0.25}
"""Bits → ‖logits − logits in memory‖ / ‖logits in memory‖.

bf16 costs MiniLM 1 %; the last layer of these models is fitted to texts and makes more of any rounding.
"""
SAME_ANSWERS = 0.9
PLAIN = """
import json, sys, numpy, torch
from transformers import AutoModelForSequenceClassification
for folder, inputs, out in json.load(sys.stdin):
    network = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        batch = {name: torch.from_numpy(array) for name, array in numpy.load(inputs).items()}
        numpy.save(out, network(**batch).logits.float().numpy())
"""


@pytest.fixture(scope="module")
def texts(workshop) -> list[str]:
    """Some of usual length, one of 3 tokens, one of about 50, one longer than the longest input: none seen before."""
    usual = workshop.data.test.texts
    return [*usual[:14], "dog", " ".join(usual[:6]), " ".join(usual)]


def in_memory(applied, texts: list[str]) -> np.ndarray:
    """What the network answers before it is saved; for 4 bits, with its layers' and embeddings' weights rounded so."""
    network, storage = applied.model.network, applied.model.storage
    if storage.bits == 4:
        network = copy.deepcopy(network)
        inner = [one for one in network.modules() if isinstance(one, torch.nn.Linear)][:-1]  # the last has 8 bits
        words = [one for one in network.modules() if isinstance(one, torch.nn.Embedding)]
        with torch.no_grad():
            for one in inner + (words if storage.vocabulary_bits == 4 else []):
                one.weight.copy_(rounded_to_nearest(one.weight.clone(), storage.group_size))
    reader = Classification().in_memory(network, applied.model.folder, lambda: None)
    return reader.answers(examples_of(texts), lambda _: None)


def examples_of(texts: list[str]) -> Examples:
    """Texts whose labels do not matter."""
    return Examples(tuple(texts), (0,) * len(texts))


def distance(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


class Bench(BenchProcess):
    """A fresh process that is given one folder after the other."""

    def of(self, folder: Path, texts: list[str], batch: int) -> np.ndarray:
        """Logits of `folder` to texts in batches of this size."""
        self._ask(
            {"do": "load", "folder": str(folder), "task": "classification", "threads": 1, "full_precision": False}
        )
        pieces = [texts[at : at + batch] for at in range(0, len(texts), batch)]
        return np.concatenate([self.answers(examples_of(piece), lambda _: None) for piece in pieces])


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_fresh_process_answers_the_same(runtime, workshop, saved_cases, texts):
    """One process for all folders of a runtime; batches of 1 and of 7."""
    applied = {str(case): workshop.applied(case) for case in saved_cases}
    applied = {name: one for name, one in applied.items() if one.model.storage.runtime == runtime}
    too_far = {}
    with Bench(next(iter(applied.values())).folder, "classification", lambda: None) as bench:
        for (name, one), batch in itertools.product(applied.items(), (1, 7)):
            found, wanted = bench.of(one.folder, texts, batch), in_memory(one, texts)
            same = (found.argmax(axis=1) == wanted.argmax(axis=1)).mean()
            if distance(found, wanted) > TOLERANCE[one.model.storage.bits] or same < SAME_ANSWERS:
                too_far[name, batch] = distance(found, wanted), same
    assert too_far == {}


def test_plain_from_pretrained_loads_what_is_said_to_load_plainly(workshop, saved_cases, texts, tmp_path):
    """In a process that imports only transformers and torch."""
    applied = [workshop.applied(case) for case in saved_cases]
    plain = [one for one in applied if one.model.profile.loads_plainly]
    assert plain
    jobs = []
    for number, one in enumerate(plain):
        inputs, out = tmp_path / f"{number}.npz", tmp_path / f"{number}.npy"
        np.savez(inputs, **Encoder(one.folder).batch(texts))
        jobs.append((str(one.folder), str(inputs), str(out)))
    ended = subprocess.run(
        [sys.executable, "-c", PLAIN], input=json.dumps(jobs), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    for one, (folder, _, out) in zip(plain, jobs, strict=True):
        assert distance(np.load(out), in_memory(one, texts)) <= TOLERANCE[one.model.storage.bits], folder


def test_the_client_gets_the_same_answers(workshop, row_case, texts):
    applied = workshop.applied(row_case(Quantize, "bert", bits=32, runtime="openvino"))
    with BenchProcess(applied.folder, "classification", lambda: None) as bench:
        assert bench.loaded["runtime"] == "openvino"
        assert distance(bench.answers(examples_of(texts), lambda _: None), in_memory(applied, texts)) <= TOLERANCE[32]
        answer = bench.respond(texts[0], {})
        assert answer["answer"] == LABELS[in_memory(applied, texts)[0].argmax()]
        assert answer["ms"] > 0
        assert bench.peak_memory() > bench.loaded["libraries_bytes"]


def test_fewer_heads_load_through_openvino_but_not_torch(family, workshop, row_case, texts):
    applied = workshop.applied(row_case(Prune, family, structure="attention heads", sparsity=0.5))
    profile, context = applied.model.profile, applied.context
    sentence = r"cannot load a \w+ with fewer attention heads or thinner layers\. Choose ONNX Runtime or OpenVINO"
    with pytest.raises(Refused, match=sentence):
        save_as(applied.model.with_profile(Quantize(bits=32).stored(profile, "torch")), [], context)
    storage = Storage(runtime="openvino", bits=32)
    model = applied.model.with_profile(profile.model_copy(update={"storage": storage}))
    saved = save_as(model, calibration_batches(model, context, 4), context)
    size = sum(path.stat().st_size for path in saved.saved.iterdir())
    runtime = runtime_named("openvino")
    assert runtime.stored_bytes(model.profile) == pytest.approx(size, rel=runtime.size_error(model.profile))
    with Bench(saved.saved, "classification", lambda: None) as bench:
        assert distance(bench.of(saved.saved, texts, 7), in_memory(applied, texts)) <= TOLERANCE[32]
