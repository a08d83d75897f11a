"""Structured pruning of decoders: what is left is what the card foretold, to the last parameter."""

import pytest
import torch
from torch.nn import functional
from transformers import AutoModelForCausalLM

from engine.methods.removal import Judge, remove
from engine.models.families import family_of
from engine.models.importance import projections_in_layers
from engine.models.model import Model, quiet
from engine.models.profile import Profile, read_profile
from engine.models.surgery import layers_of, projection_of
from engine.techniques.prune import Prune

DECODERS = ("gpt2", "llama", "llama-untied", "mistral", "qwen2", "qwen3")
STRUCTURES = ("feed-forward neurons", "attention heads", "layers", "weights")
COUNTED = ("layers", "feed_forward_width", "embeddings", "attention", "feed_forward", "norms", "final_norm", "head")
SAID = ("heads", "kv_heads", "head_size")


def opened(folder) -> Model:
    profile = read_profile(folder)
    with quiet():
        network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval()
    return Model(network=network, profile=profile, family=family_of(profile.model_type), folder=folder)


def next_token_loss(network, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    logits = network(**batch, use_cache=False).logits[:, :-1]
    return functional.cross_entropy(logits.flatten(0, 1), batch["input_ids"][:, 1:].flatten())


def judge() -> Judge[dict[str, torch.Tensor]]:
    ids = torch.randint(1, 400, (2, 9), generator=torch.Generator().manual_seed(0))
    batches = [{"input_ids": ids, "attention_mask": torch.ones_like(ids)}]
    return Judge(batches, next_token_loss, lambda batch: batch["attention_mask"])


@pytest.mark.parametrize("kind", DECODERS)
@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("sparsity", [0.3, 0.5])
def test_what_is_left_is_what_was_foretold(tiny_model, tmp_path, kind, structure, sparsity):
    model = opened(tiny_model(kind, layers=4, heads=8, kv_heads=4))
    technique = Prune(structure=structure, sparsity=sparsity)
    foretold = technique.after(model.profile)
    remove(model, technique, judge())
    assert foretold.parameters == sum(value.numel() for value in model.network.parameters())
    with quiet():
        model.network.save_pretrained(tmp_path)
    found = read_profile(tmp_path)
    names = (*COUNTED, *(() if foretold.uneven else SAID))
    assert [getattr(foretold, name) for name in names] == [getattr(found, name) for name in names]
    assert foretold.work == found.work
    weights = (tmp_path / "model.safetensors").stat().st_size
    estimate = technique.estimate(model.profile)
    assert foretold.loads_plainly == estimate.loads_plainly
    if foretold.loads_plainly:
        assert estimate.size_bytes - model.profile.tokenizer_bytes == pytest.approx(weights, abs=6000)
        assert_reloads(model, tmp_path)


def assert_reloads(model: Model, folder) -> None:
    batch = judge().batches[0]
    with torch.no_grad():
        given = opened(folder).network(**batch).logits
        torch.testing.assert_close(given, model.network(**batch).logits, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["gpt2", "qwen3"])
@pytest.mark.parametrize("importance", ["gradient", "activation", "magnitude"])
def test_the_least_important_group_leaves(tiny_model, kind, importance):
    """A group of heads whose output is cut off matters to nothing, however it is judged."""
    model = opened(tiny_model(kind, layers=2))
    width = model.profile.heads // model.profile.head_groups * model.profile.head_size
    for layer in layers_of(model.network, model.family):
        projection_of(layer, model.family.attention_output).weight[:, :width] = 0.0
    whole = model.copy()
    sparsity = 1 / model.profile.head_groups
    remove(model, Prune(structure="attention heads", sparsity=sparsity, importance=importance), judge())
    batch = judge().batches[0]
    with torch.no_grad():
        given, wanted = model.network(**batch).logits, whole.network(**batch).logits
    torch.testing.assert_close(given, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_zeros_are_zeros_row_by_row(tiny_model, kind):
    """Half of every output's weights, also where the file has them the other way round."""
    model = opened(tiny_model(kind, layers=2))
    again = remove(model, Prune(structure="weights", sparsity=0.5), judge())
    projections = projections_in_layers(model.network, model.family).values()
    for one in projections:
        assert set(((one.weight == 0).sum(dim=1)).tolist()) == {one.inputs // 2}
        one.weight.add_(1.0)
    again()
    assert all(int((one.weight == 0).sum()) == one.weight.numel() // 2 for one in projections)


@pytest.fixture
def grouped(tiny_model) -> Profile:
    return read_profile(tiny_model("llama", heads=8, kv_heads=4))


def test_the_card_counts_groups(grouped):
    found = Prune(structure="attention heads", sparsity=0.5).estimate(grouped)
    assert found.line == "4 of 8 heads leave in every layer, as 2 of 4 groups that share keys and values."
    assert found.loads_plainly


def test_the_card_says_when_the_config_cannot(grouped):
    """6 of 8 heads do not divide 32 numbers, which Llama's config refuses."""
    found = Prune(structure="attention heads", sparsity=0.25).estimate(grouped)
    assert not found.loads_plainly
    assert found.line.endswith("from_pretrained: Llama's config takes only a number of heads that divides 32.")


def test_the_card_says_when_groups_are_too_few(tiny_model):
    profile = read_profile(tiny_model("llama"))
    found = Prune(structure="attention heads", sparsity=0.2)
    assert found.after(profile) == profile
    assert "No head leaves" in found.estimate(profile).line
