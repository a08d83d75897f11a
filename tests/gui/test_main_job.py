"""The whole main job on the starter, through the window, with the real engine: slide, run, watch, export, load."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet
import pytest
from PySide6.QtCore import Qt

from engine import store
from engine.events import Measured
from engine.models.starter import data_files
from engine.run import Status
from engine.techniques import estimates
from gui.export import ExportDialog
from gui.recipe_panel.run_bar import State
from gui.theme import use
from gui.window import MainWindow

pytestmark = [pytest.mark.starter, pytest.mark.timeout(540)]
RUN_MS = 400_000


@pytest.fixture
def window(qtbot, qapp):
    """The window as `bozzetto gui` opens it, in the session's home."""
    use(qapp, dark=False)
    made = MainWindow()
    qtbot.addWidget(made)
    made.show()
    made.begin()
    qtbot.waitUntil(lambda: made.session.profile is not None, timeout=90_000)
    yield made
    made.close()


def test_slide_run_watch_export_load(window, qtbot, tmp_path):
    """Promise one, end to end: what a stranger reads off the exported folder is what the window said."""
    foretold = _move_a_slider(window, qtbot)
    run, seen = _press_run(window, qtbot)
    assert run.status is Status.FINISHED and run.verified
    assert foretold == pytest.approx(run.optimized.size_bytes, rel=0.02)
    assert {"original", "trial", "after a step", "optimized"} <= {e.subject for e in seen if isinstance(e, Measured)}
    shown = f"{window.verdict.headline.text()} {window.verdict.detail.text()}"
    assert f"{run.comparison.same_answers:,} of {run.comparison.answers:,}" in shown
    folder = tmp_path / "exported"
    _export(window, qtbot, run.id, folder)
    # ONNX Runtime scales activations by the batch, so there a few answers depend on a text's neighbours.
    near = 0.006 if run.optimized.runtime == "onnxruntime" else 0.0015
    assert _accuracy(folder, tmp_path) == pytest.approx(run.optimized.quality.value, abs=near)
    assert store.list_runs()[0].id == run.id


def _move_a_slider(window, qtbot):
    """Move the calibration slider by the keyboard; the bytes that are foretold."""
    card = next(card for card in window.recipe.cards.cards if card.technique.name == "quantize")
    before = window.session.recipe
    slider = card.form.fields["calibration_texts"].slider
    qtbot.keyClick(slider, Qt.Key.Key_Left)
    assert window.session.recipe != before
    return estimates(window.session.recipe.steps, window.session.profile)[-1].size_bytes


def _press_run(window, qtbot):
    seen = []
    window.worker.happened.connect(seen.append)
    qtbot.waitUntil(lambda: window.recipe.run_bar.state is State.READY, timeout=30_000)
    qtbot.mouseClick(window.recipe.run_bar.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: any(event.kind == "run_finished" for event in seen), timeout=RUN_MS)
    return next(event.run for event in seen if event.kind == "run_finished"), seen


def _export(window, qtbot, run_id, folder):
    window.conductor.export(run_id)
    dialog = window.findChild(ExportDialog)
    dialog.place.setText(str(folder))
    qtbot.mouseClick(dialog.go, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: (folder / "bozzetto.json").is_file() and dialog.go.isEnabled(), timeout=RUN_MS)
    dialog.close()


def _accuracy(folder, tmp_path):
    """Read by a process that knows nothing of Bozzetto."""
    rows = pyarrow.parquet.read_table(data_files("kinds").test).to_pydict()
    texts = tmp_path / "texts.json"
    texts.write_text(json.dumps(rows["text"]))
    reader = Path(__file__).with_name("readers.py")
    found = subprocess.run(
        [sys.executable, str(reader), str(folder), str(texts)], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    answers = json.loads(found.stdout.strip().splitlines()[-1])
    return sum(a == b for a, b in zip(answers, rows["label"], strict=True)) / len(answers)
