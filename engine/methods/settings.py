"""A folder of a model's own settings: what a step writes anew of tokenizer, config or modules, without weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from engine.artifact import copy_tokenizer
from engine.files import write_text_atomically

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SMALL = (
    "config.json",
    "generation_config.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
)


def copy_settings(source: Path, folder: Path) -> None:
    """Copy all but the weights of a model folder to `folder`, which is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    copy_tokenizer(source, folder)
    for name in SMALL:
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)
    # A module's folder, such as 1_Pooling, holds its settings and, for a Dense, a small matrix.
    for settings in source.glob("[0-9]*_*/config.json"):
        shutil.copytree(settings.parent, folder / settings.parent.name)


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
