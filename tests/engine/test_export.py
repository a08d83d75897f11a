"""Exporting and trying what a run made; measuring is done in this process."""

import shutil
from pathlib import Path

import pytest

from engine import store
from engine.artifact import hashes_of, read_certificate
from engine.errors import Cancelled, Refused
from engine.export import Exported, export
from engine.models.profile import RuntimeName
from engine.recipe import recipe_from
from engine.run import Run, Status
from engine.runner import run
from engine.trying import Trier

pytestmark = pytest.mark.usefixtures("bench_inside", "own_home")


@pytest.fixture
def made(tiny_model, tiny_texts):
    """A finished run of the given steps on a tiny BERT."""

    def make(*steps: object) -> Run:
        values = {"model": str(tiny_model("bert")), "data": str(tiny_texts(300)), "steps": list(steps)}
        found = run(recipe_from(values), lambda event: None)
        assert found.status is Status.FINISHED, found.reason
        return found

    return make


def _export(found: Run, runtime: RuntimeName, folder: Path) -> Exported:
    return export(found, runtime, folder, lambda event: None, lambda: False)


def test_the_same_format_is_the_very_folder_that_was_measured(made, tmp_path: Path) -> None:
    found = made("prune")
    done = _export(found, "torch", tmp_path / "new" / "place")
    assert hashes_of(tmp_path / "new" / "place") == read_certificate(found.model_path).sha256
    assert done.loads_plainly
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["place"]


def test_another_format_is_measured_anew(made, tmp_path: Path) -> None:
    """Also for a model with fewer heads, whose config.json cannot say so."""
    found = made({"prune": {"structure": "attention heads", "sparsity": 0.5}})
    assert (found.model_path / "model.onnx").is_file()
    (tmp_path / "empty").mkdir()
    done = _export(found, "openvino", tmp_path / "empty")
    certificate = read_certificate(tmp_path / "empty")
    assert certificate.sha256 == hashes_of(tmp_path / "empty")
    assert certificate.optimized.runtime == "openvino"
    assert certificate.optimized.quality == found.optimized.quality
    assert not done.loads_plainly
    with pytest.raises(Refused, match="cannot load"):
        _export(found, "torch", tmp_path / "torch")


def test_what_cannot_be_exported_is_refused_and_leaves_nothing(made, tmp_path: Path) -> None:
    found = made("prune")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    for place, why in [
        (tmp_path / "full", "is not empty"),
        (tmp_path / "full" / "mine.txt", "is not empty"),
        (found.model_path / "sub", "lies inside the run"),
        (tmp_path / "full" / "mine.txt" / "sub", "Nothing was exported"),
    ]:
        with pytest.raises(Refused, match=why):
            _export(found, "torch", place)
    with pytest.raises(Refused, match="no verified folder"):
        _export(found.model_copy(update={"verified": False}), "torch", tmp_path / "x")
    (found.model_path / "config.json").write_text("{}")
    with pytest.raises(Refused, match=r"config\.json changed"):
        _export(found, "torch", tmp_path / "x")
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["full"]


def test_another_format_needs_the_original_and_the_same_data(made, tmp_path: Path, tiny_texts) -> None:
    found = made("prune")
    data = Path(found.recipe["data"])
    shutil.copyfile(tiny_texts(400, seed=5), data)
    with pytest.raises(Refused, match="The data have changed since this run"):
        _export(found, "onnxruntime", tmp_path / "x")
    data.unlink()
    with pytest.raises(Refused, match=r"texts\.csv"):
        _export(found, "onnxruntime", tmp_path / "x")
    shutil.rmtree(store.home() / "baselines")
    with pytest.raises(Refused, match="no longer kept here"):
        _export(found, "onnxruntime", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_trying_goes_on_after_a_failure(made, monkeypatch) -> None:
    """A process that died, or was left in mid-answer, is not asked again."""
    found = made("prune")
    stop: list[str] = []

    def check() -> None:
        if stop:
            raise Cancelled(stop.pop())

    trier = Trier(check)
    assert trier.ask(found, "a small dog near the horse")["optimized"]["answer"] == "animal"
    bench, _ = trier._sides["original"]
    monkeypatch.setattr(bench, "respond", lambda *_: (_ for _ in ()).throw(Refused("died")))
    with pytest.raises(Refused, match="died"):
        trier.ask(found, "x")
    monkeypatch.undo()
    monkeypatch.setenv("BOZZETTO_HOME", str(store.home()))
    assert trier._run_id == ""
    with pytest.raises(Refused, match="no text to try"):
        trier.ask(found, " ")
    with pytest.raises(Refused, match="no verified model"):
        trier.ask(found.model_copy(update={"verified": False}), "x")
