"""The divergence of one model's distributions from another's, against whole distributions by hand."""

import json

import numpy as np
import pytest
import torch

from engine.data.splits import Examples
from engine.tasks import divergence
from engine.tasks.divergence import places_for, spread
from engine.tasks.language_modelling import KL, PLACES, SAME, TOKENS, LanguageModelling

TASK = LanguageModelling()


@pytest.mark.parametrize("longest", [24, 128])
def test_divergence_is_that_of_whole_distributions(
    longest, tiny_model, some_windows, plain_network, tmp_path, answers_of, by_hand
):
    original, other = tiny_model("gpt2", positions=longest), tiny_model("gpt2", positions=longest, seed=1)
    examples, file = some_windows(6, words=9, before=1), tmp_path / "kept.npy"
    answers_of(original, examples, keep=file)
    kept = np.load(file)
    assert (kept.dtype, kept.shape[0]) == (np.float16, 6)
    found = answers_of(other, examples, against=file)
    if longest == 128:
        pairs = zip(*(by_hand(plain_network(each), each, examples) for each in (original, other)), strict=True)
        for row, ((wanted, ids), (given, _)) in zip(found, pairs, strict=True):
            at = np.unique(np.linspace(0, len(ids) - 1, min(16, len(ids))).round().astype(int))
            divergences = (np.exp(wanted) * (wanted - given)).sum(axis=1)[at]
            assert row[KL] == pytest.approx(divergences.sum(), rel=2e-3)
            assert row[PLACES] == len(at)
            assert row[SAME] == (wanted.argmax(axis=1) == given.argmax(axis=1))[at].sum()
    assert (found[:, KL] > 0).all()
    assert (found[:, PLACES] == np.minimum(found[:, TOKENS], 16)).all()
    quality = TASK.qualities(found, examples, found)[2]
    assert (quality.metric, quality.value) == (
        "KL divergence",
        pytest.approx(found[:, KL].sum() / found[:, PLACES].sum()),
    )
    itself = answers_of(original, examples, against=file)
    assert itself[:, KL].max() < 1e-4
    assert TASK.same(itself, itself, examples) == (itself[:, PLACES].sum(), itself[:, PLACES].sum())


def test_divergence_of_a_sharp_model_from_itself_is_nothing(tiny_model, some_windows, plain_network, tmp_path):
    folder, examples = tiny_model("gpt2"), some_windows(6)
    network = plain_network(folder)
    with torch.no_grad():
        network.transformer.ln_f.weight.mul_(30)  # log-probabilities down to some hundreds: two bytes are coarse there
    reader = TASK.in_memory(network, folder, lambda: None)
    reader.answers(examples, lambda done: None, keep=tmp_path / "kept.npy")
    found = reader.answers(examples, lambda done: None, against=tmp_path / "kept.npy")
    assert (found[:, KL] / found[:, PLACES]).max() < 1e-3


def test_a_window_without_anything_to_judge_moves_no_other(tiny_model, some_windows, tmp_path, answers_of):
    folder, examples = tiny_model("gpt2"), some_windows(5)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"eos_token_id": None}))
    examples = Examples(("a", *examples.texts), ("", *examples.labels))  # one token, after nothing
    answers_of(folder, examples, keep=tmp_path / "kept.npy")
    found = answers_of(folder, examples, against=tmp_path / "kept.npy")
    assert not found[0].any()
    assert (found[1:, PLACES] > 0).all()
    assert found[:, KL].max() < 1e-4


def test_other_vocabularies_and_other_places_are_not_compared(
    tiny_model, some_windows, tmp_path, answers_of, fewer_tokens
):
    folder, examples, file = tiny_model("gpt2"), some_windows(5), tmp_path / "kept.npy"
    answers_of(folder, examples, keep=file)
    larger = answers_of(tiny_model("gpt2", vocabulary=500), examples, against=file)
    assert not larger[:, [KL, PLACES, SAME]].any()
    few = some_windows(5, words=2)
    answers_of(folder, few, keep=file)
    other = answers_of(fewer_tokens(tiny_model("gpt2")), few, against=file)
    assert np.isfinite(other).all()
    nothing = answers_of(folder, examples, against=tmp_path / "none.npy")
    assert not nothing[:, [KL, PLACES, SAME]].any()
    assert len(TASK.qualities(nothing, examples, nothing)) == 2


def test_what_is_kept_has_a_bound(monkeypatch):
    assert places_for(50_257, 400) == 1
    assert places_for(400, 100) == 16
    assert places_for(10_000_000, 1000) == 1
    monkeypatch.setattr(divergence, "KEPT_BYTES", 2 * 400 * 10 * 5)
    assert places_for(400, 10) == 5
    for tokens in range(1, 40):
        for count in range(1, 17):
            at = spread(tokens, count)
            assert len(at) == min(tokens, count)
            assert at[0] == 0
            assert at[-1] == (tokens - 1 if count > 1 else 0)
