"""A folder of a model's own settings: what a step writes anew of tokenizer, config or modules, without weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from engine.artifact import copy_tokenizer
from engine.files import write_text_atomically
from engine.models.companions import MODULES, carried_files

if TYPE_CHECKING:
    from transformers import PreTrainedModel

VECTORS = (MODULES, "config_sentence_transformers.json", "sentence_bert_config.json")
"""Files that say how a folder makes vectors, beside those in the folders of its modules."""
WIDTHS = ("word_embedding_dimension", "embedding_dimension")
"""What a pooling module calls the model's hidden size, in older folders and in newer ones."""


def copy_settings(source: Path, folder: Path) -> None:
    """Copy all but the weights of a model folder to `folder`, which is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copyfile(source / "config.json", folder / "config.json")
    copy_tokenizer(source, folder)


def adopt_vectors(source: Path, folder: Path, width: int) -> None:
    """Let the model in `folder`, which has `width` hidden channels, make vectors as the one in `source` does."""
    for name in filter(_makes_vectors, carried_files(folder)):
        (folder / name).unlink()
    for name, content in carried_files(source).items():
        if _makes_vectors(name):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(_of_width(content, width) if name.endswith("/config.json") else content)


def _makes_vectors(name: str) -> bool:
    return name in VECTORS or "/" in name


def _of_width(content: bytes, width: int) -> bytes:
    """A module's config with the hidden size, where it says one."""
    config = json.loads(content)
    return json.dumps(config | {key: width for key in WIDTHS if key in config}, separators=(",", ":")).encode()


def write_default_modules(folder: Path, width: int) -> None:
    """Say in files what a plain encoder is taken for: its states [tokens, width] are averaged and normalized."""
    kinds = (("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize"))
    modules = [
        {"idx": place, "name": str(place), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for place, (kind, path) in enumerate(kinds)
    ]
    pooling = {"word_embedding_dimension": width, "pooling_mode_mean_tokens": True}
    write_text_atomically(folder / "1_Pooling" / "config.json", json.dumps(pooling, indent=4))
    write_text_atomically(folder / "modules.json", json.dumps(modules, indent=2))


def write_configs(network: PreTrainedModel, folder: Path) -> None:
    """Write config.json, and generation_config.json where there is one, as the network has them now."""
    network.config.save_pretrained(folder)
    if getattr(network, "generation_config", None) is not None and network.can_generate():
        network.generation_config.save_pretrained(folder)
