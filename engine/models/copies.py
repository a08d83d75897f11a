"""A mended copy of a model folder in the cache; the user's own folder is never written to."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.files import sha256_of_all

Mend = Callable[[Path, Path], None]
"""Given the old folder and the new one, writes to the new one what the old one lacks."""


def mended(folder: Path, name: str, cache: Path, keep: Sequence[Path], mends: Sequence[Mend]) -> Path:
    """The folder under `cache` that holds `keep` of `folder` and what `mends` wrote.

    Files are linked where the disk allows it, so that large weights take no more room.
    """
    everything = sorted(path for path in folder.iterdir() if path.is_file())

    def make(new: Path) -> None:
        for path in keep:
            (new / path.relative_to(folder)).parent.mkdir(exist_ok=True)
            _link(path, new / path.relative_to(folder))
        for mend in mends:
            mend(folder, new)

    return made_once(cache, name, sha256_of_all(everything), make)


def made_once(cache: Path, name: str, digest: str, make: Callable[[Path], None]) -> Path:
    """The folder under `cache` for what `name` holds, filled by `make` where it is not there yet.

    `digest` is a hash of the contents, in hexadecimal. The folder is filled under another name and
    then renamed: what is there is whole, whichever process was first.
    """
    plain = re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip("-.")[-60:] or "model"
    place = cache / f"{plain}-{digest[:12]}"
    if place.is_dir():
        return place
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=f".{plain}-") as temporary:
        made = Path(temporary) / place.name
        made.mkdir()
        make(made)
        try:
            os.replace(made, place)
        except OSError:
            if not place.is_dir():  # else another process was first
                raise
    return place


def _link(old: Path, new: Path) -> None:
    try:
        os.link(old.resolve(), new)
    except OSError:
        shutil.copyfile(old, new)
