"""A saved model folder: its runtime, its exact size, its hashes, its certificate."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from engine.errors import Refused
from engine.files import sha256_of, write_text_atomically
from engine.models.companions import SETTINGS, carried_files
from engine.run import Certificate

CERTIFICATE = "bozzetto.json"


def files_of(folder: Path) -> list[Path]:
    """Every file of a saved folder but the certificate, in a fixed order."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != CERTIFICATE)


def size_of(folder: Path) -> int:
    """Exact bytes of the folder: all files but the certificate, which holds this very number."""
    return sum(path.stat().st_size for path in files_of(folder))


def hashes_of(folder: Path) -> dict[str, str]:
    """Relative name → SHA-256 of every file but the certificate."""
    return {path.relative_to(folder).as_posix(): sha256_of(path) for path in files_of(folder)}


def copy_tokenizer(source: Path, folder: Path) -> None:
    """Put the tokenizer and the model's other companions beside the weights.

    Settings that are there already stay: what was saved knows its own (the number of its end token, say).
    """
    for name, content in carried_files(source).items():
        if name in SETTINGS and (folder / name).is_file():
            continue
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)


def write_certificate(folder: Path, certificate: Certificate) -> None:
    """Write `bozzetto.json`, whole or not at all."""
    write_text_atomically(folder / CERTIFICATE, json.dumps(certificate.model_dump(mode="json"), indent=1))


def read_certificate(folder: Path) -> Certificate | None:
    """The folder's certificate, or None where it has none that can be read."""
    try:
        return Certificate.model_validate_json((folder / CERTIFICATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def check_hashes(folder: Path, hashes: dict[str, str]) -> None:
    """Raise `Refused` naming the files that are missing, changed or added since they were measured."""
    found = hashes_of(folder)
    odd = sorted(name for name in found.keys() | hashes.keys() if found.get(name) != hashes.get(name))
    if odd:
        raise Refused(f"{folder} is not what was measured: {_some(odd)} changed. Run the recipe again.")


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else "")


def answers_file(run_folder: Path) -> Path:
    """Where a run keeps what its model answered to the test data [rows, figures]."""
    return run_folder / "answers.npy"
