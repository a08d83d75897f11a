"""prepare.py decides what to install before anything is installed; these are its decisions."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "packaging" / "prepare.py"


@pytest.fixture
def prepare(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module: packaging/ is no package, so it is loaded from its path."""
    spec = importlib.util.spec_from_file_location("prepare", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "prepare", module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_uses_only_the_standard_library():
    load = "import runpy, sys; runpy.run_path(sys.argv[1])"  # -S: as if nothing were installed
    ended = subprocess.run([sys.executable, "-I", "-S", "-c", load, str(SCRIPT)], check=False)
    assert ended.returncode == 0


def test_packaging_stays_the_one_from_pypi():
    assert not (SCRIPT.parent / "__init__.py").exists()


# -- system packages


def test_everything_qt_loads_is_wanted(prepare: ModuleType):
    wanted = prepare.wanted_packages(has_ensurepip=True, version=(3, 11))
    assert {"libxcb-cursor0", "libegl1", "libgl1", "fontconfig", "fonts-dejavu-core"} <= set(wanted)
    assert not any(name.endswith("-venv") for name in wanted)


def test_a_python_without_ensurepip_wants_its_venv_package(prepare: ModuleType):
    assert "python3.13-venv" in prepare.wanted_packages(has_ensurepip=False, version=(3, 13))


def test_only_what_is_not_installed_is_missing(prepare: ModuleType):
    assert prepare.missing_packages(["libegl1", "libgl1"], {"libgl1"}) == ["libegl1"]


def test_a_t64_package_counts_as_the_one_it_replaces(prepare: ModuleType):
    assert prepare.missing_packages(["libglib2.0-0"], {"libglib2.0-0t64"}) == []


def test_the_apt_command_asks_nothing(prepare: ModuleType):
    command = prepare.apt_command(["libegl1", "libgl1"], ["sudo", "-n"])
    assert command[:4] == ["sudo", "-n", "apt-get", "install"]
    assert "--yes" in command
    assert command[-2:] == ["libegl1", "libgl1"]


def test_nothing_missing_runs_nothing(prepare: ModuleType, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(prepare.shutil, "which", lambda name: f"/usr/bin/{name}")
    everything = set(prepare.wanted_packages(has_ensurepip=False, version=sys.version_info[:2]))
    monkeypatch.setattr(prepare, "installed_packages", lambda: everything)
    monkeypatch.setattr(prepare, "apt_install", lambda *_: pytest.fail("nothing was missing"))
    prepare.install_system_packages()


def test_without_rights_it_says_the_command(
    prepare: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(prepare.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(prepare, "installed_packages", set)
    monkeypatch.setattr(prepare, "root_prefix", lambda: None)
    prepare.install_system_packages()
    said = capsys.readouterr().out
    assert "sudo apt-get install" in said
    assert "libxcb-cursor0" in said


# -- torch


@pytest.mark.parametrize(
    ("system", "has_nvidia", "tries_processors_only"),
    [
        ("Linux", False, True),
        ("Linux", True, False),  # a GPU wants the build with CUDA, which is the default
        ("Darwin", False, False),  # the default build is small there
        ("Windows", False, False),
    ],
)
def test_where_torch_is_looked_for(prepare: ModuleType, system: str, has_nvidia: bool, tries_processors_only: bool):
    local, *remote = prepare.torch_sources(system, has_nvidia)
    assert "--no-index" in local.pip_options
    asked = [source for source in remote if prepare.CPU_INDEX in source.pip_options]
    assert bool(asked) is tries_processors_only
    assert remote[-1].pip_options == ()


def test_a_local_torch_asks_no_network(prepare: ModuleType, monkeypatch: pytest.MonkeyPatch):
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(prepare, "pip", lambda *options, silent=False: calls.append(options))
    prepare.install_torch("torch>=2.13,<2.14")
    assert calls == [("--no-index", "--no-deps", "torch>=2.13,<2.14")]


def test_torch_from_the_next_source_when_one_has_none(prepare: ModuleType, monkeypatch: pytest.MonkeyPatch):
    calls: list[tuple[str, ...]] = []

    def pip(*options: str, silent: bool = False) -> None:
        calls.append(options)
        if len(options) > 1:  # only the default index, which needs no option, has it
            raise subprocess.CalledProcessError(1, options)

    monkeypatch.setattr(prepare, "pip", pip)
    monkeypatch.setattr(prepare.platform, "system", lambda: "Linux")
    monkeypatch.setattr(prepare, "has_nvidia_gpu", lambda: False)
    prepare.install_torch("torch>=2.13,<2.14")
    assert [options[0] for options in calls] == ["--no-index", "--index-url", "torch>=2.13,<2.14"]


def test_the_torch_requirement_is_the_projects(prepare: ModuleType):
    text = '[project]\ndependencies = ["torchao>=0.18", "torch>=2.13,<2.14", "numpy"]'
    assert prepare.torch_requirement(text) == "torch>=2.13,<2.14"
    assert prepare.torch_requirement(prepare.PYPROJECT.read_text(encoding="utf-8"))


# -- the stamp


def test_a_stamp_is_current_only_for_the_same_pyproject(prepare: ModuleType, tmp_path: Path):
    stamp = tmp_path / "stamp"
    old, new = prepare.fingerprint(b"old"), prepare.fingerprint(b"new")
    assert not prepare.is_current(stamp, old)
    stamp.write_text(old, encoding="utf-8")
    assert prepare.is_current(stamp, old)
    assert not prepare.is_current(stamp, new)


def test_a_failed_step_leaves_no_stamp(
    prepare: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    def no_disk() -> None:
        raise subprocess.CalledProcessError(1, ["python", "-m", "venv"])

    monkeypatch.setattr(prepare, "STAMP", tmp_path / "stamp")
    monkeypatch.setattr(prepare, "install_system_packages", lambda: None)
    monkeypatch.setattr(prepare, "make_environment", no_disk)
    assert prepare.main() == 1
    assert not (tmp_path / "stamp").exists()
    assert "at: python -m venv" in capsys.readouterr().err


def test_an_old_python_is_told_in_a_sentence(
    prepare: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(prepare.sys, "version_info", (3, 10, 4))
    assert prepare.main() == 1
    assert "Python 3.11 or newer" in capsys.readouterr().err
