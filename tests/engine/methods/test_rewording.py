"""Vocabulary pruning as a step: the model and its folder shrink together, and the card foretells how far."""

import json

import numpy as np
import pytest
import torch

from engine.context import Context
from engine.data.splits import Examples, Splits
from engine.errors import Cancelled
from engine.methods.rewording import reword
from engine.models.model import open_model
from engine.models.profile import carried_files, read_profile
from engine.tasks.classification import Classification
from engine.techniques.vocabulary import Vocabulary


@pytest.fixture
def context(tiny_models, tmp_path) -> Context:
    rows = tiny_models.texts(90)
    labels = {name: place for place, name in enumerate(tiny_models.LABELS[:3])}
    examples = Examples(tuple(text for text, _ in rows), tuple(labels[name] for _, name in rows))
    train, validation, test = examples.batches(30)
    data = Splits(tuple(labels), train, validation, test, key="")
    return Context(
        lambda _: None, lambda: False, data, Classification(), tmp_path / "scratch", seed=0, teacher=lambda: None
    )


@pytest.mark.parametrize("family", ["bert", "distilbert", "roberta"])
def test_texts_of_tokens_that_stay_get_the_same_answers(tiny_models, tmp_path, context, family):
    model = open_model(tiny_models.build(tmp_path / "model", family))
    technique = Vocabulary(keep=0.9)
    foretold = technique.after(model.profile)
    texts = context.data.train.texts

    def answers(one) -> np.ndarray:
        encoder = context.task.encoder(one.folder)
        batch = {name: torch.from_numpy(array) for name, array in encoder.batch(texts).items()}
        with torch.no_grad():
            return one.network(**batch).logits.numpy()

    def tokens(one) -> list[list[str]]:
        return [found.tokens for found in context.task.encoder(one.folder).tokenizer.encode_batch(list(texts))]

    before, tokens_before = answers(model), tokens(model)
    changed = reword(model, technique, context)
    alike = [old == new for old, new in zip(tokens_before, tokens(changed), strict=True)]
    assert sum(alike) >= 10
    np.testing.assert_allclose(answers(changed)[alike], before[alike], rtol=1e-4, atol=1e-5)
    assert changed.profile.vocabulary == changed.network.config.vocab_size == foretold.vocabulary
    assert foretold.parameters == sum(value.numel() for value in changed.network.parameters())
    assert "tokens stay" in context.notes[0]
    # Saved, it is what its profile says, and what the card foretold.
    folder = tmp_path / "saved"
    changed.network.save_pretrained(folder)
    for name, content in carried_files(changed.folder).items():
        (folder / name).write_bytes(content)
    found = read_profile(folder)
    assert (found.embeddings, found.vocabulary) == (foretold.embeddings, foretold.vocabulary)
    estimate = technique.estimate(read_profile(model.folder))
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert abs(estimate.size_bytes - size) <= estimate.size_error * size
    again = open_model(folder)
    np.testing.assert_allclose(answers(again), answers(changed), rtol=1e-4, atol=1e-5)


def test_its_folder_has_the_config_and_no_older_vocabulary(tiny_models, tmp_path, context):
    model = open_model(tiny_models.build(tmp_path / "model", "bert"))
    (model.folder / "vocab.txt").write_text("old", encoding="utf-8")
    changed = reword(model, Vocabulary(keep=0.8), context)
    assert not (changed.folder / "vocab.txt").exists()
    config = json.loads((changed.folder / "config.json").read_text(encoding="utf-8"))
    assert config["vocab_size"] == changed.profile.vocabulary
    assert not list(changed.folder.glob("*.safetensors"))


def test_an_output_head_of_its_own_shrinks_too(tiny_model):
    untied, tied = read_profile(tiny_model("llama-untied")), read_profile(tiny_model("llama"))
    technique = Vocabulary(keep=0.5)
    for profile in (untied, tied):
        gone = profile.vocabulary - technique.after(profile).vocabulary
        shrunk = profile.parameters - technique.after(profile).parameters
        assert shrunk == gone * profile.hidden * (1 if profile.tied else 2)
    assert technique.estimate(untied).size_bytes < Vocabulary(keep=1.0).estimate(untied).size_bytes


def test_it_can_be_cancelled(tiny_models, tmp_path, context):
    context.cancelled = lambda: True
    with pytest.raises(Cancelled):
        reword(open_model(tiny_models.build(tmp_path / "model", "bert")), Vocabulary(), context)
