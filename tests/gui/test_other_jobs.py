"""The main job with a language model and with an embedder: a real window, a real engine, tiny models from configs."""

import csv
import importlib.util
import random
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from engine.events import Measured
from engine.recipe import Limits
from engine.run import Status
from engine.techniques.pca import Pca
from engine.techniques.quantize import Quantize
from gui.export import ExportDialog
from gui.recipe_panel.run_bar import State
from gui.theme import use
from gui.window import MainWindow
from gui.worker import Worker

pytestmark = pytest.mark.timeout(300)
RUN_MS, READ_MS = 200_000, 90_000
WRITES = """
import sys, openvino
core = openvino.Core()
model = core.compile_model(sys.argv[1] + "/openvino_model.xml", "CPU")
print(len(model.outputs[0].names), "engine" in sys.modules)
"""
EMBEDS = """
import sys
from transformers import AutoModel, AutoTokenizer
model, tokenizer = AutoModel.from_pretrained(sys.argv[1]), AutoTokenizer.from_pretrained(sys.argv[1])
print(model(**tokenizer("an old dog", return_tensors="pt")).last_hidden_state.shape[-1], "engine" in sys.modules)
"""


@pytest.fixture(scope="module")
def tiny_models():
    """tests/tiny_models.py, loaded late: it imports torch."""
    spec = importlib.util.spec_from_file_location("tiny_models", Path(__file__).parents[1] / "tiny_models.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def window(qtbot, qapp, home):
    """A window before a real engine, in a home of its own."""
    use(qapp, dark=False)
    made = MainWindow(Worker())
    qtbot.addWidget(made)
    made.show()
    made.begin()
    yield made
    made.close()


def choose(window, qtbot, model, data, steps):
    """As the two pickers do it, then switch on what is to be done."""
    window.recipe.data.chosen.emit(str(data))
    window.recipe.model.chosen.emit(str(model))
    session = window.session
    qtbot.waitUntil(lambda: session.profile is not None and session.task is not None, timeout=READ_MS)
    window.recipe.cards.value_changed.emit(steps)
    window.recipe.limits.value_changed.emit(Limits())
    qtbot.waitUntil(lambda: window.recipe.run_bar.state is State.READY, timeout=READ_MS)


def press_run(window, qtbot):
    """The run, and what was heard of it."""
    seen = []
    window.worker.happened.connect(seen.append)
    qtbot.mouseClick(window.recipe.run_bar.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: any(event.kind == "run_finished" for event in seen), timeout=RUN_MS)
    run = next(event.run for event in seen if event.kind == "run_finished")
    assert run.status is Status.FINISHED and run.verified, run.reason
    assert {"original", "after a step", "optimized"} <= {e.subject for e in seen if isinstance(e, Measured)}
    return run


def ask(window, qtbot, text):
    """The words of the tab "Try it" while and after both models answer."""
    said, tab = [], window.try_it
    window.questions.written.connect(lambda *_: said.append(tab.message.text()))
    tab.text.setText(text)
    qtbot.mouseClick(tab.button, Qt.MouseButton.LeftButton)
    said.append(tab.message.text())
    qtbot.waitUntil(tab.button.isEnabled, timeout=RUN_MS)
    return [*said, tab.message.text()]


def export(window, qtbot, folder):
    """Through the dialog, in the format that was measured."""
    window.conductor.export_selected()
    dialog = window.findChild(ExportDialog)
    dialog.place.setText(str(folder))
    qtbot.mouseClick(dialog.go, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(dialog.go.isEnabled, timeout=RUN_MS)
    assert "Exported" in dialog.message.text(), dialog.message.text()
    dialog.close()
    assert (folder / "bozzetto.json").is_file()


def read_elsewhere(program, folder, tmp_path):
    """What a process that knows nothing of Bozzetto prints."""
    command = [sys.executable, "-c", program, str(folder)]
    found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    return found.stdout.split()[-2:]


def shown(view):
    """Every cell of a table."""
    model = view.model()
    return [model.index(r, c).data() or "" for r in range(model.rowCount()) for c in range(model.columnCount())]


def test_a_language_model_is_made_small_and_writes(window, qtbot, tmp_path, tiny_models):
    model = tiny_models.build_decoder(tmp_path / "tiny-gpt2", "gpt2", positions=64)
    book = tmp_path / "book.txt"
    book.write_text("\n\n".join(f"{text.capitalize()}." for text, _ in tiny_models.texts(2600)), encoding="utf-8")
    choose(window, qtbot, model, book, (Quantize(bits=8, runtime="openvino"),))
    assert window.session.task == "language modelling" and "writes text" in window.recipe.model.details.text()
    run = press_run(window, qtbot)
    assert "perplexity" in window.verdict.detail.text() and "writing" in window.verdict.headline.text()
    window.live.flush()
    assert f"{run.optimized.quality.value:.2f}"[:4] in window.live.quality_panel.headline.text
    assert window.table.current().id == run.id and "Writing" in header_of(window.table.view)
    assert any("erplexity" in cell for cell in shown(window.compare.view))
    assert "windows of text" in window.changed.headline.text() and window.changed.visible_rows() > 0
    assert window.layers.bars.isVisibleTo(window.layers)
    said = ask(window, qtbot, "The old dog")
    assert said[0].startswith("Loading both") and "Both write, one after the other…" in said and len(said) > 4
    assert "tokens/s" in window.try_it.original.time.text()
    assert said[-1].startswith(("The same for the first", "Word for word the same"))
    assert ("tokens/s" in window.try_it.original.time.text() and said[-1].endswith("this time.")) or "same" in said[-1]
    export(window, qtbot, tmp_path / "exported")
    assert read_elsewhere(WRITES, tmp_path / "exported", tmp_path)[1] == "False"


def test_an_embedder_is_made_small_and_finds(window, qtbot, tmp_path, tiny_models):
    model = tiny_models.build(tmp_path / "tiny-bert", "bert", head=False, hidden=64)
    pairs = tmp_path / "pairs.csv"
    draw = random.Random(0)
    with pairs.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["query", "answer"])
        for text, label in tiny_models.texts(320):
            writer.writerow([text, f"{label} {text.split()[-1]} {draw.randrange(10**6)}"])
    choose(window, qtbot, model, pairs, (Pca(dimensions=32),))
    assert window.session.task == "sentence similarity"
    run = press_run(window, qtbot)
    assert "recall@10" in window.verdict.detail.text() and "for one text" in window.verdict.headline.text()
    assert run.optimized.runtime == "torch" and any("ecall" in cell for cell in shown(window.compare.view))
    assert window.changed.headline.text() and window.table.current().id == run.id
    said = ask(window, qtbot, "an old dog")
    assert said[0].startswith("Loading both models, which first read")
    assert [len(side.list.rows) for side in (window.try_it.original, window.try_it.optimized)] == [10, 10]
    export(window, qtbot, tmp_path / "exported")
    assert read_elsewhere(EMBEDS, tmp_path / "exported", tmp_path) == ["64", "False"]


def header_of(view):
    """The titles of a table's columns."""
    model = view.model()
    return [model.headerData(c, Qt.Orientation.Horizontal) for c in range(model.columnCount())]
