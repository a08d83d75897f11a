"""The command line in processes of its own: exit codes, one sentence on stderr, nothing that libraries print."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from engine import events, store
from engine.artifact import check_hashes, read_certificate
from engine.baseline import find_baseline
from engine.run import Status
from engine.techniques import TECHNIQUES

STRANGER = """
import sys
from transformers import AutoModelForSequenceClassification, AutoTokenizer
model = AutoModelForSequenceClassification.from_pretrained(sys.argv[1], local_files_only=True)
text = AutoTokenizer.from_pretrained(sys.argv[1], local_files_only=True)("a small dog", return_tensors="pt")
print(model.config.id2label[int(model(**text).logits.argmax())])
"""


@pytest.fixture
def recipe(tiny_model, tiny_texts, tmp_path: Path):
    """Writes a recipe file on a tiny BERT."""
    model, data = tiny_model("bert"), tiny_texts(300)

    def write(*steps: Any, **more: Any) -> Path:
        path = tmp_path / "recipe.yaml"
        values = {"model": str(model), "data": str(data), "steps": list(steps), **more}
        path.write_text(yaml.safe_dump(values))
        return path

    return write


def test_a_run_with_events_on_the_output(bozzetto, recipe, tmp_path: Path) -> None:
    """All of it, once: a verified folder that a stranger loads, and no word that is not ours."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    done = bozzetto("run", recipe({"prune": {"sparsity": 0.5}}), "--out", out, "--events", "-")
    assert done.returncode == 0, done.stderr
    said = [events.parse(line) for line in done.stdout.splitlines()]
    assert (out / "events.jsonl").read_text() == done.stdout
    run = said[-1].run
    assert done.stderr.splitlines() == [run.comparison.verdict, f"Verified folder: {out / 'model'}"]
    record = json.loads((out / "run.json").read_text())
    kept = {"baseline", "optimized", "comparison", "verified", "status", "reason", "environment", "recipe"}
    assert kept <= record.keys()
    assert record["verified"] is True
    certificate = read_certificate(out / "model")
    check_hashes(out / "model", certificate.sha256)
    assert certificate.recipe == record["recipe"]
    assert certificate.environment == record["environment"]
    assert (out / "notes.txt").read_text() == "mine"
    stranger = [sys.executable, "-c", STRANGER, str(out / "model")]
    answer = subprocess.run(stranger, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert answer.stdout.strip() == "animal"


def test_failures_are_one_sentence_and_an_exit_code(bozzetto, recipe, own_home: Path, tmp_path: Path) -> None:
    (tmp_path / "mine" / "model").mkdir(parents=True)
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("steps: [quantize: {bits: 7}]")
    for arguments, wanted in [
        (("run", wrong, "--out", tmp_path / "out"), "must be 32, 16, 8 or 4"),
        (("run", tmp_path / "none.yaml"), "There is no recipe"),
        (("run", recipe("prune"), "--out", tmp_path / "mine"), "no run of Bozzetto made"),
        (("run", recipe("prune"), "--out", recipe("prune")), "cannot be written"),
        (("run", recipe("prune"), "--events", tmp_path), "events cannot be written"),
        (("runs", "--delete", "none"), "There is no run 'none'"),
        (("export", "none", "--format", "onnx", "--to", tmp_path / "x"), "There is no run 'none'"),
        (("measure", tmp_path, "--data", "x.csv"), "is not a model folder"),
    ]:
        done = bozzetto(*arguments)
        assert (done.returncode, done.stdout) == (1, ""), arguments
        assert done.stderr.startswith("bozzetto: ")
        assert wanted in done.stderr
        assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
    assert bozzetto("run").returncode == 2
    done = bozzetto("run", recipe("prune", model=str(tmp_path)))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "is not a model folder" in done.stderr


def test_a_home_that_cannot_be_written(bozzetto, recipe, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    environment = {**os.environ, "BOZZETTO_HOME": str(tmp_path / "file" / "home")}
    assert bozzetto("techniques", env=environment).returncode == 0
    assert "No runs yet" in bozzetto("runs", env=environment).stdout
    done = bozzetto("run", recipe("prune"), env=environment)
    assert done.returncode == 1
    assert "set BOZZETTO_HOME" in done.stderr
    assert done.stderr.count("\n") == 1


def test_lists(bozzetto) -> None:
    names = [technique["name"] for technique in json.loads(bozzetto("techniques", "--json").stdout)]
    assert names == [technique.name for technique in TECHNIQUES]
    assert "sparsity: 0.0 to 0.9" in bozzetto("techniques").stdout
    models = json.loads(bozzetto("models", "--json").stdout)
    assert models["models"][0]["name"] == "starter:kinds-minilm"
    assert "runtime torch: ready" in bozzetto("models").stdout
    assert json.loads(bozzetto("runs", "--json").stdout) == []


def test_ctrl_c_is_a_cancel_with_its_own_exit_code(recipe, own_home: Path, tmp_path: Path, wait_for) -> None:
    """The signal goes to the whole group, as a terminal sends it: the measuring process must not die of it first."""
    command = [sys.executable, "-m", "engine", "run", str(recipe("prune")), "--out", str(tmp_path / "out")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as process:
        log = tmp_path / "out" / "events.jsonl"
        wait_for(lambda: log.is_file() and b"the original answers" in log.read_bytes(), 60)
        os.killpg(process.pid, signal.SIGINT)
        error = process.communicate(timeout=30)[1].decode()
    assert process.returncode == 130
    assert error == "bozzetto: Cancelled; nothing of the original was touched.\n"
    assert json.loads((tmp_path / "out" / "run.json").read_text())["status"] == "cancelled"
    assert not [child for child in psutil.Process().children(recursive=True) if "bench" in " ".join(child.cmdline())]


def test_a_reader_of_events_who_leaves_cancels_the_run(recipe, own_home: Path) -> None:
    command = [sys.executable, "-m", "engine", "run", str(recipe("prune")), "--events", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        error = process.stderr.read().decode()
        process.wait(timeout=30)
    assert process.returncode == 130
    assert "nobody reads the events" in error
    assert [run.status for run in store.list_runs()] == [Status.CANCELLED]


def test_two_windows_on_one_home_make_the_same_original_at_once(start_engine, recipe, own_home: Path) -> None:
    values = yaml.safe_load(recipe({"distill": {"minutes": 5}}).read_text())
    both = [start_engine(own_home), start_engine(own_home)]
    for engine in both:
        engine.send(do="run", recipe=values)
    for engine in both:
        engine.until(lambda event: event["kind"] == "curve_point")
        engine.send(do="cancel")
    found = [engine.finished() for engine in both]
    assert [run["status"] for run in found] == ["cancelled", "cancelled"], found
    assert {run.id for run in store.list_runs()} == {run["id"] for run in found}
    (kept,) = (own_home / "baselines").iterdir()
    assert kept.name == found[0]["baseline_key"] == found[1]["baseline_key"]
    assert find_baseline(kept.name) is not None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting needs root")
def test_a_disk_that_is_full(bozzetto, recipe, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no mounts here")
    try:
        steps = recipe({"prune": {"structure": "weights"}})
        full = {**os.environ, "BOZZETTO_HOME": str(small / "home")}
        for out, environment in [(tmp_path / "out", full), (small / "out", None)]:
            done = bozzetto("run", steps, "--out", out, env=environment)
            assert done.returncode == 1
            assert done.stderr == "bozzetto: " + json.loads((out / "run.json").read_text())["reason"] + "\n"
            assert "0.0 GB are free at" in done.stderr
    finally:
        subprocess.run(["umount", str(small)], check=True)
