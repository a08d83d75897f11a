"""The script that trains `definition-writer`, with a model of a few thousand weights, and its measures."""

import json
import math
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from resources import train_writer
from resources.train_writer import END, LONG, SHORT, Learner, Settings, new_model, train, train_tokenizer, windows
from resources.writer_model_card import packed, perplexity_interval, score, unigram_perplexity

ENTRIES = [f"word{number}: a thing of the kind {number} that is seen in Zürich" for number in range(400)]
SMALL = replace(Settings(), vocabulary=400, width=16, layers=1, heads=2, batch_tokens=LONG)


def test_every_window_begins_with_an_entry_and_every_entry_comes_once_an_epoch() -> None:
    entries = [[1 + number, 200, 201] for number in range(150)]
    made = [next(batches) for batches in [windows(entries, 0, SMALL, random.Random(0))] for _ in range(8)]
    assert [ids.shape for ids in made] == [(LONG // SHORT, SHORT)] * 7 + [(1, LONG)]
    rows = [row for ids in made for row in ids.tolist()]
    beginnings = [row[0] for row in rows]
    assert 0 < beginnings.count(0) < len(rows)
    assert all(0 <= first <= 150 for first in beginnings)
    begun = [token for row in rows for token in row if 1 <= token <= 150]
    assert sorted(begun[:150]) == list(range(1, 151))
    assert begun[:150] != begun[150:300]


def test_the_tokenizer_keeps_any_text(tmp_path: Path) -> None:
    tokenizer = train_tokenizer(ENTRIES, SMALL)
    assert len(tokenizer) <= SMALL.vocabulary
    text = "Zürich:  a 漢字\n"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert tokenizer.convert_ids_to_tokens(tokenizer(f"dog: a{END}")["input_ids"])[-1] == END == tokenizer.eos_token


def test_a_checkpoint_goes_on_where_it_was_left(tmp_path: Path) -> None:
    torch.manual_seed(0)
    batches = [torch.randint(400, (2, 32)) for _ in range(4)]
    first = Learner(new_model(SMALL, 0), SMALL)
    first.seconds = 600.0  # past the warm-up
    for ids in batches[:2]:
        first.step(ids)
    first.save(tmp_path / "checkpoint.pt")
    second = Learner(new_model(SMALL, 0), SMALL)
    second.load(tmp_path / "checkpoint.pt")
    assert (second.seconds, second.steps) == (first.seconds, 2)
    for ids in batches[2:]:
        assert first.step(ids) == pytest.approx(second.step(ids), rel=1e-3)


def test_training_learns_and_leaves_a_folder_that_anyone_can_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_writer, "read_split", lambda split: ENTRIES[:200] if split == "train" else ENTRIES[200:])
    brief = replace(SMALL, minutes=0.04, seconds_between_checks=0.8, muon_rate=0.02, adamw_rate=0.02)
    train(brief, tmp_path / "work", tmp_path / "out")
    weights = load_file(tmp_path / "out" / "model.safetensors")
    assert {weight.dtype for weight in weights.values()} == {torch.float16}
    config = json.loads((tmp_path / "out" / "config.json").read_text(encoding="utf-8"))
    assert (config["activation_function"], config["n_positions"]) == ("gelu_new", LONG)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype=torch.float32).eval()
    losses, _ = score(model, packed(ENTRIES[200:], tokenizer, SHORT))
    assert losses.mean() < math.log(len(tokenizer)) - 0.5


def test_windows_are_scored_as_by_hand() -> None:
    torch.manual_seed(0)
    model = new_model(SMALL, 0).eval()
    ids = torch.randint(400, (3, 8))
    losses, accuracy = score(model, ids)
    with torch.inference_mode():
        logits = model(ids).logits.log_softmax(-1)
    by_hand = [[-float(logits[row, at, ids[row, at + 1]]) for at in range(7)] for row in range(3)]
    torch.testing.assert_close(losses, torch.tensor(by_hand).mean(1))
    hits = sum(int(logits[row, at].argmax() == ids[row, at + 1]) for row in range(3) for at in range(7))
    assert accuracy == pytest.approx(hits / 21)


def test_the_interval_holds_the_perplexity_and_narrows_with_more_windows() -> None:
    torch.manual_seed(0)
    losses = 3 + torch.randn(400) / 2
    low, high = perplexity_interval(losses)
    assert low < losses.mean().exp() < high
    # The standard error of a mean of 400 is 0.025: 1.96 of them either side, in logarithms.
    assert math.log(high / low) == pytest.approx(2 * 1.96 * 0.025, rel=0.15)


def test_the_unigram_perplexity_of_an_even_draw_is_the_vocabulary() -> None:
    assert unigram_perplexity(torch.arange(8), torch.tensor([3, 5]), 8) == pytest.approx(8)
    assert unigram_perplexity(torch.tensor([1, 1]), torch.tensor([1]), 2) == pytest.approx(4 / 3)
