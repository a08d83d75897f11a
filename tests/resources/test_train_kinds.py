"""The script that fine-tunes `kinds-minilm`, on a handful of rows."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from engine.models.starter import starter_model
from resources import train_kinds
from resources.kinds_model_card import wilson_interval
from resources.train_kinds import Settings, batches


def test_every_row_is_in_one_batch_beside_rows_of_its_length() -> None:
    order = random.Random(0)
    rows = [([7] * order.randint(3, 40), label) for label in range(500)]
    made = list(batches(rows, Settings(), random.Random(1)))
    labels = [label for batch in made for label in batch["labels"].tolist()]
    assert sorted(labels) == list(range(500))
    assert labels != sorted(labels)
    padding = sum(int((batch["attention_mask"] == 0).sum()) for batch in made)
    assert padding < 0.1 * sum(len(ids) for ids, _ in rows)
    again = batches(rows, Settings(), random.Random(1))
    assert all(torch.equal(a["labels"], b["labels"]) for a, b in zip(made, again, strict=True))


@pytest.mark.starter
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_training_learns_and_leaves_a_small_adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = train_kinds.read_split
    monkeypatch.setattr(train_kinds, "read_split", lambda *given: read(*given)[:96])
    model = starter_model("kinds-minilm").model_copy(update={"adapter": tmp_path})
    best, epoch = train_kinds.train(model, replace(Settings(), epochs=3))
    assert best > 1 / 13  # what guessing gets
    assert 1 <= epoch <= 3
    weights = load_file(tmp_path / "adapter_model.safetensors")
    assert {weight.dtype for weight in weights.values()} == {torch.float16}
    stored = load_file(starter_model("kinds-minilm").adapter / "adapter_model.safetensors")
    assert weights.keys() == stored.keys()


def test_the_interval_is_wilsons() -> None:
    # Newcombe 1998, Statistics in Medicine 17, table I: 81 of 263.
    low, high = wilson_interval(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
