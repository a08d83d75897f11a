"""Runs from recipe to record, with measuring done in this process (tests/engine/test_cli.py does it for real)."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine import events, store
from engine.artifact import hashes_of, read_certificate
from engine.errors import Refused
from engine.recipe import recipe_from
from engine.run import Run, Status
from engine.runner import run

pytestmark = pytest.mark.usefixtures("bench_inside", "own_home")

Go = Callable[..., Run]


@pytest.fixture
def said() -> list[events.Event]:
    return []


@pytest.fixture
def go(tiny_model, tiny_texts, said) -> Go:
    """Runs steps on a tiny BERT; keywords go into the recipe."""
    model, data = tiny_model("bert"), tiny_texts(300)

    def carry_out(*steps: Any, out: Path | None = None, cancelled: Any = lambda: False, **more: Any) -> Run:
        values = {"model": str(model), "data": str(data), "steps": list(steps), **more}
        return run(recipe_from(values), said.append, cancelled, out)

    return carry_out


def test_pruning_every_structure_in_one_run_shrinks_the_folder_and_certifies_it(go: Go, said) -> None:
    found = go(
        {"prune": {"structure": "weights", "sparsity": 0.3}},
        {"prune": {"structure": "layers", "sparsity": 0.3}},
        {
            "prune": {
                "structure": "feed-forward neurons",
                "sparsity": 0.5,
                "recovery_minutes": 0.1,
                "recovery_epochs": 1,
            }
        },
    )
    assert (found.status, found.verified, found.reason) == (Status.FINISHED, True, "")
    assert [step.name for step in found.steps] == ["prune"] * 3
    assert found.comparison.size > 1.2
    certificate = read_certificate(found.model_path)
    assert certificate.sha256 == hashes_of(found.model_path)
    assert certificate.optimized == found.optimized
    assert Run.model_validate_json((Path(found.folder) / "run.json").read_text()) == found
    lines = (Path(found.folder) / "events.jsonl").read_text().splitlines()
    assert [events.parse(line) for line in lines] == said
    assert isinstance(said[-1], events.RunFinished)
    assert not (Path(found.folder) / "work").exists()


def test_a_headless_model_learns_labels_then_a_student_learns_from_it(go: Go, tiny_model, said) -> None:
    found = go(
        {"train_head": {"minutes": 0.2, "epochs": 2, "learning_rate": 1e-3}},
        {"distill": {"layers": 0.7, "minutes": 0.2, "epochs": 1}},
        {"quantize": {"bits": 16, "runtime": "torch"}},
        model=str(tiny_model("bert", head=False)),
    )
    assert found.status is Status.FINISHED, found.reason
    assert found.optimized.quality.value > 0.5
    assert found.optimized.precision == "16 bits"
    assert any(isinstance(event, events.CurvePoint) for event in said)


def test_a_narrow_student_and_another_model_make_folders_of_their_own(go: Go, tiny_model) -> None:
    narrow = go({"distill": {"layers": 0.7, "width": 0.5, "minutes": 0.2, "epochs": 1}})
    assert narrow.status is Status.FINISHED, narrow.reason
    other = go({"distill": {"student": str(tiny_model("bert", layers=1, head=False)), "minutes": 0.2, "epochs": 1}})
    assert other.status is Status.FINISHED, other.reason
    for found in (narrow, other):
        assert found.comparison.size > 1.1
        assert found.verified
    assert json.loads((other.model_path / "config.json").read_text())["id2label"]["0"] == "animal"


def test_a_wrong_student_ends_the_run_before_the_original_is_measured(go: Go, tiny_model, said) -> None:
    for student, reason in ((tiny_model("roberta", layers=1), "tokenizer"), ("/no/such/place", "cannot be had")):
        found = go({"distill": {"student": str(student)}})
        assert found.status is Status.FAILED
        assert reason in found.reason
    assert not any(isinstance(event, events.Measured) for event in said)


def test_a_headless_model_without_that_step_is_offered_it(go: Go, tiny_model) -> None:
    found = go({"prune": {}}, model=str(tiny_model("bert", head=False)))
    assert found.status is Status.FAILED
    assert "Add the step train_head" in found.reason


def test_a_broken_floor_stops_at_the_step_and_keeps_the_folder_before_it(go: Go) -> None:
    found = go(
        {"prune": {"structure": "weights", "sparsity": 0.0}},
        {"prune": {"structure": "feed-forward neurons", "sparsity": 0.9, "importance": "magnitude"}},
        {"prune": {"structure": "layers", "sparsity": 0.3}},
        limits={"max_quality_loss": 0.0},
    )
    assert found.status is Status.FLOOR_BROKEN
    assert "step 2 (prune)" in found.reason
    assert len(found.steps) == 2
    assert found.verified
    assert read_certificate(found.model_path).sha256 == hashes_of(found.model_path)
    assert found.comparison.quality.value == 0.0  # the model before step 2


def test_a_folder_above_the_size_limit_is_measured_kept_and_told(go: Go) -> None:
    limit = go({"prune": {"structure": "weights"}}).optimized.size_bytes * 0.99 / 1e6
    found = go({"prune": {"structure": "weights"}}, limits={"max_size_mb": limit})
    assert found.status is Status.OVER_LIMIT, found.reason
    assert "above the limit" in found.reason
    assert found.verified


def test_a_size_that_no_runtime_can_reach_is_refused_before_work(go: Go, tiny_model) -> None:
    large = str(tiny_model("bert", hidden=128, feed_forward=512))
    found = go({"quantize": {"bits": 32}}, model=large, limits={"max_size_mb": 0.1})
    assert found.status is Status.FAILED
    assert "above the limit of 0.1 MB" in found.reason
    assert found.baseline is None


def test_training_ends_when_the_time_is_up(go: Go) -> None:
    start = time.monotonic()
    found = go({"distill": {"minutes": 10, "epochs": 200}}, limits={"time_minutes": 0.1})
    assert found.status is Status.FINISHED, found.reason
    assert time.monotonic() - start < 25
    assert found.steps[0].seconds < 12


def test_the_original_is_measured_once_for_as_long_as_nothing_it_depends_on_changes(
    go: Go, tiny_model, tiny_texts, monkeypatch
) -> None:
    steps = {"prune": {"structure": "weights"}}
    model, data = tiny_model("distilbert"), tiny_texts(300, seed=1)

    def key(**more: Any) -> str:
        found = go(steps, **{"model": str(model), "data": str(data), **more})
        assert found.status is Status.FINISHED, found.reason
        return found.baseline_key

    first = key()
    kept = (store.home() / "baselines" / first / "measurement.json").stat().st_mtime_ns
    assert key(seed=7) == first
    assert (store.home() / "baselines" / first / "measurement.json").stat().st_mtime_ns == kept
    assert key(data=str(tiny_texts(400, seed=1))) != first
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "dropout": 0.2}))
    assert key() != first
    monkeypatch.setattr("engine.baseline.environment", lambda: {"torch": "9"})
    assert key() != first


def test_a_kept_original_that_was_damaged_is_made_again(go: Go) -> None:
    found = go({"prune": {"structure": "weights"}})
    weights = store.home() / "baselines" / found.baseline_key / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    again = go({"prune": {"structure": "weights"}})
    assert again.status is Status.FINISHED, again.reason
    assert again.baseline_key == found.baseline_key


def test_cancel_at_any_event_leaves_a_record_and_no_litter(go: Go, said) -> None:
    """Cancelled at the first, the second, … event of a run: each is a moment at which a user may press the button."""
    steps = (
        {"prune": {"recovery_minutes": 0.05, "recovery_epochs": 1}},
        {"quantize": {"bits": 16, "runtime": "torch"}},
    )
    assert go(*steps).status is Status.FINISHED
    said.clear()
    assert go(*steps).status is Status.FINISHED
    last = max(place for place, event in enumerate(said) if isinstance(event, events.Progress))
    for moment in range(0, last, max(1, last // 12)):
        said.clear()
        found = go(*steps, cancelled=lambda moment=moment: len(said) > moment)
        assert found.status is Status.CANCELLED, (moment, found.reason)
        assert said[-1] == events.RunFinished(run=found)
        assert {path.name for path in Path(found.folder).iterdir()} <= {"run.json", "events.jsonl"}
    assert not list((store.home() / "baselines").glob(".*"))
    assert go(*steps).status is Status.FINISHED


def test_ctrl_c_twice_is_a_cancel_too(go: Go) -> None:
    def interrupt() -> bool:
        raise KeyboardInterrupt

    found = go({"prune": {}}, cancelled=interrupt)
    assert found.status is Status.CANCELLED


@pytest.mark.parametrize("name", ["write", "RunFinished only"])
def test_a_full_disk_is_told_and_the_run_is_over(go: Go, said, monkeypatch, name: str) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "model.safetensors")

    if name == "write":
        monkeypatch.setattr("engine.finishing.save", full)
    else:
        calls = iter(range(100))
        save = Run.save
        monkeypatch.setattr(Run, "save", lambda self: save(self) if next(calls) == 0 else full())
    found = go({"prune": {"structure": "weights"}})
    assert found.status is Status.FAILED
    assert "The disk is full" in found.reason
    assert said[-1] == events.RunFinished(run=found)


def test_an_error_nobody_foresaw_is_a_sentence_and_the_log_has_the_rest(go: Go, monkeypatch, caplog) -> None:
    monkeypatch.setattr("engine.finishing.judge", lambda *_: 1 / 0)
    found = go({"prune": {"structure": "weights"}})
    assert "did not foresee (ZeroDivisionError: division by zero)" in found.reason
    assert str(store.home() / "log.txt") in found.reason
    assert "Traceback" in caplog.text
    assert not found.model_path.exists()


def test_out_keeps_what_others_put_there(go: Go, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    (out / "log.txt").write_text("mine too")
    for _ in range(2):
        assert go({"prune": {"structure": "weights"}}, out=out).status is Status.FINISHED
    assert (out / "notes.txt").read_text() == "mine"
    assert (out / "log.txt").read_text() == "mine too"
    assert [run.folder for run in store.list_runs()] == [str(out)]


def test_out_with_someone_elses_model_is_refused(go: Go, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.safetensors").write_text("mine")
    with pytest.raises(Refused, match="which no run of Bozzetto made"):
        go({"prune": {}}, out=tmp_path)
    assert (tmp_path / "model" / "mine.safetensors").exists()


def test_out_whose_model_the_recipe_reads_is_refused(go: Go, tmp_path: Path) -> None:
    """Pruning a result once more into the same folder would delete it first."""
    out = tmp_path / "out"
    found = go({"prune": {"structure": "weights"}}, out=out)
    with pytest.raises(Refused, match="which this run would overwrite"):
        go({"prune": {}}, out=out, model=str(found.model_path))
    assert found.model_path.exists()


def test_out_that_another_run_is_writing_to_is_refused(go: Go, tmp_path: Path) -> None:
    found = go({"prune": {"structure": "weights"}}, out=tmp_path / "out")
    found.model_copy(update={"status": Status.RUNNING}).save()
    with pytest.raises(Refused, match="Another run is writing"):
        go({"prune": {}}, out=tmp_path / "out")


@pytest.mark.skipif(os.name != "posix", reason="needs /proc")
def test_a_folder_that_cannot_be_written_is_refused(go: Go, monkeypatch) -> None:
    with pytest.raises(Refused, match="cannot be written"):
        go({"prune": {}}, out=Path("/proc/nowhere"))
    monkeypatch.setenv("BOZZETTO_HOME", "/proc/nowhere")
    with pytest.raises(Refused, match="set BOZZETTO_HOME"):
        go({"prune": {}})
