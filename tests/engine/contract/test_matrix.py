"""Which technique works for which family in which runtime, and why not where it does not."""

from engine.models.profile import Profile, RuntimeName, Storage, read_profile
from engine.runtimes import RUNTIMES
from engine.technique import Technique
from engine.techniques.pca import Pca
from engine.techniques.quantize import Quantize
from engine.techniques.train_head import TrainHead

WORKS = "works"
RESHAPED = ("prune attention heads", "low_rank")
"""What leaves shapes that a config.json cannot say."""


def outcome(technique: Technique, profile: Profile, name: RuntimeName) -> str:
    """WORKS, or the sentence with which the technique or the runtime refuses."""
    if isinstance(technique, Quantize) and technique.runtime != name:
        technique = technique.model_copy(update={"runtime": name})
    left = technique.after(profile)
    left = left.model_copy(update={"storage": Storage(runtime=name, bits=left.storage.bits)})
    runtime = next(runtime for runtime in RUNTIMES if runtime.name == name)
    return technique.refusal(profile) or runtime.missing() or runtime.refusal(left) or WORKS


def short(technique: Technique) -> str:
    """The technique and the one setting that matters here."""
    setting = getattr(technique, "structure", getattr(technique, "bits", ""))
    return f"{technique.name} {setting}".strip()


def matrix(table, profiles: dict[str, Profile]) -> dict[tuple[str, str, str], str]:
    """(technique, family, runtime) → outcome."""
    return {
        (short(row), family, runtime.name): outcome(row, profile, runtime.name)
        for rows in table.values()
        for row in rows
        for family, profile in profiles.items()
        for runtime in RUNTIMES
    }


def printed(found: dict[tuple[str, str, str], str]) -> set[tuple[str, str, str]]:
    """Print the matrix (seen with `pytest -s`); what is refused."""
    for (technique, family, runtime), words in found.items():
        print(f"{technique:28} {family:13} {runtime:12} {words}")
    return {key for key, words in found.items() if words != WORKS}


def test_what_classifiers_are_refused(table, workshop):
    profiles = {family: read_profile(workshop.original(family)) for family in ("bert", "distilbert", "roberta")}
    expected = {(technique, family, "torch") for technique in RESHAPED for family in profiles}
    expected |= {("quantize 4", family, name) for family in profiles for name in ("torch", "onnxruntime")}
    assert printed(matrix(table, profiles)) == expected


def test_what_text_generators_are_refused(table, tiny_model):
    """OpenVINO nothing, ONNX Runtime all, PyTorch what its files cannot say."""
    profiles = {family: read_profile(tiny_model(family)) for family in ("gpt2", "llama", "mistral", "qwen2", "qwen3")}
    rows = {technique: settings for technique, settings in table.items() if not technique.tasks}
    found = matrix(rows, profiles)
    refused = printed(found)
    assert {(technique, family) for technique, family, runtime in refused if runtime == "torch"} == {
        *(("low_rank", family) for family in profiles),
        *(("quantize 4", family) for family in profiles),
        ("prune attention heads", "gpt2"),
        ("quantize 8", "gpt2"),
    }
    others = {key for key in found if key[2] == "onnxruntime"}
    assert {key for key in refused if key[2] != "torch"} == others


def test_what_decoders_with_a_classification_head_are_refused(table, tiny_model):
    """A new head goes on a plain language model in every runtime; what it leaves is refused as little as encoders."""
    families = ("gpt2", "llama", "mistral", "qwen2", "qwen3")
    generators = {family: read_profile(tiny_model(family)) for family in families}
    assert printed(matrix({TrainHead: table[TrainHead]}, generators)) == set()
    rows = {technique: settings for technique, settings in table.items() if technique is not TrainHead}
    refused = printed(matrix(rows, {family: read_profile(tiny_model(family, labels=3)) for family in families}))
    assert refused == {
        *(("low_rank", family, "torch") for family in families),
        *(("quantize 4", family, name) for family in families for name in ("torch", "onnxruntime")),
        ("prune attention heads", "gpt2", "torch"),
        ("quantize 8", "gpt2", "torch"),
    }


def test_what_embedders_are_refused(table, tiny_model):
    profiles = {
        family: read_profile(tiny_model(family, head=False, hidden=64)) for family in ("bert", "distilbert", "roberta")
    }
    rows = {technique: settings for technique, settings in table.items() if not technique.tasks}
    expected = {(technique, family, "torch") for technique in RESHAPED for family in profiles}
    expected |= {("quantize 4", family, name) for family in profiles for name in ("torch", "onnxruntime")}
    assert printed(matrix({**rows, Pca: (Pca(dimensions=32),)}, profiles)) == expected
