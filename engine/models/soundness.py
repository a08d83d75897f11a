"""Whether config, weights and their places in the folder agree. Reads headers; needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.errors import Refused
from engine.models.companions import companion_files
from engine.models.families import Family
from engine.models.headers import Tensor
from engine.models.parts import read_parameters, with_body
from engine.models.places import places_of, same_bytes
from engine.models.profile import Profile, labels_of
from engine.models.tokenizer_files import ALL_TOKENIZER_FILES

FLOATS = ("F64", "F32", "F16", "BF16")


def check_links(folder: Path) -> None:
    """Raise `Refused` if config or tokenizer are links out of the folder.

    They are copied into what is exported, and a folder from a stranger must not make that carry
    another file along. The Hub's cache links to its own blobs; weights are checked by their format.
    """
    home = folder.parent.parent if folder.parent.name == "snapshots" else folder
    for name in ("config.json", *ALL_TOKENIZER_FILES, *companion_files(folder)):
        path = folder / name
        if not path.resolve().is_relative_to(home.resolve()):
            raise Refused(f"{path} is a link to a file outside its folder. Put the file itself in its place.")


def check_weights(folder: Path, config: dict[str, Any], family: Family, profile: Profile) -> None:
    """Raise `Refused` where the weights are not those that config.json describes."""
    if config.get("quantization_config"):
        raise Refused(
            f"The model in {folder} is quantized already, which cannot be undone. "
            "Choose the model that it was made from."
        )
    _check_settings(config, family, profile, folder)
    tensors = read_parameters(folder, config, family)
    _check_layers(tensors, family, profile, folder)
    for name, shape in _expected(family, profile).items():
        _check_shape(name, tensors.get(name), shape, folder)
    if profile.tied:
        _check_tied(family, folder)
    if profile.has_head:
        _check_head(tensors, config, family, folder)


def _check_settings(config: dict[str, Any], family: Family, profile: Profile, folder: Path) -> None:
    """What config.json alone can get wrong."""
    for key in family.unsupported:
        if config.get(key):
            raise Refused(
                f"config.json in {folder} switches '{key}' on, with which Bozzetto cannot take a {family.name} apart. "
                "Choose a model without it."
            )
    if profile.hidden % profile.heads and not config.get(family.head_size_key or ""):
        raise Refused(
            f"config.json in {folder} asks for {profile.heads} attention heads, which do not divide "
            f"{profile.hidden} numbers evenly. Copy or download the model again."
        )
    if profile.heads % profile.head_groups:
        raise Refused(
            f"config.json in {folder} asks for {profile.heads} attention heads that share {profile.kv_heads} heads of "
            "keys and values, which does not come out even. Copy or download the model again."
        )


def _check_layers(tensors: dict[str, Tensor], family: Family, profile: Profile, folder: Path) -> None:
    inside = family.layers + "."
    found = {name.removeprefix(inside).split(".")[0] for name in tensors if name.startswith(inside)}
    # The count first: a config may claim more layers than one would care to list.
    if len(found) != profile.layers or found != {str(place) for place in range(len(found))}:
        raise Refused(
            f"config.json in {folder} asks for {profile.layers} layers, the weights hold {len(found)}: "
            "they do not belong together. Copy or download the model again."
        )


def _check_tied(family: Family, folder: Path) -> None:
    """A tied head that is stored too must repeat the word embeddings: transformers would not tie it otherwise."""
    names = (f"{family.word_embeddings}.weight", f"{family.output_head}.weight")
    places = {with_body(name, family): place for name, place in places_of(folder).items()}
    found = [places[name] for name in names if name in places]
    if len(found) == 2 and not same_bytes(*found):
        raise Refused(
            f"The weights in {folder} hold an output head of their own ('{names[1]}'), but config.json says that it is "
            "tied to the word embeddings. Set 'tie_word_embeddings' to false there, or download the model again."
        )


def _expected(family: Family, profile: Profile) -> dict[str, tuple[int, int]]:
    """Name of each matrix that the config describes → its shape as stored."""
    hidden, width = profile.hidden, profile.feed_forward_width
    size = profile.head_size or hidden // profile.heads
    queries, shared = profile.heads * size, profile.head_groups * size
    inside = {family.key: (shared, hidden), family.value: (shared, hidden)}
    # Where all three are fused, the last one said is that of the one projection.
    inside[family.query] = (queries + 2 * shared if family.fused else queries, hidden)
    inside[family.attention_output] = (hidden, queries)
    inside |= dict.fromkeys(family.feed_forward_inputs, (width, hidden))
    inside[family.feed_forward_out] = (hidden, width)
    if family.transposed:
        inside = {part: (columns, rows) for part, (rows, columns) in inside.items()}
    shapes = {f"{family.word_embeddings}.weight": (profile.vocabulary, hidden)}
    for place in range(profile.layers):
        shapes |= {f"{family.layers}.{place}.{part}.weight": shape for part, shape in inside.items()}
    if profile.writes and not profile.tied:
        shapes[f"{family.output_head}.weight"] = (profile.vocabulary, hidden)
    return shapes


def _check_shape(name: str, tensor: Tensor | None, shape: tuple[int, int], folder: Path) -> None:
    if tensor is None:
        raise Refused(f"The weights in {folder} lack '{name}'. Copy or download the model again.")
    if tensor.dtype not in FLOATS:
        raise Refused(
            f"The weights in {folder} are stored as {tensor.dtype} ('{name}'): this model is "
            "quantized already. Choose the model that it was made from."
        )
    if tensor.shape != shape:
        stored, asked = (" × ".join(f"{size:,}" for size in s) for s in (tensor.shape, shape))
        raise Refused(
            f"'{name}' in {folder} is {stored}, but config.json asks for {asked}: weights and config "
            "do not belong together. Copy or download the model again."
        )


def _check_head(tensors: dict[str, Tensor], config: dict[str, Any], family: Family, folder: Path) -> None:
    kinds = [str(kind) for kind in config.get("architectures") or ()]
    if kinds and not any("SequenceClassification" in kind for kind in kinds):
        raise Refused(
            f"The model in {folder} was trained for another task ({kinds[0]}), not to classify whole "
            "texts. Choose a text classifier, or the model that it was trained from."
        )
    problem, labels = config.get("problem_type"), labels_of(config)
    if problem in ("regression", "multi_label_classification") or len(labels) == 1:
        kind = "several labels at once" if str(problem).startswith("multi") else "a number, no label"
        raise Refused(
            f"The model in {folder} answers with {kind}, which is not supported yet. "
            "Choose a model that gives each text one of several labels."
        )
    names = (f"{family.classifier}.weight", f"{family.classifier}.out_proj.weight")
    outputs = next((tensors[name].shape[0] for name in names if name in tensors), len(labels))
    if outputs != len(labels):
        raise Refused(
            f"The model in {folder} has {outputs} outputs but config.json names {len(labels)} labels "
            "('id2label'). Correct config.json, or download the model again."
        )
