"""What is said before a run, and that its arithmetic is shown."""

import json
import struct
import time
from pathlib import Path

import pytest

from engine.models.profile import read_profile
from engine.models.resolve import resolve
from engine.preflight import peak_memory, preflight
from engine.recipe import recipe_from
from engine.runtimes import runtime_named
from engine.tasks import task_named
from engine.techniques import estimates

TASK = task_named("classification")


@pytest.fixture
def profile(tiny_model):
    return read_profile(tiny_model("bert"))


def test_nothing_stands_in_the_way(profile) -> None:
    found = preflight(recipe_from({"steps": [{"prune": {"recovery_minutes": 2}}, "quantize"]}), profile, TASK)
    assert found.problems == ()
    assert found.seconds > 120
    assert found.memory_bytes > 1e9
    assert found.disk_bytes > 1e6


def test_a_time_budget_bounds_the_forecast(profile) -> None:
    steps = [{"distill": {"minutes": 100}}]
    assert preflight(recipe_from({"steps": steps, "limits": {"time_minutes": 1}}), profile, TASK).seconds < 200


def test_too_little_memory_is_told_with_its_arithmetic(profile, monkeypatch) -> None:
    monkeypatch.setattr("engine.preflight.free_memory", lambda: 200_000_000)
    (problem,) = preflight(recipe_from({"steps": ["prune"]}), profile, TASK).problems
    assert f"({profile.parameters / 1e6:,.0f} million numbers × 4 bytes)" in problem
    assert "0.2 GB of them free" in problem
    assert problem.endswith("Close programs or choose a smaller model.")


def copies(profile, *steps: object, **limits: float) -> int:
    """How many copies of the model a recipe of these steps holds at its fullest."""
    return peak_memory(recipe_from({"steps": list(steps), "limits": limits}), profile, TASK).copies


@pytest.fixture
def large(profile):
    """So large that batches do not count."""
    return profile.model_copy(
        update={"embeddings": profile.embeddings.model_copy(update={"matrices": 10**9}), "original_bytes": 4 * 10**9}
    )


def test_memory_is_counted_in_copies(large) -> None:
    """AdamW takes 16 bytes a parameter; a floor keeps the model as it was; distillation opens a teacher."""
    assert copies(large) == 3  # the network, and one in each of two measuring processes
    assert copies(large, {"prune": {"recovery_minutes": 0}}) == 3
    training = copies(large, {"prune": {"recovery_minutes": 5}})
    assert training == 4 + 2 + 1  # weights, gradients, two moments; two sets kept; the original in its process
    assert copies(large, {"prune": {"recovery_minutes": 5}}, max_quality_loss=1) == training + 1
    assert copies(large, {"distill": {"minutes": 5}}, max_quality_loss=1) == training + 2
    assert copies(large, {"distill": {"minutes": 5, "width": 0.5}}, max_quality_loss=1) == training + 3
    assert copies(large, {"quantize": {"bits": 8, "runtime": "openvino"}}) == 2 + 3
    assert copies(large, {"quantize": {"bits": 8, "runtime": "auto"}}) == 2 + 5  # ONNX Runtime is tried as well


def huge_model(folder: Path, tokenizer: Path, hidden: int = 4096, layers: int = 64) -> Path:
    """A Llama of 13 billion parameters whose 52 GB take no room on the disk: the file is sparse."""
    folder.mkdir()
    wide, vocabulary = 11008, 32000
    config = {"model_type": "llama", "hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": 32}
    config |= {"num_key_value_heads": 32, "intermediate_size": wide, "vocab_size": vocabulary}
    config |= {"architectures": ["LlamaForCausalLM"], "tie_word_embeddings": False, "head_dim": hidden // 32}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "tokenizer.json").write_bytes((tokenizer / "tokenizer.json").read_bytes())
    shapes = {"model.embed_tokens": (vocabulary, hidden), "lm_head": (vocabulary, hidden), "model.norm": (hidden,)}
    for place in range(layers):
        inside = {f"self_attn.{part}_proj": (hidden, hidden) for part in "qkvo"}
        inside |= {"mlp.gate_proj": (wide, hidden), "mlp.up_proj": (wide, hidden), "mlp.down_proj": (hidden, wide)}
        inside |= {"input_layernorm": (hidden,), "post_attention_layernorm": (hidden,)}
        shapes |= {f"model.layers.{place}.{part}": shape for part, shape in inside.items()}
    at, header = 0, {}
    for name, shape in shapes.items():
        size = 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[f"{name}.weight"] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    told = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(told)) + told)
        file.truncate(8 + len(told) + at)
    return folder


def test_a_model_larger_than_memory_is_described_but_not_run(tiny_models, tmp_path: Path, monkeypatch) -> None:
    tokenizer = tiny_models.build_decoder(tmp_path / "tiny", "llama")
    folder = huge_model(tmp_path / "huge", tokenizer)
    assert (folder / "model.safetensors").stat().st_size > 50e9
    monkeypatch.setattr("engine.preflight.free_memory", lambda: 19 * 10**9)
    monkeypatch.setattr("engine.preflight.free_disk", lambda _: 10**13)
    start = time.process_time()
    profile = resolve(str(folder), cache=tmp_path / "cache").profile
    recipe = recipe_from({"steps": [{"quantize": {"bits": 8, "runtime": "openvino"}}]})
    (found,) = estimates(recipe.steps, profile)
    problem, *_ = preflight(recipe, profile, task_named("language modelling")).problems
    assert time.process_time() - start < 10
    assert profile.parts["feed-forward"].parameters == 64 * 3 * 4096 * 11008
    assert 3.5 < profile.original_bytes / found.size_bytes < 4.1
    assert "The weights need 52.9 GB in 32 bits (13.2 billion numbers × 4 bytes)" in problem
    assert "holds 5 times as much" in problem
    assert "19.0 GB of them free" in problem
    assert problem.endswith("sizes and estimates are shown all the same.")


def test_too_little_disk_is_told(profile, monkeypatch) -> None:
    monkeypatch.setattr("engine.preflight.free_disk", lambda _: 1000)
    (problem,) = preflight(recipe_from({"steps": ["prune"]}), profile, TASK).problems
    assert "GB of disk" in problem
    assert "BOZZETTO_HOME" in problem


def test_the_disk_of_the_runs_own_folder_counts_too(profile, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("engine.preflight.free_disk", lambda place: 1000 if place == tmp_path else 10**12)
    (problem,) = preflight(recipe_from({"steps": ["prune"]}), profile, TASK, tmp_path).problems
    assert str(tmp_path) in problem


def test_a_size_limit_that_one_runtime_can_keep_is_no_problem(profile) -> None:
    """Which one `auto` chooses is found out by trying; here the smallest one decides."""
    steps = [{"quantize": {"bits": 8}}]
    left = recipe_from({"steps": steps}).steps[0]
    sizes = [runtime_named(name).stored_bytes(left.stored(profile, name)) / 1e6 for name in ("onnxruntime", "openvino")]
    between = max(0.1, sum(sizes) / 2)
    assert preflight(recipe_from({"steps": steps, "limits": {"max_size_mb": between}}), profile, TASK).problems == ()
    large = profile.model_copy(update={"tokenizer_bytes": 10**9})
    assert preflight(recipe_from({"steps": steps, "limits": {"max_size_mb": 1}}), large, TASK).problems


def test_a_wrong_student_is_refused_before_the_run(tiny_model) -> None:
    source = resolve(str(tiny_model("bert", layers=3)))

    def problems(student: Path, *steps: object, **limits: float) -> tuple[str, ...]:
        recipe = recipe_from({"steps": [{"distill": {"student": str(student)}}, *steps], "limits": limits})
        return preflight(recipe, source.profile, TASK, model=source.folder).problems

    assert problems(tiny_model("bert", layers=1)) == ()
    (problem,) = problems(tiny_model("bert", layers=3))
    assert "no smaller than the original" in problem
    (problem,) = problems(tiny_model("roberta", layers=1))
    assert problem.endswith("the kind differs. Choose a student with the same tokenizer.")
    eight = {"quantize": {"bits": 8, "runtime": "onnxruntime"}}
    assert problems(Path("someone/unknown"), eight, max_size_mb=0.1) == ()  # it may be that small


def test_a_dense_layer_is_seen_before_the_run(tiny_model) -> None:
    import torch

    from engine.methods.pca import Projection, write_dense
    from engine.methods.settings import write_default_modules

    folder = tiny_model("bert", layers=2, head=False)
    write_default_modules(folder, 32)
    write_dense(folder, Projection(torch.eye(32)[:8], 1.0))
    task, read = task_named("sentence similarity"), read_profile(folder)
    for width, count in ((0.5, 1), (1.0, 0)):
        recipe = recipe_from({"steps": [{"distill": {"width": width}}]})
        assert len(preflight(recipe, read, task, model=folder).problems) == count
