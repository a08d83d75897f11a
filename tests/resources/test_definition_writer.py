"""What the starter model `definition-writer` must be, whoever trained it."""

import math
import re
from pathlib import Path

import pytest
import torch
import yaml

from engine.models.starter import RESOURCES, ShippedModel, materialize, starter_model
from resources.train_writer import END, LONG, SHORT, read_split
from resources.writer_model_card import define, load, packed, score

SAMPLED_WINDOWS = 32


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model's folder, as its users get it."""
    return materialize("definition-writer", tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def card() -> dict:
    """What the head of its model card states."""
    model = starter_model("definition-writer")
    assert isinstance(model, ShippedModel)
    text = (model.folder / "README.md").read_text(encoding="utf-8")
    assert "{{" not in text
    return yaml.safe_load(re.split(r"^---$", text, flags=re.MULTILINE)[1])


def test_the_folder_is_small_and_carries_its_licence(folder: Path) -> None:
    shipped = starter_model("definition-writer").folder
    assert sum(path.stat().st_size for path in shipped.iterdir()) < 25e6
    licence = (folder / "LICENSE").read_text(encoding="utf-8")
    assert "WordNet 3.1 Copyright 2011 by Princeton University" in licence


def test_the_whole_pack_leaves_room_in_the_repository() -> None:
    files = [path for path in RESOURCES.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 40e6


@pytest.mark.starter
def test_it_is_a_gpt2_of_its_own_that_writes_and_ends(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    model, tokenizer = load(folder)
    assert 6e6 <= model.num_parameters() <= 12e6
    assert model.config.n_positions == LONG
    assert model.config.vocab_size == len(tokenizer) == 8192
    assert tokenizer.eos_token == tokenizer.bos_token == END
    assert model.config.eos_token_id == model.generation_config.eos_token_id == tokenizer.eos_token_id
    text = "Zürich: a city — in 瑞士"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    written = define(model, tokenizer, "horse")
    assert len(written.split()) >= 2
    assert not written.endswith("…")


@pytest.mark.starter
def test_it_predicts_as_its_card_says(folder: Path, card: dict) -> None:
    model, tokenizer = load(folder)
    windows = packed(read_split("test"), tokenizer, SHORT)
    assert len(windows) == card["test_windows"]
    losses, accuracy = score(model, windows[:SAMPLED_WINDOWS])
    # Entries lie in the order of their hash, so the first windows are a random sample.
    error = float(losses.std()) / math.sqrt(SAMPLED_WINDOWS)
    assert float(losses.mean()) == pytest.approx(math.log(card["test_perplexity"]), abs=3 * error)
    assert accuracy == pytest.approx(card["test_accuracy"], abs=0.03)
    assert card["test_perplexity_low"] < card["test_perplexity"] < card["test_perplexity_high"]


@pytest.mark.starter
def test_late_positions_are_trained_too(folder: Path) -> None:
    model, tokenizer = load(folder)
    windows = packed(read_split("validation"), tokenizer, LONG)[:4]
    with torch.inference_mode():
        logits = model(windows[:, :-1], use_cache=False).logits
    losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), windows[:, 1:], reduction="none")
    assert losses[:, LONG // 2 :].mean() < losses[:, : LONG // 2].mean() + 0.5
