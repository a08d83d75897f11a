"""Which technique works for which family in which runtime, and why not where it does not."""

from engine.models.profile import Profile, RuntimeName, Storage, read_profile
from engine.runtimes import RUNTIMES
from engine.technique import Technique
from engine.techniques.prune import Prune
from engine.techniques.quantize import Quantize

WORKS = "works"
FOUR_BITS = {Quantize: tuple(Quantize(bits=bits, runtime="openvino") for bits in (32, 16, 8, 4))}
"""Each is asked of every runtime."""


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


def test_only_fewer_heads_in_torch_and_4_bits_outside_openvino_are_refused(table, workshop):
    """Printed with `pytest -s`."""
    profiles = {family: read_profile(workshop.original(family)) for family in ("bert", "distilbert", "roberta")}
    found = matrix(table, profiles)
    for (technique, family, runtime), words in found.items():
        print(f"{technique:28} {family:11} {runtime:12} {words}")
    refused = {key for key, words in found.items() if words != WORKS}
    heads = {(short(Prune(structure="attention heads")), family, "torch") for family in profiles}
    assert refused == heads | {("quantize 4", family, name) for family in profiles for name in ("torch", "onnxruntime")}
