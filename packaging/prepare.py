"""Makes this checkout ready to run: system libraries, `.venv`, torch, then everything else.

`make setup` runs it; on Windows and macOS without make: `python packaging/prepare.py`.
Only the standard library, since nothing else is there yet. Each step asks first whether it is
already done, and a stamp in `.venv` remembers for which pyproject.toml it was made: a second
run changes nothing and touches no network.
"""

import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

MINIMUM_PYTHON = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = ROOT / "pyproject.toml"
VENV = ROOT / ".venv"
STAMP = VENV / ".bozzetto-setup"

# torch built for processors only: the default index brings gigabytes of CUDA on Linux.
CPU_INDEX = "https://download.pytorch.org/whl/cpu"

# What Qt's windows load and a bare Debian lacks; found with ldd on PySide6's platform plugins.
# The packages that these depend on bring the rest.
QT_LIBRARIES = (
    "libdbus-1-3",
    "libegl1",
    "libgl1",
    "libglib2.0-0",
    "libwayland-cursor0",
    "libxcb-cursor0",
    "libxcb-icccm4",
    "libxcb-image0",
    "libxcb-keysyms1",
    "libxcb-render-util0",
    "libxcb-shape0",
    "libxcb-xkb1",
    "libxkbcommon-x11-0",
)
FONTS = ("fontconfig", "fonts-dejavu-core")  # without a font, Qt draws empty boxes


@dataclass(frozen=True)
class TorchSource:
    """One place to get torch from, and what pip must be told to look there."""

    place: str
    pip_options: tuple[str, ...]


def main() -> int:
    """Take every step that is still to be taken; returns the exit status."""
    if sys.version_info[:2] < MINIMUM_PYTHON:
        return fail(f"Bozzetto needs Python 3.11 or newer; this is {platform.python_version()}.")
    install_system_packages()
    wanted = fingerprint(PYPROJECT.read_bytes())
    if is_current(STAMP, wanted):
        return 0
    try:
        make_environment()
        install_torch(torch_requirement(PYPROJECT.read_text(encoding="utf-8")))
        say("Installing Bozzetto and the libraries it uses.")
        pip("--editable", f"{ROOT}[dev]")
    except subprocess.CalledProcessError as error:
        return fail(
            f"Setup stopped, for the reason above, at: {command_line(error.cmd)}\n"
            "Once that is mended, run it again: it goes on from there."
        )
    STAMP.write_text(wanted, encoding="utf-8")
    say(f"Ready: {executable('bozzetto').relative_to(ROOT)} gui opens the window.")
    return 0


# -- saying


def say(sentence: str) -> None:
    print(sentence, flush=True)  # flushed: it must stand above what pip or apt prints next


def fail(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


def command_line(command: Iterable[object]) -> str:
    return " ".join(str(word) for word in command)


# -- the stamp


def fingerprint(pyproject: bytes) -> str:
    return hashlib.sha256(pyproject).hexdigest()


def is_current(stamp: Path, wanted: str) -> bool:
    """Whether `.venv` was completed for exactly this pyproject.toml."""
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted


# -- system packages (Debian and its relatives)


def wanted_packages(has_ensurepip: bool, version: tuple[int, int]) -> tuple[str, ...]:
    """Debian packages that must be there. Debian ships Python without what makes a venv."""
    venv = () if has_ensurepip else (f"python{version[0]}.{version[1]}-venv",)
    return QT_LIBRARIES + FONTS + venv


def missing_packages(wanted: Iterable[str], installed: Collection[str]) -> list[str]:
    """Those not installed; Ubuntu 24.04 and Debian 13 add `t64` to some of the names."""
    return [name for name in wanted if name not in installed and f"{name}t64" not in installed]


def installed_packages() -> set[str]:
    """Names of the packages that dpkg has fully installed."""
    query = ["dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Package}\n"]
    listing = subprocess.run(query, capture_output=True, text=True, check=True).stdout
    rows = (line.split(maxsplit=1) for line in listing.splitlines())
    return {row[1] for row in rows if row[0] == "installed"}


def apt_command(packages: Sequence[str], as_root: Sequence[str]) -> list[str]:
    """The command that installs `packages`; `as_root` is what to put before it."""
    options = ["--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=60"]
    return [*as_root, "apt-get", "install", *options, *packages]


def root_prefix() -> list[str] | None:
    """What makes a command run as root without asking: nothing, `sudo -n`, or None: it can't."""
    if os.geteuid() == 0:
        return []
    sudo = ["sudo", "-n"]
    return sudo if shutil.which("sudo") and succeeds([*sudo, "true"]) else None


def install_system_packages() -> None:
    """Install what is missing where that is allowed; elsewhere say how, and go on."""
    if not (shutil.which("dpkg-query") and shutil.which("apt-get")):
        return
    has_ensurepip = importlib.util.find_spec("ensurepip") is not None
    wanted = wanted_packages(has_ensurepip, sys.version_info[:2])
    missing = missing_packages(wanted, installed_packages())
    if not missing:
        return
    prefix = root_prefix()
    if prefix is not None and apt_install(missing, prefix):
        return
    command = command_line(apt_command(missing, ["sudo"]))
    say(f"Bozzetto needs system packages that are not installed; run: {command}")


def apt_install(packages: Sequence[str], prefix: Sequence[str]) -> bool:
    say(f"Installing system packages: {', '.join(packages)}.")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # A failed update is no reason to stop: another source may be unreachable, or lists suffice.
    subprocess.run([*prefix, "apt-get", "update"], env=quiet, stdin=subprocess.DEVNULL, check=False)
    return succeeds(apt_command(packages, prefix), env=quiet)


def succeeds(command: Sequence[str], env: dict[str, str] | None = None) -> bool:
    """Run it without an input and without its chatter; whether it ended well."""
    silent = subprocess.DEVNULL
    ended = subprocess.run(command, env=env, stdin=silent, stdout=silent, stderr=silent, check=False)
    return ended.returncode == 0


# -- the environment


def executable(name: str) -> Path:
    """A command inside `.venv`."""
    if platform.system() == "Windows":
        return VENV / "Scripts" / f"{name}.exe"
    return VENV / "bin" / name


def make_environment() -> None:
    """Create `.venv`, or replace one that was left half made."""
    python = executable("python")
    if python.exists() and succeeds([str(python), "-m", "pip", "--version"]):
        return
    say(f"Making an environment for Python {platform.python_version()} in {VENV.name}.")
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)


def pip(*options: str, silent: bool = False) -> None:
    """`pip install OPTIONS` in `.venv`; raises CalledProcessError when it fails."""
    command = [str(executable("python")), "-m", "pip", "install", "--disable-pip-version-check"]
    output = subprocess.DEVNULL if silent else None
    subprocess.run([*command, *options], stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=True)


# -- torch, first and on its own, so that nothing else pulls in another build of it


def torch_requirement(pyproject: str) -> str:
    """The project's own requirement on torch, so that it is stated once."""
    import tomllib  # Python 3.11: main() has looked by now

    dependencies = tomllib.loads(pyproject)["project"]["dependencies"]
    return next(line for line in dependencies if re.match(r"torch\s*[<>=~]", line))


def torch_sources(system: str, has_nvidia: bool) -> list[TorchSource]:
    """Where to look for torch, best first. A local file wins, and then no network is asked.

    `--no-deps` where only torch itself is to be had: what it needs comes with the rest.
    """
    local = TorchSource("a local file", ("--no-index", "--no-deps"))
    default = TorchSource("the package index", ())
    if system != "Linux" or has_nvidia:
        return [local, default]
    processors_only = TorchSource(
        "PyTorch's index for machines without an NVIDIA GPU",
        ("--index-url", CPU_INDEX, "--no-deps", "--retries", "1", "--timeout", "30"),
    )
    return [local, processors_only, default]


def has_nvidia_gpu() -> bool:
    return shutil.which("nvidia-smi") is not None and succeeds(["nvidia-smi"])


def install_torch(requirement: str) -> None:
    """Install torch from the first source that has it; raises if none does."""
    *earlier, last = torch_sources(platform.system(), has_nvidia_gpu())
    for source in earlier:
        say(f"Looking for {requirement} in {source.place}.")
        try:
            # Most machines have no local file: pip's complaint about that would only worry.
            return pip(*source.pip_options, requirement, silent="--no-index" in source.pip_options)
        except subprocess.CalledProcessError:
            say(f"Not in {source.place}.")
    say(f"Looking for {requirement} in {last.place}.")
    pip(*last.pip_options, requirement)


if __name__ == "__main__":
    sys.exit(main())
