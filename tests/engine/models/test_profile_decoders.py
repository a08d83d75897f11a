"""Profiles of decoders: every parameter once, tied heads and old checkpoints included; what contradicts is refused."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

from engine.errors import Refused
from engine.models import importance
from engine.models.families import FAMILIES, family_of
from engine.models.memory import run_memory
from engine.models.model import quiet
from engine.models.parts import Part
from engine.models.profile import Profile, Storage, read_config, read_profile
from engine.models.soundness import check_weights

DECODERS = ("gpt2", "llama", "llama-untied", "mistral", "qwen2", "qwen3")


def rewrite(folder: Path, **changes: object) -> Path:
    """Change config.json."""
    config = {**read_config(folder), **changes}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def stored(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def store(folder: Path, weights: dict[str, torch.Tensor]) -> Path:
    save_file(weights, folder / "model.safetensors")
    return folder


def check(folder: Path) -> Profile:
    profile = read_profile(folder)
    check_weights(folder, read_config(folder), family_of(profile.model_type), profile)
    return profile


@pytest.mark.parametrize("kind", DECODERS)
def test_every_parameter_is_in_one_part(tiny_model, open_decoder, kind):
    folder = tiny_model(kind, layers=3, feed_forward=48)
    profile, network = check(folder), open_decoder(folder).network
    assert profile.parameters == sum(value.numel() for value in network.parameters())
    assert profile.embeddings.parameters == 400 * 32 + (128 * 32 if kind == "gpt2" else 0)
    gated = 2 if kind == "gpt2" else 3
    assert profile.feed_forward.matrices == 3 * gated * 32 * 48
    assert profile.feed_forward.rows == 3 * ((gated - 1) * 48 + 32)
    assert profile.final_norm.parameters == (64 if kind == "gpt2" else 32)
    assert (profile.kind, profile.writes, profile.has_head, profile.labels) == ("decoder", True, False, ())
    assert profile.tied == network.config.tie_word_embeddings == (kind != "llama-untied")
    assert profile.head.parameters == (0 if profile.tied else 400 * 32)


AS_PUBLISHED = {
    "gpt2": (124_439_808, {}),
    "llama": (  # SmolLM2-135M
        134_515_008,
        {"hidden_size": 576, "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3}
        | {"intermediate_size": 1536, "vocab_size": 49152, "tie_word_embeddings": True},
    ),
    "qwen3": (  # Qwen3-0.6B
        596_049_920,
        {"hidden_size": 1024, "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8}
        | {"intermediate_size": 3072, "vocab_size": 151936, "head_dim": 128, "tie_word_embeddings": True},
    ),
}
"""Parameters, a tied head once, and what config.json says."""


@pytest.mark.parametrize("kind", AS_PUBLISHED)
def test_models_as_people_use_them_from_headers_alone(tmp_path, kind):
    """Files as long as theirs, with nothing in them: only the header is read."""
    count, settings = AS_PUBLISHED[kind]
    config = AutoConfig.for_model(kind, **settings)
    with torch.device("meta"):
        network = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    header, end = {}, 0
    for name, value in dict(network.named_parameters()).items():
        header[name] = {"dtype": "BF16", "shape": list(value.shape), "data_offsets": [end, end + 2 * value.numel()]}
        end += 2 * value.numel()
    raw = json.dumps(header).encode()
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.write(len(raw).to_bytes(8, "little") + raw)
        file.truncate(8 + len(raw) + end)
    config.save_pretrained(tmp_path)
    profile = check(tmp_path)
    assert profile.parameters == count
    assert sum(profile.bytes_by_part.values()) == 2 * count
    assert run_memory(profile, copies=2).shortfall(4 * count) is not None


def test_shards_are_one_model(tiny_model, open_decoder, tmp_path):
    model = open_decoder(tiny_model("qwen2"))
    with quiet():
        model.network.save_pretrained(tmp_path, max_shard_size="40KB")
    assert not (tmp_path / "model.safetensors").exists()
    assert check(tmp_path).parts == model.profile.parts


@pytest.mark.parametrize("kind", DECODERS)
def test_rows_are_outputs_whichever_way_they_are_stored(tiny_model, open_decoder, kind):
    """One scale each: counted on the network, where `Linear` and `Conv1D` say how many outputs they have."""
    model = open_decoder(tiny_model(kind))
    found = {"attention": 0, "feed_forward": 0}
    for name, projection in importance.projections_in_layers(model.network, model.family).items():
        part = "attention" if name.split(".", 3)[3] in model.family.attention else "feed_forward"
        found[part] += getattr(projection.module, "nf", 0) or projection.module.out_features
    assert model.profile.attention.rows == found["attention"]
    assert model.profile.feed_forward.rows == found["feed_forward"]
    matrices = model.profile.attention.matrix_tensors + model.profile.feed_forward.matrix_tensors
    assert matrices == len(importance.projections_in_layers(model.network, model.family))


@pytest.mark.parametrize("kind", DECODERS)
def test_work_counts_the_output_head_tied_or_not(tiny_model, open_decoder, kind):
    """Every matrix that a token is multiplied with, counted by watching it happen."""
    model, seen = open_decoder(tiny_model(kind)), []
    for module in model.network.modules():
        if type(module).__name__ in ("Linear", "Conv1D"):
            module.register_forward_hook(lambda one, *_: seen.append(one.weight.numel()))
    with torch.no_grad():
        model.network(torch.tensor([[5]]))
    assert model.profile.work == sum(seen) == model.profile.original_work


@pytest.mark.parametrize("kind", DECODERS)
def test_a_body_alone_is_sorted_alike(tiny_model, kind):
    whole, bare = check(tiny_model(kind)), check(tiny_model(kind, head=False))
    for part in ("embeddings", "attention", "feed_forward", "norms", "final_norm"):
        assert getattr(bare, part) == getattr(whole, part)
    assert bare.writes == (kind != "llama-untied")


def test_gpt2_as_the_hub_has_it(tiny_model):
    """No prefix, and the causal mask stored as if it were weights."""
    folder = tiny_model("gpt2")
    wanted, weights = read_profile(folder), stored(folder)
    bare = {name.removeprefix("transformer."): value for name, value in weights.items()}
    for place in range(3):
        bare[f"h.{place}.attn.bias"] = torch.ones(1, 1, 128, 128).tril()
        bare[f"h.{place}.attn.masked_bias"] = torch.tensor(-1e4)
    found = check(store(folder, bare))
    assert found == wanted


@pytest.mark.parametrize("kind", ["gpt2", "llama", "qwen2"])
def test_a_tied_head_that_is_stored_too_counts_once(tiny_model, kind):
    folder = tiny_model(kind)
    wanted, weights = read_profile(folder), stored(folder)
    words = next(value for name, value in weights.items() if "wte" in name or "embed_tokens" in name)
    store(folder, {**weights, "lm_head.weight": words.clone()})
    assert check(folder) == wanted


def test_a_head_of_its_own_where_the_config_says_tied_is_refused(tiny_model, open_decoder):
    """transformers would keep both, and the file would be larger than its profile says."""
    folder = tiny_model("llama")
    weights = stored(folder)
    own = weights["model.embed_tokens.weight"].clone()
    own[-1, -1] += 1
    store(folder, {**weights, "lm_head.weight": own})
    with pytest.raises(Refused, match="tie_word_embeddings"):
        check(folder)
    rewrite(folder, tie_word_embeddings=False)
    network = open_decoder(folder).network
    assert check(folder).parameters == sum(value.numel() for value in network.parameters())


def test_a_width_that_is_not_said_is_four_times_hidden(tiny_model):
    folder = tiny_model("gpt2", feed_forward=128)
    assert read_config(folder)["n_inner"] is None
    assert check(folder).feed_forward_width == 128


@pytest.mark.parametrize("kind", ["gpt2", "llama-untied", "qwen3"])
def test_a_classifier_on_a_decoder(tiny_model, kind):
    folder = tiny_model(kind, labels=4)
    found, bare = check(folder), check(tiny_model(kind))
    assert (found.has_head, found.writes, found.tied) == (True, False, False)
    assert found.labels == ("animal", "food", "place", "person")
    assert found.parameters == sum(value.numel() for value in stored(folder).values())
    foretold = bare.with_head(found.labels)
    assert (foretold.head, foretold.parameters, foretold.work) == (found.head, found.parameters, found.work)


@pytest.mark.parametrize("kind", DECODERS)
def test_bytes_by_part_are_those_of_the_file(tiny_model, kind):
    folder = tiny_model(kind)
    profile = read_profile(folder)
    assert sum(profile.bytes_by_part.values()) == sum(value.nbytes for value in stored(folder).values())
    half = profile.model_copy(update={"storage": Storage(bits=16)})
    assert sum(half.bytes_by_part.values()) * 2 == sum(profile.bytes_by_part.values())
    eight = profile.model_copy(update={"storage": Storage(bits=8)})
    rows = sum(part.rows for part in profile.parts.values())
    vectors = sum(part.vectors for part in profile.parts.values())
    assert sum(eight.bytes_by_part.values()) == profile.parameters - vectors + 4 * (rows + vectors)


def test_parts_add_up():
    part = Part(matrices=6, rows=4, vectors=2, tensors=2, inner_rows=2, inner_vectors=2)
    assert part + Part() == part
    assert part.narrowed(1, 2) == Part(matrices=3, rows=3, vectors=1, tensors=2, inner_rows=1, inner_vectors=1)
    assert (part + part).in_layers(1, 2) == part


@pytest.mark.parametrize(
    ("kind", "changes", "reason"),
    [
        ("gpt2", {"add_cross_attention": True}, "add_cross_attention"),
        ("gpt2", {"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx"),
        ("gpt2", {"n_head": 5}, "do not divide"),
        ("gpt2", {"n_inner": 128}, "c_fc"),
        ("llama", {"num_key_value_heads": 3}, "come out even"),
        ("llama", {"num_key_value_heads": 4}, "k_proj"),
        ("llama", {"head_dim": 16}, "q_proj|k_proj"),
        ("llama", {"num_key_value_heads": -1}, "num_key_value_heads"),
        ("llama", {"head_dim": "wide"}, "head_dim"),
        ("llama-untied", {"vocab_size": 401}, "embed_tokens"),
        ("qwen3", {"intermediate_size": 65}, "gate_proj|up_proj"),
        ("mistral", {"num_hidden_layers": 2}, "2 layers, the weights hold 3"),
    ],
)
def test_a_config_of_other_weights_is_refused(tiny_model, kind, changes, reason):
    with pytest.raises(Refused, match=reason):
        check(rewrite(tiny_model(kind), **changes))


def test_an_output_head_of_another_vocabulary_is_refused(tiny_model):
    folder = tiny_model("llama-untied")
    weights = stored(folder)
    store(folder, {**weights, "lm_head.weight": weights["lm_head.weight"][:300].clone()})
    with pytest.raises(Refused, match=r"lm_head\.weight.*300"):
        check(folder)


def test_a_model_type_is_of_one_family():
    types = [name for family in FAMILIES for name in family.model_types]
    assert len(types) == len(set(types))
