"""The window opens in under a second because what it imports is light. Proved in a new process.

`make lint` checks who imports whom; only running the imports shows what they bring along.
"""

import json
import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = [
    "accelerate", "nncf", "onnx", "onnxruntime", "openvino", "pandas", "peft", "pyarrow",
    "scipy", "sklearn", "torch", "transformers",
]  # fmt: skip
# Run in the new process: import one after the other, and say which brought what.
IMPORT_AND_REPORT = """
import importlib, json, sys
names, heavy = json.loads(sys.argv[1])
blame = {}
for name in names:
    before = set(sys.modules)
    importlib.import_module(name)
    blame[name] = [module for module in heavy if module in sys.modules.keys() - before]
print(json.dumps({name: modules for name, modules in blame.items() if modules}))
"""


def light_engine_modules() -> list[str]:
    """What the import contract lets the window use, in so far as it exists."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    allowed = next(each for each in contracts if each.get("forbidden_modules") == ["engine"])
    patterns = [line.split(" -> ")[1] for line in allowed["ignore_imports"]]
    return [name for pattern in patterns for name in expand(pattern) if exists(name)]


def expand(pattern: str) -> list[str]:
    """`engine.techniques.*` as the modules it stands for; any other name as itself."""
    package, star, _ = pattern.partition(".*")
    if not star:
        return [package]
    folder = ROOT.joinpath(*package.split("."))
    return [f"{package}.{module.name}" for module in pkgutil.iter_modules([str(folder)])]


def exists(name: str) -> bool:
    """Looked up as a file: asking the import system would import the packages above it."""
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def brings_heavy(names: list[str]) -> dict[str, list[str]]:
    """Import `names` in a new process; which of them was the first to bring which library."""
    arguments = json.dumps([names, HEAVY])
    command = [sys.executable, "-c", IMPORT_AND_REPORT, arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_the_probe_sees_what_is_heavy():
    assert brings_heavy(["json", "scipy"]) == {"scipy": ["scipy"]}


def test_light_engine_modules_bring_nothing_heavy():
    assert brings_heavy(light_engine_modules()) == {}


def test_the_window_brings_nothing_heavy():
    if not exists("gui.window"):
        pytest.skip("there is no window yet")
    assert brings_heavy(["gui.window"]) == {}
