"""Models from the Hugging Face Hub: the local cache first, then a download of what is needed."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import Cancelled, Refused
from engine.models.companions import MODULE_FILES, SETTINGS
from engine.models.families import family_of
from engine.models.headers import shards, weight_files
from engine.models.metering import Tell, meter
from engine.models.profile import read_config
from engine.models.tokenizer_files import ALL_TOKENIZER_FILES, VOCABULARIES

# Xet's own threads swallow what a progress bar raises, so that nobody could stop a download; HTTP's goes on later.
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)
"""What is wrong here, not with the network."""
SMALL_FILES = ("config.json", *ALL_TOKENIZER_FILES, *SETTINGS, *(f"[0-9]_*/{name}" for name in MODULE_FILES))
SAFETENSORS = ("model.safetensors", "model-*.safetensors", "model.safetensors.index.json")
PICKLES = ("pytorch_model.bin", "pytorch_model-*.bin", "pytorch_model.bin.index.json")


def hub_folder(name: str, *, code: bool, check: Callable[[Path], None], tell: Tell | None = None) -> tuple[Path, bool]:
    """The folder of a Hub model in the local cache, and whether it was there already.

    What is there is used as it is, without asking the network. Else config and tokenizer are
    fetched first and handed to `check`, which may refuse before the weights are fetched:
    safetensors, or pickles where there are none. `code` fetches the model's own code as well.
    `tell` hears how many MB of the weights are there, and ends the download by raising `Cancelled`: what came so far
    stays, and the next download goes on from it.
    Raises `Refused` where there is no such model, no right to it, or no network.
    """
    with _explained(name):
        cached = cached_folder(name)
        if cached is not None:
            return cached, True
        small = [*SMALL_FILES, *(["*.py"] if code else [])]
        folder = _fetched(name, small)
        family_of(str(read_config(folder).get("model_type", "?")))
        check(folder)
        folder = _fetched(name, [*small, *SAFETENSORS], tell)
        if not weight_files(folder):
            folder = _fetched(name, [*small, *PICKLES], tell)
        return folder, False


def _fetched(name: str, patterns: list[str], tell: Tell | None = None) -> Path:
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(name, allow_patterns=patterns, tqdm_class=meter(tell) if tell else None))


def cached_folder(name: str) -> Path | None:
    """The newest snapshot in the cache if it is whole: config, weights and a vocabulary."""
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(name, "config.json")
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    try:
        weights = weight_files(folder) or _pickled(folder)
    except Refused:  # a shard is missing: the download was broken off
        return None
    whole = weights and any((folder / file).is_file() for file in VOCABULARIES)
    return folder if whole else None


def _pickled(folder: Path) -> list[Path]:
    single = folder / "pytorch_model.bin"
    return [single] if single.is_file() else shards(folder, "pytorch_model.bin.index.json")


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn whatever the Hub's client raises into a sentence."""
    from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    shown = not are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    except (Refused, Cancelled):
        raise
    except GatedRepoError as error:
        raise Refused(
            f"'{name}' is only for those who accepted its terms. Accept them at "
            f"https://huggingface.co/{name}, log in with `hf auth login`, and try again."
        ) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise Refused(
            f"There is no folder '{name}' here and no such public model on the Hugging Face Hub. "
            "Check the spelling (for a private model, log in with `hf auth login`)."
        ) from error
    except OSError as error:
        if error.errno in DISK:  # `resolve` says what is wrong with the disk
            raise
        raise _unreachable(name, error) from error
    except Exception as error:  # the client lets its transport's own errors through
        raise _unreachable(name, error) from error
    finally:
        if shown:
            enable_progress_bars()


def _unreachable(name: str, error: Exception) -> Refused:
    return Refused(
        f"Could not reach the Hugging Face Hub for '{name}' ({_first_line(error)}), and it is not "
        "in the local cache. Connect to the network, or choose a folder or a starter model."
    )


def _first_line(error: Exception) -> str:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    lines = str(error).strip().splitlines()
    return lines[0][:160].rstrip(". ") if lines else type(error).__name__
