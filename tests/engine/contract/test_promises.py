"""What every technique promises of itself: its estimate, its profile, its sameness from the same seed."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from engine.artifact import copy_tokenizer, size_of
from engine.models.model import Model
from engine.models.profile import Profile, read_profile
from engine.techniques import TECHNIQUES
from engine.techniques.low_rank import LowRank
from engine.techniques.prune import Prune
from engine.techniques.vocabulary import Vocabulary

GUESSED = (LowRank, Vocabulary)
"""What these leave is known once they have looked; their estimates say how unsure they are."""
READ_OFF = (
    "labels",
    "layers",
    "hidden",
    "feed_forward_width",
    "embeddings",
    "attention",
    "feed_forward",
    "norms",
    "final_norm",
    "head",
)


def reread(model: Model, folder: Path) -> Profile:
    """The profile of the model's weights and config as they are now."""
    folder.mkdir()
    weights = {name: value.contiguous().clone() for name, value in model.network.state_dict().items()}
    save_file(weights, folder / "model.safetensors")
    model.network.config.save_pretrained(folder)
    copy_tokenizer(model.folder, folder)
    return read_profile(folder)


def test_every_technique_has_a_row(table):
    assert set(table) == {each for each in TECHNIQUES if not each.tasks or "classification" in each.tasks}
    assert all(type(row) is technique for technique, rows in table.items() for row in rows)


def test_the_folder_is_as_large_as_estimated(saved_case, workshop):
    applied = workshop.applied(saved_case)
    estimate = saved_case.technique.estimate(applied.before.profile)
    assert estimate.size_bytes == pytest.approx(size_of(applied.folder), rel=estimate.size_error)
    assert (
        isinstance(saved_case.technique, GUESSED)
        or estimate.size_error == 0.02
        or applied.before.profile.original_bytes < 1_000_000
    )


def test_the_original_is_as_large_as_its_profile_says(family, workshop, real_sizes):
    for settings in ({"layers": 2}, real_sizes[family]):
        folder = workshop.original(family, head=True, **settings)
        weights = (folder / "model.safetensors").stat().st_size
        profile = read_profile(folder)
        assert profile.original_bytes - profile.tokenizer_bytes == pytest.approx(weights, rel=0.01)


def test_what_is_left_is_what_was_foretold(case, workshop, tmp_path):
    if isinstance(case.technique, GUESSED):
        pytest.skip("what is left depends on weights or texts")
    applied = workshop.applied(case)
    foretold, found = case.technique.after(applied.before.profile), reread(applied.model, tmp_path / "reread")
    assert [getattr(foretold, name) for name in READ_OFF] == [getattr(found, name) for name in READ_OFF]
    assert foretold.loads_plainly == case.technique.estimate(applied.before.profile).loads_plainly
    assert applied.model.profile.storage.bits == foretold.storage.bits


def test_the_same_seed_gives_the_same_weights(changing_case, workshop):
    context = workshop.context(changing_case)
    again = changing_case.technique.apply(workshop.open(changing_case), context).network.state_dict()
    for name, weight in workshop.applied(changing_case).model.network.state_dict().items():
        assert torch.equal(weight, again[name]), name


def test_the_original_stays_as_it_was(case, workshop):
    """Weights in memory come from the folder again, unchanged by what was done to the copy."""
    applied, opened = workshop.applied(case), workshop.open(case).network.state_dict()
    assert all(torch.equal(value, opened[name]) for name, value in applied.before.network.state_dict().items())


def test_structured_pruning_removes(family, workshop, row_case):
    """Tensors shrink, and config.json says so where it can."""
    for structure, key in (("feed-forward neurons", "feed_forward_key"), ("layers", "layers_key")):
        applied = workshop.applied(row_case(Prune, family, structure=structure, sparsity=0.5))
        config = json.loads((applied.folder / "config.json").read_text(encoding="utf-8"))
        named = getattr(applied.model.family, key)
        assert config[named] == getattr(applied.before.network.config, named) / 2
    heads = workshop.applied(row_case(Prune, family, structure="attention heads", sparsity=0.5))
    assert heads.model.profile.attention.matrices == heads.before.profile.attention.matrices / 2
    assert heads.model.profile.uneven


def test_zeros_are_zeros_and_shrink_nothing(family, workshop, row_case):
    applied = workshop.applied(row_case(Prune, family, structure="weights", sparsity=0.5))
    weights = applied.model.network.state_dict()
    inside = [w for name, w in weights.items() if name.startswith(applied.model.family.layers) and w.dim() == 2]
    zeros = sum(int((weight == 0).sum()) for weight in inside)
    assert zeros == pytest.approx(0.5 * sum(weight.numel() for weight in inside), rel=0.01)
    assert size_of(applied.folder) == pytest.approx(applied.before.profile.original_bytes, rel=0.03)


def test_recovery_leaves_zeros_alone(workshop, row_case):
    applied = workshop.applied(row_case(Prune, "bert", structure="weights", recovery_minutes=5.0))
    linear = applied.model.network.get_submodule("bert.encoder.layer.0.intermediate.dense")
    assert int((linear.weight == 0).sum(dim=1).min()) >= linear.in_features // 2
