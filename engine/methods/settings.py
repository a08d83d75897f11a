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


def copy_settings(source: Path, folder: Path) -> None:
    """Copy all but the weights of a model folder to `folder`, which is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copyfile(source / "config.json", folder / "config.json")
    copy_tokenizer(source, folder)


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
