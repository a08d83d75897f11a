"""What a text generator's folder weighs, what it says after reloading, and what is refused, by runtime and bits."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from engine.artifact import size_of
from engine.errors import Refused
from engine.models.families import family_of
from engine.models.model import Model
from engine.models.profile import Storage, read_profile
from engine.runtimes import RUNTIMES, runtime_named
from engine.runtimes.decoder_size import fitting_group, matrix_bytes, misfits

REAL = {"layers": 3, "hidden": 256, "heads": 4, "feed_forward": 704, "vocabulary": 8192}
"""Proportions of a small real model: 4 to 5 million weights, half of them for the vocabulary."""
FOUR = {"bits": 4, "group_size": 64}
KEPT = "model.layers.1.mlp.down_proj"


@pytest.fixture(scope="module")
def folders(tmp_path_factory, tiny_models):
    place = tmp_path_factory.mktemp("decoders")
    return {family: tiny_models.build_decoder(place / family, family, **REAL) for family in ("gpt2", "llama", "qwen3")}


def opened(folder, **storage) -> Model:
    profile = read_profile(folder)
    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    stored = profile.model_copy(update={"storage": Storage(**storage)})
    return Model(network=network, profile=stored, family=family_of(profile.model_type), folder=folder)


def written(model: Model, folder, said=None):
    folder.mkdir()
    calibration = [{"input_ids": ids[None]} for ids in texts(4, 24)]
    runtime_named(model.storage.runtime).save(model, folder, calibration, (said if said is not None else []).append)
    return folder


def texts(count: int, tokens: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 8192, (count, tokens))


def divergence(model: Model, folder) -> float:
    """Nats a token between what the network and the folder's writer give for the next one."""
    ids = texts(1, 24)
    writer = runtime_named(model.storage.runtime).load_writer(folder, 1)
    with torch.no_grad():
        wanted = model.network(torch.from_numpy(ids)).logits.log_softmax(-1)
    found = torch.from_numpy(writer.logits(ids)).log_softmax(-1)
    return float((wanted.exp() * (wanted - found)).sum(-1).mean())


@pytest.mark.parametrize(
    ("family", "storage", "most"),
    [
        ("gpt2", {"runtime": "torch", "bits": 16}, 1e-3),
        ("llama", {"runtime": "torch", "bits": 8}, 1e-2),
        ("gpt2", {"runtime": "openvino", "bits": 32}, 1e-6),
        ("llama", {"runtime": "openvino", "bits": 16}, 1e-3),
        ("gpt2", {"runtime": "openvino", "bits": 8}, 1e-2),
        ("llama", {"runtime": "openvino", "bits": 8}, 1e-2),
        ("qwen3", {"runtime": "openvino", "bits": 8}, 1e-2),
        ("gpt2", {"runtime": "openvino", **FOUR}, 0.2),
        ("llama", {"runtime": "openvino", **FOUR}, 0.2),
        ("qwen3", {"runtime": "openvino", "bits": 4, "group_size": 32}, 0.2),
        ("gpt2", {"runtime": "openvino", **FOUR, "vocabulary_bits": 4}, 0.2),
        ("llama", {"runtime": "openvino", **FOUR, "vocabulary_bits": 4, "kept": 0.25}, 0.2),
        ("qwen3", {"runtime": "openvino", **FOUR, "vocabulary_bits": 4, "method": "gptq"}, 0.2),
        ("llama", {"runtime": "openvino", **FOUR, "kept": 0.13, "protected": (KEPT,)}, 0.2),
        ("llama", {"runtime": "openvino", **FOUR, "method": "awq"}, 0.2),
        ("llama", {"runtime": "openvino", **FOUR, "method": "scale estimation"}, 0.2),
    ],
    ids=str,
)
def test_the_folder_weighs_what_was_foretold_and_says_the_same(family, storage, most, folders, tmp_path):
    model = opened(folders[family], **storage)
    folder = written(model, tmp_path / "saved")
    runtime = runtime_named(model.storage.runtime)
    assert runtime.refusal(model.profile) is None
    assert runtime.stored_bytes(model.profile) == pytest.approx(size_of(folder), rel=0.03)
    assert divergence(model, folder) < most


def test_gptq_mends_what_rounding_breaks(tiny_models, tmp_path):
    folder = tiny_models.build_decoder(tmp_path / "original", "gpt2", hidden=64, layers=2, vocabulary=8192)
    rounded, mended = (opened(folder, runtime="openvino", **FOUR, method=method) for method in ("", "gptq"))
    assert divergence(mended, written(mended, tmp_path / "b")) < divergence(rounded, written(rounded, tmp_path / "a"))


def test_a_tied_vocabulary_is_kept_once_and_in_few_bits(folders, tmp_path):
    model = opened(folders["llama"], runtime="openvino", bits=8)
    said: list[str] = []
    folder = written(model, tmp_path / "saved", said)
    weights = (folder / "openvino_model.bin").stat().st_size
    assert weights < 1.05 * model.profile.parameters  # a second copy would add a third, one of 32 bits all of it
    assert any("100.0% of the weights" in line for line in said)


def test_layers_that_are_protected_are_closer_to_the_original(folders, tmp_path):
    plain = opened(folders["llama"], runtime="openvino", **FOUR)
    names = tuple(name for name, _ in plain.network.named_modules() if name.endswith("_proj"))
    guarded = opened(folders["llama"], runtime="openvino", **FOUR, kept=1.0, protected=names)
    assert (
        divergence(guarded, written(guarded, tmp_path / "8")) < divergence(plain, written(plain, tmp_path / "4")) / 10
    )


def test_weights_that_nncf_leaves_alone_are_counted_and_refused(folders, tmp_path, monkeypatch):
    import nncf

    monkeypatch.setattr(nncf, "compress_weights", lambda graph, **_: graph)
    with pytest.raises(Refused, match="only 0% of the weights in 8 bits"):
        written(opened(folders["gpt2"], runtime="openvino", bits=8), tmp_path / "saved")


def test_torch_says_that_it_narrows_nothing_of_a_gpt2(folders, tmp_path):
    model = opened(folders["gpt2"], runtime="torch", bits=8)
    assert "Conv1D" in str(runtime_named("torch").refusal(model.profile))
    with pytest.raises(Refused, match="only 0% of the layers' weights"):
        written(model, tmp_path / "saved")


@pytest.mark.parametrize(
    ("runtime", "bits", "reason"),
    [("torch", 4, "NVIDIA"), ("onnxruntime", 8, "cache"), ("onnxruntime", 32, "OpenVINO")],
)
def test_what_a_runtime_cannot_hold_is_refused_in_a_sentence(runtime, bits, reason, folders):
    profile = read_profile(folders["llama"]).model_copy(update={"storage": Storage(runtime=runtime, bits=bits)})
    assert reason in str(runtime_named(runtime).refusal(profile))


def test_a_runtime_without_a_decode_loop_says_so(tmp_path):
    with pytest.raises(Refused, match="cannot run text generators"):
        next(runtime for runtime in RUNTIMES if runtime.name == "onnxruntime").load_writer(tmp_path, 1)


def test_groups_shrink_until_they_divide_a_row():
    assert [fitting_group(width, 128) for width in (1024, 576, 96, 100)] == [128, 64, 32, 0]
    assert matrix_bytes(576 * 10, 576, 4, 128) == 576 * 10 / 2 + 2.5 * 90
    assert matrix_bytes(100 * 10, 100, 4, 64) == 1000 + 2 * 10


def test_rows_that_a_group_does_not_divide_are_named(folders):
    profile = read_profile(folders["llama"])
    assert misfits(profile, 64) == {}
    assert misfits(profile, 128) == {704: 64}
