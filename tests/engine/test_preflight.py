"""What is said before a run, and that its arithmetic is shown."""

from pathlib import Path

import pytest

from engine.models.profile import Profile, read_profile
from engine.preflight import Preflight, preflight
from engine.recipe import recipe_from
from engine.runtimes import runtime_named
from engine.tasks.classification import Classification


@pytest.fixture
def profile(tiny_model):
    return read_profile(tiny_model("bert"))


def foretold(recipe: dict, profile: Profile, out: Path | None = None) -> Preflight:
    """For classification."""
    return preflight(recipe_from(recipe), profile, Classification(), out)


def test_nothing_stands_in_the_way(profile) -> None:
    found = foretold({"steps": [{"prune": {"recovery_minutes": 2}}, "quantize"]}, profile)
    assert found.problems == ()
    assert found.seconds > 120
    assert found.memory_bytes > 1e9
    assert found.disk_bytes > 1e6


def test_a_time_budget_bounds_the_forecast(profile) -> None:
    steps = [{"distill": {"minutes": 100}}]
    assert foretold({"steps": steps, "limits": {"time_minutes": 1}}, profile).seconds < 200


def test_too_little_memory_is_told_with_its_arithmetic(profile, monkeypatch) -> None:
    monkeypatch.setattr("engine.preflight.free_memory", lambda: 200_000_000)
    (problem,) = foretold({"steps": ["prune"]}, profile).problems
    assert "GB of memory" in problem
    assert "numbers of 4 bytes" in problem
    assert "0.2 GB are free" in problem


def test_too_little_disk_is_told(profile, monkeypatch) -> None:
    monkeypatch.setattr("engine.preflight.free_disk", lambda _: 1000)
    (problem,) = foretold({"steps": ["prune"]}, profile).problems
    assert "GB of disk" in problem
    assert "BOZZETTO_HOME" in problem


def test_the_disk_of_the_runs_own_folder_counts_too(profile, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("engine.preflight.free_disk", lambda place: 1000 if place == tmp_path else 10**12)
    (problem,) = foretold({"steps": ["prune"]}, profile, tmp_path).problems
    assert str(tmp_path) in problem


def test_a_size_limit_that_one_runtime_can_keep_is_no_problem(profile) -> None:
    """Which one `auto` chooses is found out by trying; here the smallest one decides."""
    steps = [{"quantize": {"bits": 8}}]
    left = recipe_from({"steps": steps}).steps[0]
    sizes = [runtime_named(name).stored_bytes(left.stored(profile, name)) / 1e6 for name in ("onnxruntime", "openvino")]
    between = max(0.1, sum(sizes) / 2)
    assert foretold({"steps": steps, "limits": {"max_size_mb": between}}, profile).problems == ()
    large = profile.model_copy(update={"tokenizer_bytes": 10**9})
    assert foretold({"steps": steps, "limits": {"max_size_mb": 1}}, large).problems
