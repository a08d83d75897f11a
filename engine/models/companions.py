"""What belongs to a model besides its config and weights: its tokenizer, how it writes, how it makes vectors.

Every saved folder carries these files, so that it loads and answers elsewhere as it does here.
"""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "special_tokens_map.json",
    "sentencepiece.bpe.model",
    "tokenizer.model",
    "chat_template.jinja",
)
"""Files of a tokenizer, beside the weights."""
OLDER_FORMS = ("vocab.txt", "vocab.json", "merges.txt", "sentencepiece.bpe.model", "tokenizer.model")
"""Those of them that only repeat what tokenizer.json holds."""
MODULES = "modules.json"
SETTINGS = ("generation_config.json", MODULES, "config_sentence_transformers.json", "sentence_bert_config.json")
"""How a language model writes by default; how a sentence-transformers folder makes vectors."""
MODULE_FILES = ("config.json", "model.safetensors")
"""What each module that modules.json names keeps in a folder of its own (1_Pooling, 2_Dense)."""
MOST_MODULES, LARGEST = 16, 200_000_000
"""More modules than any folder has, and more bytes than any such file."""
COMPANIONS = (*TOKENIZER_FILES, *SETTINGS)


def companion_files(folder: Path) -> tuple[str, ...]:
    """Names of the companions that `folder` holds, relative to it, with "/"; older forms of a vocabulary included."""
    names = [*COMPANIONS, *(f"{place}/{name}" for place in _module_folders(folder) for name in MODULE_FILES)]
    return tuple(name for name in names if (folder / name).is_file() and (folder / name).stat().st_size <= LARGEST)


def carried_files(folder: Path) -> dict[str, bytes]:
    """Relative name → content of the companions as every saved folder carries them.

    JSON loses its indentation, which means nothing and weighs a third; the vocabulary goes in once.
    """
    whole = (folder / "tokenizer.json").is_file()
    names = [name for name in companion_files(folder) if not (whole and name in OLDER_FORMS)]
    return {name: _compact(name, (folder / name).read_bytes()) for name in names}


def _module_folders(folder: Path) -> list[str]:
    """The folders that modules.json names, in its order; none that could lead elsewhere, and not the folder itself."""
    try:
        modules: Any = json.loads((folder / MODULES).read_text(encoding="utf-8"))
        named = [str(module["path"]) for module in modules[:MOST_MODULES]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []  # whoever reads the modules says what is wrong with them
    return [name for name in named if name not in ("", ".", "..") and PurePosixPath(name).name == name]


def _compact(name: str, content: bytes) -> bytes:
    if not name.endswith(".json"):
        return content
    try:
        return json.dumps(json.loads(content), ensure_ascii=False, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        return content  # whoever loads it says what is wrong with it
