"""A model in numbers: what its parts hold and how they are stored. Read from headers, without torch.

Estimates are arithmetic on a `Profile`; each technique returns the profile that it leaves behind.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from engine.errors import Refused
from engine.models.families import Family, family_of
from engine.models.headers import ITEM_BYTES, Tensor, read_headers
from engine.technique import Frozen

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "special_tokens_map.json",
    "sentencepiece.bpe.model",
)
"""Files of a tokenizer, beside the weights."""
OLDER_FORMS = ("vocab.txt", "vocab.json", "merges.txt", "sentencepiece.bpe.model")
"""Those of them that only repeat what tokenizer.json holds."""

MOST_OUTPUTS = 100_000
"""More than any classifier has; a config may claim what it likes."""

RuntimeName = Literal["torch", "onnxruntime", "openvino"]


class Storage(Frozen):
    """How a folder is written: for which runtime and with how many bits a weight."""

    runtime: RuntimeName = "torch"
    bits: Literal[32, 16, 8, 4] = 32
    group_size: int = 0
    """Neighbours in a row that share a scale, for 4 bits."""
    method: str = ""
    """How 4 bits were found, for instance "awq"."""
    kept: float = 0.0
    """Share of the layers that stay at 8 bits where the others have 4."""
    protected: tuple[str, ...] = ()
    """Names of those layers, once the model was asked which they are."""


class Part(Frozen):
    """Parameters of one part: in matrices (which quantize), their rows (one scale each), and in vectors."""

    matrices: int = 0
    rows: int = 0
    vectors: int = 0
    tensors: int = 0

    @property
    def parameters(self) -> int:
        """All of them."""
        return self.matrices + self.vectors

    def scaled(self, share: float, *, rows: float | None = None, vectors: float | None = None) -> Part:
        """This part with `share` of its matrices kept (rows and vectors alike unless said otherwise)."""
        return Part(
            matrices=round(self.matrices * share),
            rows=round(self.rows * (share if rows is None else rows)),
            vectors=round(self.vectors * (share if vectors is None else vectors)),
            tensors=self.tensors,
        )


class Profile(Frozen):
    """What is where in a model. `attention`, `feed_forward` and `norms` are over all layers together."""

    family: str
    model_type: str
    labels: tuple[str, ...]
    layers: int
    heads: int
    hidden: int
    feed_forward_width: int
    vocabulary: int
    embeddings: Part
    attention: Part
    feed_forward: Part
    norms: Part
    head: Part
    tokenizer_bytes: int
    storage: Storage
    loads_plainly: bool = True
    uneven: bool = False
    zeros: float = 0.0
    has_head: bool = True
    original_bytes: int = 0
    original_work: int = 0

    @property
    def parts(self) -> dict[str, Part]:
        """Part name → part, in the order in which a text passes them."""
        return {
            "embeddings": self.embeddings,
            "attention": self.attention,
            "feed-forward": self.feed_forward,
            "norms": self.norms,
            "head": self.head,
        }

    @property
    def parameters(self) -> int:
        """All parameters."""
        return sum(part.parameters for part in self.parts.values())

    def with_layers(self, layers: int) -> Profile:
        """The same model with this many of its layers, which are all alike."""
        share = layers / self.layers

        def fewer(part: Part) -> Part:
            return part.scaled(share).model_copy(update={"tensors": round(part.tensors * share)})

        parts = {
            "attention": fewer(self.attention),
            "feed_forward": fewer(self.feed_forward),
            "norms": fewer(self.norms),
        }
        return self.model_copy(update={"layers": layers, **parts})

    @property
    def work(self) -> int:
        """Multiplications for one token: the weights of every layer's matrices, each used once."""
        return self.attention.matrices + self.feed_forward.matrices

    def with_head(self, labels: tuple[str, ...]) -> Profile:
        """The same encoder under a new head: hidden × hidden, then hidden × labels (so in every family here)."""
        outputs = max(2, len(labels))
        rows = self.hidden + outputs
        head = Part(matrices=rows * self.hidden, rows=rows, vectors=rows, tensors=4)
        return self.model_copy(update={"head": head, "labels": labels, "has_head": True})


def read_profile(folder: Path) -> Profile:
    """The profile of a checkpoint folder; raises `Refused` with a sentence where there is none to read."""
    config = read_config(folder)
    family = family_of(str(config.get("model_type", "?")))
    tensors = {with_body(name, family): tensor for name, tensor in read_headers(folder).items()}
    parts = _sort_into_parts(tensors, family)
    has_head = any(name.startswith(family.classifier) for name in tensors)
    profile = Profile(
        family=family.name,
        model_type=config["model_type"],
        labels=labels_of(config) if has_head else (),
        layers=_number(config, family.layers_key, folder),
        heads=_number(config, family.heads_key, folder),
        hidden=_number(config, family.hidden_key, folder),
        feed_forward_width=_number(config, family.feed_forward_key, folder),
        vocabulary=_number(config, "vocab_size", folder),
        embeddings=parts["embeddings"],
        attention=parts["attention"],
        feed_forward=parts["feed_forward"],
        norms=parts["norms"],
        head=parts["head"],
        tokenizer_bytes=(folder / "config.json").stat().st_size + sum(map(len, carried_files(folder).values())),
        storage=Storage(runtime="torch", bits=_stored_bits(tensors)),
        has_head=has_head,
    )
    size = sum(tensor.bytes for tensor in tensors.values()) + 100 * len(tensors) + profile.tokenizer_bytes
    return profile.model_copy(update={"original_bytes": size, "original_work": profile.work})


def carried_files(folder: Path) -> dict[str, bytes]:
    """Name → content of the tokenizer's files as every saved folder carries them.

    JSON loses its indentation, which means nothing and weighs a third; the vocabulary goes in once.
    """
    whole = (folder / "tokenizer.json").is_file()
    names = [name for name in TOKENIZER_FILES if (folder / name).is_file() and not (whole and name in OLDER_FORMS)]
    return {name: _compact(name, (folder / name).read_bytes()) for name in names}


def _compact(name: str, content: bytes) -> bytes:
    if not name.endswith(".json"):
        return content
    try:
        return json.dumps(json.loads(content), ensure_ascii=False, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        return content  # whoever loads it says what is wrong with it


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a model folder as a mapping; raises `Refused` where there is none."""
    path = folder / "config.json"
    if not folder.is_dir() or not path.is_file():
        raise Refused(
            f"{folder} is not a model folder: it has no config.json. "
            "Choose a folder as Hugging Face saves it, with config.json, weights and a tokenizer."
        )
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise Refused(f"{path} is not valid JSON ({error}). Copy or download it again.") from error
    if not isinstance(config, dict):
        raise Refused(f"{path} does not hold a model's settings. Copy or download it again.")
    return config


def labels_of(config: dict[str, Any]) -> tuple[str, ...]:
    """The labels of a classifier's config, in the order of its outputs.

    transformers leaves `id2label` out where it holds LABEL_0, LABEL_1. Raises `Refused` where the
    outputs are not numbered from 0.
    """
    names = config.get("id2label")
    if not names:
        count = config.get("num_labels", 2)
        count = min(count, MOST_OUTPUTS) if isinstance(count, int) else 2
        return tuple(f"LABEL_{place}" for place in range(count))
    try:
        return tuple(str(names[str(place)]) for place in range(len(names)))
    except (KeyError, TypeError) as error:
        raise Refused(
            "The labels in the model's config.json ('id2label') are not numbered 0, 1, 2, …. "
            "Correct them there, or download the model again."
        ) from error


def _number(config: dict[str, Any], key: str, folder: Path) -> int:
    value = config.get(key)
    if not isinstance(value, int) or value <= 0:
        raise Refused(f"{folder / 'config.json'} lacks a usable '{key}'. Copy or download the model again.")
    return value


def with_body(name: str, family: Family) -> str:
    """A bare encoder's names lack the prefix that a classifier's have."""
    prefixes = (family.body + ".", *family.head, family.classifier, "cls.", "lm_head", "vocab_")
    return name if name.startswith(prefixes) else f"{family.body}.{name}"


def _stored_bits(tensors: dict[str, Tensor]) -> Literal[32, 16]:
    widest = max((tensor for tensor in tensors.values()), key=lambda tensor: tensor.count, default=Tensor("F32", ()))
    return 16 if ITEM_BYTES.get(widest.dtype, 4) == 2 else 32


def _sort_into_parts(tensors: dict[str, Tensor], family: Family) -> dict[str, Part]:
    sorted_tensors: dict[str, list[Tensor]] = {
        name: [] for name in ("embeddings", "attention", "feed_forward", "norms", "head")
    }
    for name, tensor in tensors.items():
        if tensor.dtype == "I64":
            continue  # position_ids of old checkpoints: a buffer, never saved again
        sorted_tensors[_part_of(name, family)].append(tensor)
    return {name: _sum(found) for name, found in sorted_tensors.items()}


def _part_of(name: str, family: Family) -> str:
    if not name.startswith(family.layers + "."):
        return "embeddings" if name.startswith(f"{family.body}.embeddings") else "head"
    within = name.removeprefix(family.layers + ".").partition(".")[2].rpartition(".")[0]
    if within in family.attention:
        return "attention"
    return "feed_forward" if within in family.feed_forward else "norms"


def _sum(tensors: list[Tensor]) -> Part:
    matrices = [tensor for tensor in tensors if len(tensor.shape) >= 2]
    return Part(
        matrices=sum(tensor.count for tensor in matrices),
        rows=sum(tensor.shape[0] for tensor in matrices),
        vectors=sum(tensor.count for tensor in tensors if len(tensor.shape) < 2),
        tensors=len(tensors),
    )
