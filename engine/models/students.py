"""Another model as a student: where it lies, how large it is, and whether a teacher can teach it. Light: no torch.

What a card foretells must not wait for a network: `known_profile` looks only at what is on this
computer. `fetch` is for the run.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import Refused
from engine.files import home
from engine.models.headers import weight_files
from engine.models.profile import Profile, Storage, read_profile

if TYPE_CHECKING:
    from engine.models.metering import Tell
    from engine.models.resolve import ResolvedModel

STARTER = "starter:"
_fetched: dict[str, Path] = {}
"""Name → the folder that it was resolved to, which may be a mended copy."""


def fetch(name: str, tell: Tell | None = None) -> ResolvedModel:
    """Find the student called `name`, downloading it if need be (`tell` as in `hub_folder`). Raises `Refused`."""
    from engine.models.resolve import WantsCode, resolve

    try:
        found = resolve(name, tell=tell)
    except WantsCode as reason:
        raise Refused(
            f"The student '{name}' wants to run its own code, and a student's own code never runs. Choose another."
        ) from reason
    except Refused as reason:
        raise Refused(f"The student cannot be had. {reason}") from reason
    _fetched[name] = found.folder
    return found


def known_folder(name: str) -> Path | None:
    """The folder of the student called `name` if it is on this computer, ready to be read, else None. Never raises.

    One that `fetch` would mend first (pickled weights, an older tokenizer) is known once that was done.
    """
    try:
        folder = _fetched.get(name) or (_starter(name) if name.startswith(STARTER) else _local_or_cached(name))
        needed = ("config.json", "tokenizer.json")
        whole = folder and all((folder / file).is_file() for file in needed) and weight_files(folder)
        return folder if whole else None
    except (OSError, ValueError, RuntimeError, Refused):  # no path at all, a home that is none, a broken cache
        return None


def _starter(name: str) -> Path | None:
    """Where the starter lies once it was made."""
    from engine.models.starter import StarterError

    short = name.removeprefix(STARTER)
    try:
        return home() / "models" / f"{short}-{_content_key(short)}"
    except StarterError:
        return None


@functools.cache
def _content_key(name: str) -> str:
    """Found once: hashing what a starter is made of takes a while."""
    from engine.models.starter import content_key, starter_model

    return content_key(starter_model(name))


def _local_or_cached(name: str) -> Path | None:
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    from engine.models.hub import ID, cached_folder

    return cached_folder(name) if ID.fullmatch(name) else None


def known_profile(name: str) -> Profile | None:
    """The profile of the student called `name` if it is on this computer and can be read, else None. Never raises."""
    folder = known_folder(name)
    try:
        if folder is None:
            return None
        files = sorted(path for path in folder.iterdir() if path.suffix in (".json", ".safetensors"))
        profile = _profile(folder, tuple(path.stat().st_mtime_ns for path in files))
        return profile if profile.embeddings.matrices else None
    except (OSError, ValueError, RecursionError, Refused):
        return None


@functools.lru_cache(maxsize=16)
def _profile(folder: Path, changed: tuple[int, ...]) -> Profile:
    """Read once for as long as its files stay as they are (`changed`)."""
    return read_profile(folder)


def misfit(teacher: Profile, student: Profile) -> str | None:
    """Why a model of profile `student` cannot take the place of its `teacher`, in one sentence or two, or None."""
    if student.kind != teacher.kind:
        reads = {"encoder": "reads whole texts at once", "decoder": "reads from left to right"}
        return (
            f"The student, a {student.family}, {reads[student.kind]}, and the original, a {teacher.family}, "
            f"{reads[teacher.kind]}. Choose a student of the same kind."
        )
    if teacher.has_head and student.has_head and teacher.labels and student.labels != teacher.labels:
        return (
            f"The student is a classifier with labels of its own ({_some(student.labels)}), and the original has "
            f"others ({_some(teacher.labels)}). Choose a student without a head: it gets one for these labels."
        )
    if not teacher.has_head and student.has_head:
        return "The student is a classifier, and the original is none. Choose a student that does the same task."
    if teacher.writes and not student.writes:
        return "The student has no output head, so it cannot write. Choose a language model with one."
    count = in_place_of(teacher, student).parameters
    if count >= teacher.parameters:
        return (
            f"The student is no smaller than the original: it has {count / 1e6:,.1f} million weights, the original "
            f"{teacher.parameters / 1e6:,.1f} million. Choose a smaller one."
        )
    return None


def in_place_of(teacher: Profile, student: Profile) -> Profile:
    """The student's profile as it stands in the run: under the teacher's labels, stored as the original is."""
    if teacher.has_head and not student.has_head:
        student = student.with_head(teacher.labels)
    return student.model_copy(
        update={
            "storage": Storage(bits=32 if teacher.storage.bits == 32 else 16),
            "original_bytes": teacher.original_bytes,
            "original_work": teacher.original_work,
        }
    )


def _some(labels: tuple[str, ...]) -> str:
    return ", ".join(labels[:3]) + (", …" if len(labels) > 3 else "")
