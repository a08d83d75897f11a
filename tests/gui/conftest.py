"""A window, or parts of one, on a home of its own and before an engine that is not one."""

import gc
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from gui.engine_process import Patience
from gui.theme import use
from gui.window import MainWindow
from gui.worker import Worker

STAND_IN = (sys.executable, str(Path(__file__).with_name("stand_in.py")))
QUICK = Patience(cancel=400, quit=700, batch=10)
WAIT_MS = 10_000


@pytest.fixture(autouse=True)
def garbage_in_this_thread():
    """As in the program (see `gui.garbage`): a library's own thread must not destroy a widget while another paints."""
    gc.collect()
    gc.freeze()  # what earlier tests brought in (torch, for one) is not looked through again and again
    gc.disable()
    yield
    gc.collect()
    gc.enable()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder for runs and settings that no other test sees."""
    monkeypatch.setenv("BOZZETTO_HOME", str(tmp_path))
    root = Path(__file__).resolve().parents[2]
    monkeypatch.setenv("PYTHONPATH", str(root))
    return tmp_path


@pytest.fixture
def stand_in():
    """The stand-in as a module, for the profile and the figures that it gives."""
    spec = spec_from_file_location("stand_in", STAND_IN[1])
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def worker(qtbot, home):
    """A worker that drives the stand-in."""
    made = Worker(STAND_IN, QUICK)
    yield made
    made.stop()


@pytest.fixture
def window(qtbot, qapp, worker):
    """The whole window, begun, with its model's profile read."""
    use(qapp, dark=False)
    made = MainWindow(worker)
    qtbot.addWidget(made)
    made.show()
    made.begin()
    qtbot.waitUntil(lambda: made.session.profile is not None, timeout=WAIT_MS)
    yield made
    made.close()
