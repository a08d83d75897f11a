"""From a model's name to a folder that is safe and sound to load.

    starter:NAME → made from the starter pack     a folder → looked at where it lies
    org/name     → the Hub's cache or the Hub     a GGUF file → unpacked to a folder in the cache

Whatever the loader, the exporter or the window would stumble over is refused here, in a sentence,
before torch is imported. The user's folder is never written to: what must be converted (pickled
weights, an old tokenizer) is converted in a copy in the cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from engine.errors import Refused
from engine.files import home
from engine.models.companions import companion_files
from engine.models.copies import Mend, mended
from engine.models.families import family_of
from engine.models.gguf_config import model_type_of
from engine.models.gguf_header import read_gguf
from engine.models.gguf_import import gguf_in, import_gguf
from engine.models.grid import grid_note
from engine.models.headers import INDEX, WEIGHTS, holds_weights, weight_files
from engine.models.hub import ID, hub_folder
from engine.models.metering import Tell
from engine.models.pickles import convert, pickle_files
from engine.models.profile import Profile, read_config, read_profile
from engine.models.soundness import check_links, check_weights
from engine.models.starter import StarterError, materialize
from engine.models.tokenizer_files import (
    check_tokenizer,
    has_fast_tokenizer,
    make_fast_tokenizer,
    wants_code,
)

STARTER = "starter:"


@dataclass(frozen=True)
class ResolvedModel:
    """A folder with config.json, safetensors weights and tokenizer.json that belong together.

    `trust` says that the user lets the model's own code run; `notes` are sentences for the log.
    """

    name: str
    folder: Path
    profile: Profile
    notes: tuple[str, ...]
    trust: bool


def resolve(
    name: str, *, trust_remote_code: str | None = None, cache: Path | None = None, tell: Tell | None = None
) -> ResolvedModel:
    """Find the model called `name` and check it; `tell` follows a download (see `hub_folder`).

    Its own code counts as trusted only if `trust_remote_code` is exactly `name`. Copies are kept
    under `cache` (by default `home()/models`). A model without a classification head is no error:
    `profile.has_head` is False. Raises `Refused` with one sentence for everything else.
    """
    try:
        return _resolve(name, trust_remote_code == name, cache or home() / "models", tell)
    except OSError as error:  # no right to read, disk full, a drive pulled out
        place = f" ({error.filename})" if error.filename else ""
        raise Refused(
            f"The model {name} could not be read: {error.strerror or error}{place}. "
            "Check the disk and your rights to its files."
        ) from error


def _resolve(name: str, trust: bool, cache: Path, tell: Tell | None) -> ResolvedModel:
    notes: list[str] = []
    unpacked = False
    if name.startswith(STARTER):
        folder = _starter(name.removeprefix(STARTER), cache)
    elif (local := _local(name)) is not None:
        folder = _unpacked(local, cache, notes)
        unpacked = folder != local
    else:
        check = partial(_check_code, name=name, trust=trust)
        folder, cached = hub_folder(name, code=trust, check=check, tell=tell)
        if cached:
            notes.append(f"{name} was taken from the Hub's local cache.")
    folder = _whole(folder, name, cache, trust, notes)
    config = read_config(folder)
    profile = read_profile(folder)
    check_weights(folder, config, family_of(profile.model_type), profile)
    check_tokenizer(folder, profile.vocabulary)
    if not unpacked and (note := grid_note(folder)):  # a GGUF file says itself on what grid it lies
        notes.append(note)
    return ResolvedModel(name, folder, profile, tuple(notes), trust)


def _starter(name: str, cache: Path) -> Path:
    try:
        return materialize(name, cache)
    except StarterError as error:
        raise Refused(str(error)) from error


def _local(name: str) -> Path | None:
    """The folder or the GGUF file that `name` means; None if it can only be a model on the Hub."""
    try:
        path = Path(name).expanduser()
        if path.is_dir():
            return path.resolve()
        is_file = path.is_file()
    except (OSError, ValueError, RuntimeError) as error:  # too long, a NUL in it, no such user
        raise Refused(f"{name!r} is no path to a model. Check its spelling.") from error
    if is_file and path.suffix.lower() == ".gguf":
        return path.resolve()
    if is_file:
        raise Refused(f"{name} is a file. Choose the folder in which the model's files lie, or a GGUF file.")
    if ID.fullmatch(name):
        return None
    raise Refused(f"There is no folder {name}. Check the path, or choose another model.")


def _unpacked(path: Path, cache: Path, notes: list[str]) -> Path:
    """The folder itself, or the one unpacked from the GGUF file that `path` is or holds."""
    if path.is_dir() and (path / "config.json").is_file() and (holds_weights(path) or pickle_files(path)):
        return path
    file = path if path.is_file() else gguf_in(path)
    if file is None:
        return path
    header = read_gguf(file)
    family_of(model_type_of(header))  # before minutes go into unpacking it
    folder, told = import_gguf(header, cache)
    notes += told
    return folder


class WantsCode(Refused):
    """The model brings code of its own, and nobody said that it may run."""


def _check_code(folder: Path, *, name: str, trust: bool) -> None:
    wanted = bool(read_config(folder).get("auto_map")) or wants_code(folder)
    if wanted and not trust:
        raise WantsCode(
            f"The model '{name}' wants to run its own code, which could do anything on this computer. "
            "If you know and trust its author, switch it on for this model "
            f"(trust_remote_code: {name}); otherwise choose another model."
        )


def _whole(folder: Path, name: str, cache: Path, trust: bool, notes: list[str]) -> Path:
    """The folder itself if it has safetensors and tokenizer.json, else a copy that has them."""
    if (folder / "adapter_config.json").is_file() and not (folder / "config.json").is_file():
        raise Refused(
            f"{folder} holds an adapter (a small change to a model), not a model. "
            "Merge it into its base model with peft's merge_and_unload() and choose that folder."
        )
    config = read_config(folder)
    check_links(folder)
    _check_code(folder, name=name, trust=trust)
    family_of(str(config.get("model_type", "?")))
    weights = weight_files(folder)
    mends: list[Mend] = []
    if not weights:
        pickles = pickle_files(folder) or _no_weights(folder, config)
        mends.append(lambda _, new: convert(pickles, new / WEIGHTS))
        notes.append("The weights were a pickle file; a safetensors copy of them is used.")
    if not has_fast_tokenizer(folder):
        mends.append(make_fast_tokenizer)
        notes.append("The tokenizer was of an older form; a copy as tokenizer.json is used.")
    if not mends:
        return folder
    small = [folder / file for file in ("config.json", "added_tokens.json", *companion_files(folder))]
    index = folder / INDEX
    keep = [path for path in (*small, *weights, index) if path.is_file()]
    code = sorted(folder.glob("*.py")) if trust else []
    return mended(folder, name, cache, [*keep, *code], mends)


def _no_weights(folder: Path, config: dict[str, Any]) -> list[Path]:
    """Say what is there instead of weights."""
    others = (".onnx", ".h5", ".msgpack", ".xml")
    found = [path.name for path in sorted(folder.iterdir()) if path.suffix in others]
    instead = f" (only {', '.join(found[:3])}, made for other programs)" if found else ""
    raise Refused(
        f"{folder} has a config.json for a {config.get('model_type', '?')} model but no weights"
        f"{instead}. Put model.safetensors beside it."
    )
