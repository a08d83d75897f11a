"""Vectors as sentence-transformers makes them from the same folder, and folders that say what is not known here."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from engine.errors import Refused
from engine.runtimes import runtime_of
from engine.tasks.pooling import Pooling, SentenceEncoder, pooled, read_pooling
from engine.tasks.similarity import Similarity

MODES = {"cls": "cls", "mean": "mean", "max": "max", "last": "lasttoken"}
MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]])
TEXTS = ["a dog near the old river", "bread", "the quiet king once kept many many sheep", "warm cheese and bread"]


def states() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(3, 4, 6)).astype(np.float32)


def folder_with(place: Path, kinds: list[tuple[str, dict[str, Any]]]) -> Path:
    """A folder with a modules.json of these (type, config)."""
    modules = []
    for number, (kind, config) in enumerate(kinds):
        name = f"{number}_{kind}" if kind != "Transformer" else ""
        modules.append({"idx": number, "path": name, "type": f"sentence_transformers.models.{kind}"})
        if name:
            (place / name).mkdir()
            (place / name / "config.json").write_text(json.dumps(config))
    (place / "modules.json").write_text(json.dumps(modules))
    return place


def refusal(folder: Path) -> str:
    with pytest.raises(Refused) as caught:
        read_pooling(folder)
    return str(caught.value)


MEAN = ("Pooling", {"pooling_mode_mean_tokens": True})


@pytest.mark.parametrize("mode", list(MODES))
def test_modes_by_hand(mode):
    real = [row[: mask.sum()] for row, mask in zip(states(), MASK, strict=True)]
    pick = {"cls": lambda row: row[0], "last": lambda row: row[-1], "mean": np.mean, "max": np.max}[mode]
    wanted = np.stack([pick(row) if mode in ("cls", "last") else pick(row, axis=0) for row in real])
    np.testing.assert_allclose(Pooling(mode, normalize=False)(states(), MASK), wanted, rtol=1e-6)
    np.testing.assert_allclose(pooled(torch.tensor(states()), torch.tensor(MASK), mode).numpy(), wanted, rtol=1e-6)
    unit = Pooling(mode)(states(), MASK)
    np.testing.assert_allclose(unit, wanted / np.linalg.norm(wanted, axis=1, keepdims=True), rtol=1e-5)
    assert unit.dtype == np.float32


@pytest.mark.parametrize("mode", list(MODES))
def test_what_stands_at_padding_does_not_matter(mode):
    other = np.where(MASK[:, :, None] > 0, states(), 1e6).astype(np.float32)
    np.testing.assert_array_equal(Pooling(mode)(states(), MASK), Pooling(mode)(other, MASK))
    given = torch.tensor(other, requires_grad=True)
    pooled(given, torch.tensor(MASK), mode).sum().backward()
    assert given.grad is not None
    assert not given.grad[torch.tensor(MASK) == 0].any()


@pytest.mark.parametrize("mode", list(MODES))
@pytest.mark.parametrize("rest", ["", "normalize", "dense", "dense+normalize", "two dense"])
def test_a_folder_answers_as_in_sentence_transformers(mode, rest, tiny_model, tmp_path):
    library = pytest.importorskip("sentence_transformers")
    parts = pytest.importorskip("sentence_transformers.sentence_transformer.modules")
    modules = [parts.Transformer(str(tiny_model("bert", head=False))), parts.Pooling(32, pooling_mode=MODES[mode])]
    torch.manual_seed(0)
    if "dense" in rest:
        modules.append(parts.Dense(32, 12))  # Tanh
    if "two" in rest:
        modules.append(parts.Dense(12, 7, bias=False, activation_function=torch.nn.Identity()))
    if "normalize" in rest:
        modules.append(parts.Normalize())
    theirs = library.SentenceTransformer(modules=modules, device="cpu")
    theirs.save(str(tmp_path / "model"), create_model_card=False)
    folder = tmp_path / "model"
    reader = Similarity().load(runtime_of(folder), folder, 1, full_precision=True)
    found = reader._vectors(TEXTS)  # type: ignore[attr-defined]
    np.testing.assert_allclose(found, theirs.encode(TEXTS), atol=1e-5)


def test_texts_are_cut_where_the_folder_says(tiny_model):
    folder = tiny_model("bert", head=False)
    long = "dog " * 300
    assert SentenceEncoder(folder).batch([long])["input_ids"].shape == (1, 128)
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 16, "do_lower_case": false}')
    ids = SentenceEncoder(folder).batch([long])["input_ids"]
    assert ids.shape == (1, 16)
    assert ids[0, -1] == SentenceEncoder(folder).batch(["dog"])["input_ids"][0, -1]  # the end token is still there
    for said in ('{"max_seq_length": null}', '{"max_seq_length": 100000}', "[]", "{", '{"max_seq_length": "x"}'):
        (folder / "sentence_bert_config.json").write_text(said)
        assert SentenceEncoder(folder).longest == 128


def test_a_plain_encoder_is_averaged_and_normalized(tmp_path):
    assert read_pooling(tmp_path) == Pooling("mean", (), normalize=True)


@pytest.mark.parametrize(
    ("config", "mode"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode_mean_tokens": True, "word_embedding_dimension": 6}, "mean"),
        ({"pooling_mode_max_tokens": True}, "max"),
        ({"pooling_mode_lasttoken": True}, "last"),
        ({"pooling_mode": "mean"}, "mean"),
        ({"pooling_mode": "lasttoken"}, "last"),
        ({"pooling_mode": ["cls"]}, "cls"),
    ],
)
def test_modes_of_old_and_new_folders(config, mode, tmp_path):
    assert read_pooling(folder_with(tmp_path, [("Transformer", {}), ("Pooling", config)])) == Pooling(mode, (), False)


@pytest.mark.parametrize(
    "config",
    [
        {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True},
        {"pooling_mode_mean_sqrt_len_tokens": True},
        {"pooling_mode_mean_tokens": True, "pooling_mode_weightedmean_tokens": True},
        {"pooling_mode": "weightedmean"},
        {"pooling_mode": "mean_sqrt_len_tokens"},
        {"pooling_mode": ["cls", "mean"]},
        {"pooling_mode": "something new"},
    ],
)
def test_other_ways_to_pool_are_refused(config, tmp_path):
    assert "in a way that Bozzetto does not know" in refusal(folder_with(tmp_path, [("Pooling", config)]))


@pytest.mark.parametrize("kind", ["WeightedLayerPooling", "CNN", "WordEmbeddings", "evil"])
def test_unknown_modules_are_refused(kind, tmp_path):
    said = refusal(folder_with(tmp_path, [("Transformer", {}), MEAN, (kind, {})]))
    assert f"a module '{kind}', which Bozzetto does not know" in said


@pytest.mark.parametrize(
    "kinds",
    [
        ["Transformer", "Pooling", "Normalize", "Dense"],
        ["Transformer", "Dense", "Pooling"],
        ["Transformer", "Pooling", "Pooling"],
        ["Transformer", "Normalize"],
        [],
    ],
)
def test_other_orders_are_refused(kinds, tmp_path):
    assert "in an order that Bozzetto does not know" in refusal(folder_with(tmp_path, [(kind, {}) for kind in kinds]))


@pytest.mark.parametrize("place", ["..", "../other", "/etc", "1_Pooling/../../other"])
def test_paths_out_of_the_folder_are_refused(place, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text('{"pooling_mode_mean_tokens": true}')
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "modules.json").write_text(json.dumps([{"type": "x.Pooling", "path": place}]))
    assert "points outside its folder" in refusal(folder)
    (folder / "link").symlink_to(tmp_path / "other")
    (folder / "modules.json").write_text(json.dumps([{"type": "x.Pooling", "path": "link"}]))
    assert "points outside its folder" in refusal(folder)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[1]", "3", "{}x", '[{"type": "x.Pooling"}]', '[{"type": "x.Pooling", "path": "none"}]', "[" * 100_000,
     '[{"type": "x.Pooling", "path": "a\\u0000b"}]'],
)  # fmt: skip
def test_damaged_modules_are_refused(content, tmp_path):
    (tmp_path / "modules.json").write_text(content)
    assert "does not say how vectors are made" in refusal(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"pooling_mode": 3}', "3"])
def test_damaged_settings_are_refused(content, tmp_path):
    folder = folder_with(tmp_path, [MEAN])
    (folder / "0_Pooling" / "config.json").write_text(content)
    assert refusal(folder)


def with_dense(place: Path, weights: dict[str, np.ndarray] | None, **config: Any) -> Path:
    folder = folder_with(place, [MEAN, ("Dense", config)])
    if weights is not None:
        save_file(weights, folder / "1_Dense" / "model.safetensors")
    return folder


WEIGHT = np.random.default_rng(1).normal(size=(3, 6)).astype(np.float32)


def test_a_dense_layer_is_tanh_where_nothing_is_said(tmp_path):
    found = read_pooling(with_dense(tmp_path, {"linear.weight": WEIGHT}))
    mean = Pooling("mean", normalize=False)(states(), MASK)
    np.testing.assert_allclose(found(states(), MASK), np.tanh(mean @ WEIGHT.T), rtol=1e-5)


def test_half_precision_is_computed_in_full(tmp_path):
    folder = with_dense(tmp_path, {"linear.weight": WEIGHT.astype(np.float16)}, activation_function="torch.nn.Identity")
    mean = Pooling("mean", normalize=False)(states(), MASK)
    np.testing.assert_allclose(read_pooling(folder)(states(), MASK), mean @ WEIGHT.T, atol=1e-2)
    assert read_pooling(folder)(states(), MASK).dtype == np.float32


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"activation_function": "torch.nn.modules.activation.GELU"}, "'GELU'"),
        ({"activation_function": "os.system"}, "'system'"),
        ({"use_residual": True}, "'use_residual'"),
        ({"module_input_name": "token_embeddings"}, "'module_input_name'"),
    ],
)
def test_dense_layers_of_other_kinds_are_refused(config, said, tmp_path):
    assert f"dense layer uses {said}" in refusal(with_dense(tmp_path, {"linear.weight": WEIGHT}, **config))


@pytest.mark.parametrize(
    "weights",
    [None, {"other": WEIGHT}, {"linear.weight": WEIGHT[0]}, {"linear.weight": WEIGHT, "linear.bias": WEIGHT[0]}],
)
def test_dense_layers_without_their_weights_are_refused(weights, tmp_path):
    assert "does not say how vectors are made" in refusal(with_dense(tmp_path, weights))


def test_damaged_weights_are_refused(tmp_path):
    folder = with_dense(tmp_path, {"linear.weight": WEIGHT})
    (folder / "1_Dense" / "model.safetensors").write_bytes(b"not tensors")
    assert "does not say how vectors are made" in refusal(folder)
