"""A GGUF file, unpacked once into a Hugging Face folder in the cache."""

from __future__ import annotations

from pathlib import Path

from engine.device import free_disk
from engine.errors import Refused
from engine.files import sha256_of
from engine.models.copies import made_once
from engine.models.gguf_config import config_of
from engine.models.gguf_header import GROUPS, PLAIN, GgufHeader
from engine.models.gguf_tokenizer import tokenizer_note, write_tokenizer
from engine.models.gguf_weights import bytes_of, plan, write_weights
from engine.models.grid import grid_note, grid_sentence
from engine.models.headers import WEIGHTS

FORMAT = "1"
"""Part of the copy's name: raise it when the same file would be unpacked otherwise."""


VECTORS = 0.01
"""Share of the weights that norms and biases have at most, which nobody packs."""


def gguf_in(folder: Path) -> Path | None:
    """The one GGUF file of a folder, or None; raises `Refused` where there are several to choose from."""
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".gguf" and path.is_file())
    if len(found) > 1:
        names = ", ".join(path.name for path in found[:5])
        raise Refused(f"{folder} holds several GGUF files ({names}). Choose one of the files.")
    return found[0] if found else None


def import_gguf(header: GgufHeader, cache: Path) -> tuple[Path, tuple[str, ...]]:
    """The unpacked folder under `cache`, made once for the same content, and sentences for the log.

    Nothing of the file is run. Raises `Refused` where it is no sound model of a known architecture
    or where the disk has too little room.
    """
    path, size = header.path, bytes_of(header)

    def make(folder: Path) -> None:
        config = config_of(header)
        planned = plan(header, config)
        _check_room(path, cache, size)
        write_tokenizer(header, folder)
        config.dtype = "float32" if list(header.kinds()) == ["F32"] else "float16"
        (folder / "config.json").write_text(config.to_json_string(), encoding="utf-8")
        write_weights(header, config, planned, folder / WEIGHTS)

    folder = made_once(cache, f"{path.stem}-gguf{FORMAT}", sha256_of(path), make)
    return folder, tuple(note for note in (_note(header, folder, size), tokenizer_note(header)) if note)


def _note(header: GgufHeader, folder: Path, size: int) -> str:
    """What was opened, on what grid its weights lie, and what sizes are counted from."""
    (most, share), *others = header.kinds().items()
    besides = ", ".join(f"{part:.0%} {kind}" for kind, part in others if part > VECTORS)
    rest = f" ({besides} besides)" if besides else ""
    there = header.path.stat().st_size / 1e6
    told = f"{header.path.name} ({there:,.1f} MB): {share:.0%} of the weights are {most}{rest}."
    if most in PLAIN:
        return f"{told} {grid_note(folder)}".rstrip()
    unpacked = f"Sizes are counted from its weights unpacked to 16 bits ({size / 1e6:,.1f} MB)."
    return f"{told} {unpacked} {grid_sentence(*GROUPS[most], whole=share > 1 - VECTORS)}"


def _check_room(path: Path, cache: Path, size: int) -> None:
    if size > (free := free_disk(cache)):
        raise Refused(
            f"Unpacking {path.name} needs {size / 1e9:.1f} GB; {free / 1e9:.1f} GB are free at {cache}. "
            "Free some, or set BOZZETTO_HOME to a folder on a larger disk."
        )
