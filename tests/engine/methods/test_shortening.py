"""PCA as a step: the model's folder has one module more, which every reader of it applies."""

import numpy as np
import pytest

from engine.context import Context
from engine.data.splits import Examples, Splits
from engine.errors import Cancelled, Refused
from engine.methods.settings import copy_settings
from engine.methods.shortening import shorten
from engine.models.model import open_model
from engine.models.profile import read_profile
from engine.tasks.similarity import Similarity
from engine.techniques.pca import Pca


@pytest.fixture
def context(tiny_models, tmp_path) -> Context:
    texts = tuple(text for text, _ in tiny_models.texts(180))
    scored = Examples(texts[:90], tuple((other, 0.5) for other in texts[90:]))
    train, validation, test = scored.first(60), scored.pick(list(range(60, 75))), scored.pick(list(range(75, 90)))
    data = Splits((), train, validation, test, key="", task="sentence similarity")
    return Context(
        lambda _: None, lambda: False, data, Similarity(), tmp_path / "scratch", seed=0, teacher=lambda: None
    )


def small(dimensions: int) -> Pca:
    """Fewer dimensions than the slider has: the tiny models are 32 wide."""
    return Pca.model_construct(dimensions=dimensions)


def vectors(model, context) -> np.ndarray:
    reader = context.task.in_memory(model.network, model.folder, lambda: None)
    return reader.answers(context.data.test, lambda _: None)


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_vectors_are_shorter_and_their_cosines_nearly_the_same(tiny_models, tmp_path, context, family):
    model = open_model(tiny_models.build(tmp_path / "model", family, head=False), "AutoModel")
    before = vectors(model, context)
    changed = shorten(model, small(24), context)
    after = vectors(changed, context)
    assert after.shape == (len(before), 24)
    np.testing.assert_allclose(np.linalg.norm(after, axis=1), 1.0, rtol=1e-4)
    cut = before[:, :24] / np.linalg.norm(before[:, :24], axis=1, keepdims=True)
    original = before @ before.T
    assert np.abs(after @ after.T - original).mean() < 0.8 * np.abs(cut @ cut.T - original).mean()
    assert "24 dimensions hold" in context.notes[0]
    assert changed.network is model.network
    assert changed.profile.tokenizer_bytes == model.profile.tokenizer_bytes + 4 * 24 * 32


def test_a_second_time_is_on_top_of_the_first(tiny_models, tmp_path, context):
    model = open_model(tiny_models.build(tmp_path / "model", "bert", head=False), "AutoModel")
    first = shorten(model, small(24), context)
    context.step = 1
    assert vectors(shorten(first, small(8), context), context).shape[1] == 8


def test_more_dimensions_than_there_are_is_refused(tiny_models, tmp_path, context):
    model = open_model(tiny_models.build(tmp_path / "model", "bert", head=False), "AutoModel")
    with pytest.raises(Refused, match="32 dimensions"):
        shorten(model, small(40), context)
    assert "32 dimensions already" in str(Pca(dimensions=32).refusal(model.profile))
    assert small(24).refusal(model.profile) is None
    classifier = read_profile(tiny_models.build(tmp_path / "classifier", "bert"))
    assert "embedder" in str(small(24).refusal(classifier))


def test_it_can_be_cancelled(tiny_models, tmp_path, context):
    model = open_model(tiny_models.build(tmp_path / "model", "bert", head=False), "AutoModel")
    context.cancelled = lambda: True
    with pytest.raises(Cancelled):
        shorten(model, small(8), context)


def test_a_models_settings_are_copied_without_its_weights(tiny_models, tmp_path):
    source = tiny_models.build(tmp_path / "model", "bert")
    (source / "1_Pooling").mkdir()
    (source / "1_Pooling" / "config.json").write_text("{}", encoding="utf-8")
    (source / "modules.json").write_text('[{"path": ""}, {"path": "1_Pooling"}]', encoding="utf-8")
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "left over").touch()
    copy_settings(source, tmp_path / "copy")
    names = {path.relative_to(tmp_path / "copy").as_posix() for path in (tmp_path / "copy").rglob("*")}
    assert {"config.json", "tokenizer.json", "1_Pooling/config.json"} <= names
    assert not {"model.safetensors", "left over"} & names
