"""`bozzetto measure`, with measuring done in this process."""

import json
import shutil
from pathlib import Path

import pytest

from engine.cli import main
from engine.recipe import recipe_from
from engine.run import Run, Status
from engine.runner import run

pytestmark = pytest.mark.usefixtures("bench_inside", "own_home")


@pytest.fixture
def said(capfd, tiny_texts):
    """What the command says: exit code, output, and its own line on the error stream.

    (Progress bars of libraries reach the error stream only here, where pytest stands in for it.)
    """
    data = tiny_texts(200, seed=3)

    def call(*arguments: object) -> tuple[int, str, str]:
        code = main(["measure", *map(str, arguments), "--data", str(data)])
        out, err = capfd.readouterr()
        return code, out, "".join(line for line in err.splitlines(keepends=True) if line.startswith("bozzetto:"))

    return call


def _optimized(model: Path, data: Path, *steps: object) -> Run:
    found = run(recipe_from({"model": str(model), "data": str(data), "steps": list(steps)}), lambda event: None)
    assert found.status is Status.FINISHED, found.reason
    return found


@pytest.mark.parametrize("runtime", ["torch", "onnxruntime", "openvino"])
def test_a_folder_of_each_runtime_anywhere(said, tiny_model, tiny_texts, tmp_path: Path, runtime: str) -> None:
    model = tiny_model("bert")
    found = _optimized(model, tiny_texts(300), {"quantize": {"bits": 16, "runtime": runtime}})
    folder = Path(shutil.copytree(found.model_path, tmp_path / "elsewhere" / runtime))
    code, out, err = said(folder, "--against", model, "--json")
    assert (code, err) == (0, "")
    measured = json.loads(out)
    assert measured["certificate"] == "intact"
    assert measured["measurement"]["runtime"] == runtime
    assert measured["measurement"]["quality"]["count"] == 200
    assert measured["comparison"]["size"] == measured["against"]["size_bytes"] / measured["measurement"]["size_bytes"]
    assert measured["comparison"]["same_answers"] >= 195
    (folder / "config.json").write_text((folder / "config.json").read_text() + " ")
    assert "certificate changed" in said(folder)[1]


def test_a_plain_folder_has_no_certificate(said, tiny_model) -> None:
    code, out, err = said(tiny_model("roberta"))
    assert (code, err) == (0, "")
    assert "certificate none" in out
    assert "accuracy" in out


def test_what_cannot_be_measured_is_a_sentence(said, tiny_model, tmp_path: Path) -> None:
    headless, other, empty = tiny_model("bert", head=False), tiny_model("bert", labels=4), tiny_model("bert")
    (empty / "model.safetensors").unlink()
    for arguments, wanted in [
        ((tmp_path,), "is not a model folder"),
        ((tmp_path / "none",), "is not a model folder"),
        ((tiny_model("bert"), "--against", other), "different labels"),
        ((empty,), "holds no model"),
        ((headless,), "no classification head"),
        ((tiny_model("bert"), "--text", "question"), "question"),
    ]:
        code, out, err = said(*arguments)
        assert (code, out) == (1, ""), (arguments, err)
        assert wanted in err
        assert err.count("\n") == 1
        assert "did not foresee" not in err
