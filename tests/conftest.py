"""What holds for every test: no screen, no network, and nobody's own files are touched."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

LONG = ("test_main_job", "test_other_jobs", "test_serve", "test_cli", "test_runner", "test_fresh", "test_generators")
HOME = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Set the surroundings before Qt, transformers or the engine are imported.

    One home for the whole session: a model made for one test is there for the next. A test that
    counts runs or cleans up takes a home of its own with `monkeypatch.setenv`.
    """
    home = config.stash[HOME] = Path(tempfile.mkdtemp(prefix="bozzetto-tests-"))
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ["BOZZETTO_HOME"] = str(home)
    os.environ["HF_HOME"] = str(home / "huggingface")
    os.environ["HF_HUB_OFFLINE"] = "1"
    # Two workers share the cores: their threads must not spin against each other. (Engines set their own number.)
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["CI"] = "true"  # openvino and nncf then send no usage statistics, nor write ~/intel


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of whole runs come first: otherwise one worker is still at them when the other has done all else."""
    items.sort(key=lambda item: not item.path.name.startswith(LONG))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the session's home: models in it are large."""
    shutil.rmtree(config.stash[HOME], ignore_errors=True)
