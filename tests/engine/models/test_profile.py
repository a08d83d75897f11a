"""A profile counts every parameter once, in the right part."""

import json

import pytest
from safetensors.torch import load_file

from engine.errors import Refused
from engine.models.profile import labels_of, read_config, read_profile

FAMILIES = ("bert", "distilbert", "roberta")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_parameter_is_in_one_part(tiny_model, family: str):
    folder = tiny_model(family, labels=4, layers=2, hidden=32, heads=4, feed_forward=48)
    profile = read_profile(folder)
    stored = load_file(folder / "model.safetensors")
    assert profile.parameters == sum(weight.numel() for weight in stored.values())
    assert profile.attention.matrices == 2 * 4 * 32 * 32
    assert profile.feed_forward.matrices == 2 * 2 * 32 * 48
    assert (profile.layers, profile.heads, profile.hidden) == (2, 4, 32)
    assert profile.feed_forward_width == 48
    assert profile.labels == ("animal", "food", "place", "person")
    assert profile.has_head


@pytest.mark.parametrize("family", FAMILIES)
def test_a_bare_encoder_is_sorted_alike(tiny_model, family: str):
    whole, bare = read_profile(tiny_model(family)), read_profile(tiny_model(family, head=False))
    assert not bare.has_head
    assert bare.labels == ()
    for part in ("embeddings", "attention", "feed_forward", "norms"):
        assert getattr(bare, part) == getattr(whole, part)


def test_the_size_is_that_of_the_folder(tiny_model):
    folder = tiny_model("bert")
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert read_profile(folder).original_bytes == pytest.approx(size, rel=0.02)


@pytest.mark.parametrize(
    ("config", "labels"),
    [
        ({"id2label": {"1": "b", "0": "a"}}, ("a", "b")),
        ({}, ("LABEL_0", "LABEL_1")),
        ({"num_labels": 3}, ("LABEL_0", "LABEL_1", "LABEL_2")),
    ],
)
def test_labels_are_in_the_order_of_the_outputs(config: dict, labels: tuple[str, ...]):
    assert labels_of(config) == labels


@pytest.mark.parametrize("names", [{"one": "a"}, {"1": "a"}, ["a", "b"], "ab"])
def test_labels_that_are_not_numbered_are_refused(names: object):
    with pytest.raises(Refused, match="id2label"):
        labels_of({"id2label": names})


def test_a_config_cannot_claim_any_number_of_labels():
    assert len(labels_of({"num_labels": 10**12})) <= 100_000


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "[1]", '"bert"'])
def test_a_config_that_is_none_is_refused(tmp_path, text: str):
    (tmp_path / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(Refused, match=r"config\.json.*again"):
        read_config(tmp_path)


def test_a_config_without_sizes_is_refused(tiny_model):
    folder = tiny_model("bert")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    del config["num_hidden_layers"]
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(Refused, match="num_hidden_layers"):
        read_profile(folder)
