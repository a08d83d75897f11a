"""Tiny models and texts for the engine's tests (see tests/tiny_models.py)."""

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Protocol

import pytest


class TinyModel(Protocol):
    """Makes a folder with a tiny model; the keywords are those of `tiny_models.build`."""

    def __call__(self, family: str, **settings: int | bool) -> Path: ...


class TinyTexts(Protocol):
    """Makes a CSV file with the columns text and label."""

    def __call__(self, count: int, labels: int = 3, seed: int = 0) -> Path: ...


@pytest.fixture(scope="session")
def tiny_models() -> ModuleType:
    """The module tests/tiny_models.py, loaded once and late: it imports torch."""
    name = "tiny_models"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / f"{name}.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def built_models() -> dict[str, Path]:
    """What was built in this session, by its settings."""
    return {}


@pytest.fixture
def tiny_model(
    tiny_models: ModuleType,
    built_models: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> TinyModel:
    """A function that gives a folder of one's own with a tiny model: damage it at will."""

    def make(family: str, **settings: int | bool) -> Path:
        key = repr((family, sorted(settings.items())))
        if key not in built_models:
            built_models[key] = tiny_models.build(tmp_path_factory.mktemp("built") / family, family, **settings)
        return Path(shutil.copytree(built_models[key], tmp_path_factory.mktemp("tiny") / family))

    return make


@pytest.fixture
def tiny_texts(tiny_models: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> TinyTexts:
    """A function that gives a CSV file of texts that the tiny models of as many labels know."""

    def make(count: int, labels: int = 3, seed: int = 0) -> Path:
        rows = tiny_models.texts(count, labels, seed)
        return tiny_models.write_csv(tmp_path_factory.mktemp("texts") / "texts.csv", rows)

    return make
