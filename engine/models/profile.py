"""A model in numbers: what its parts hold and how they are stored. Read from headers, without torch.

Estimates are arithmetic on a `Profile`; each technique returns the profile that it leaves behind.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Literal

from engine.errors import Refused
from engine.models.companions import carried_files
from engine.models.families import Family, Kind, family_of
from engine.models.headers import ITEM_BYTES, Tensor
from engine.models.parts import Part, is_tied, read_parameters, sort_into_parts
from engine.technique import Frozen

MOST_OUTPUTS = 100_000  # more than any classifier has; a config may claim what it likes

GRAIN = 32
"""Channels and neurons leave in pieces of so many where that comes out even: groups of 4-bit numbers are no smaller."""

RuntimeName = Literal["torch", "onnxruntime", "openvino"]


class Storage(Frozen):
    """How a folder is written: for which runtime and with how many bits a weight."""

    runtime: RuntimeName = "torch"
    bits: Literal[32, 16, 8, 4] = 32
    group_size: int = 0
    """Neighbours in a row that share a scale, for 4 bits."""
    vocabulary_bits: Literal[8, 4] = 8
    """What word embeddings and the output head of a text generator have where the layers have 4 bits."""
    weights_only: bool = False
    """Whether 8 bits are for what is stored alone, and not for activations."""
    method: str = ""
    """How 4 bits were found, for instance "awq"."""
    kept: float = 0.0
    """Share of the layers that stay at 8 bits where the others have 4."""
    protected: tuple[str, ...] = ()
    """Names of those layers, once the model was asked which they are."""


class Profile(Frozen):
    """What is where in a model. `attention`, `feed_forward` and `norms` are over all layers together.

    A tied output head is counted once, in the embeddings: `head` is then empty.
    """

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
    """Whether there is a classification head."""
    original_bytes: int = 0
    original_work: int = 0
    kind: Kind = "encoder"
    writes: bool = False
    """Whether there is an output head, tied or not: a language model, which gives logits for every token."""
    tied: bool = False
    """Whether that head reads the word embeddings."""
    kv_heads: int | None = None
    """Heads of keys and values, each shared by a group of query heads; None: as many as `heads`."""
    head_size: int | None = None
    """Width of one attention head; None: `hidden` over `heads`."""
    final_norm: Part = Part()
    unknown: bool = False
    """Whether another model will take this one's place, of which it is known only that it is no larger."""

    @property
    def parts(self) -> dict[str, Part]:
        """Part name → part, in the order in which a text passes them."""
        return {
            "embeddings": self.embeddings,
            "attention": self.attention,
            "feed-forward": self.feed_forward,
            "norms": self.norms + self.final_norm,
            "head": self.head,
        }

    @property
    def parameters(self) -> int:
        """All parameters."""
        return sum(part.parameters for part in self.parts.values())

    @property
    def bytes_by_part(self) -> dict[str, int]:
        """Part name → its bytes as `storage` keeps it, for a picture before and after."""
        return {name: part.bytes(self.storage.bits) for name, part in self.parts.items()}

    @property
    def head_groups(self) -> int:
        """Attention heads that can only leave together, as groups: one key and value head with its queries."""
        return self.kv_heads or self.heads

    def as_uneven(self) -> Profile:
        """In shapes that config.json cannot say: kept for a runtime that stores the graph itself."""
        elsewhere = Storage(runtime="openvino" if self.kind == "decoder" else "onnxruntime", bits=32)
        storage = self.storage if self.uneven else elsewhere
        return self.model_copy(update={"loads_plainly": False, "uneven": True, "storage": storage})

    def with_layers(self, layers: int) -> Profile:
        """The same model with this many of its layers, which are all alike."""
        parts = {
            name: getattr(self, name).in_layers(layers, self.layers) for name in ("attention", "feed_forward", "norms")
        }
        return self.model_copy(update={"layers": layers, **parts})

    def with_width(self, share: float) -> Profile:
        """The same model with about this share of its hidden channels, heads and neurons, the same in every layer.

        Heads leave in whole groups. The hidden size is as large as the heads that stay together, or, where
        config.json can say how large a head is, the nearest that it allows. Exact. An uneven model stays as it is.
        """
        if share >= 1.0 or self.uneven:
            return self
        hidden, groups, width = self._narrower(share)
        parts = {name: getattr(self, name) for name in ("embeddings", "norms", "final_norm", "head")}
        parts["attention"] = self.attention.narrowed(groups, self.head_groups)
        parts["feed_forward"] = self.feed_forward.narrowed(width, self.feed_forward_width)
        return self.model_copy(
            update={
                **{name: part.in_channels(hidden, self.hidden) for name, part in parts.items()},
                "hidden": hidden,
                "heads": self.heads // self.head_groups * groups,
                "kv_heads": groups,
                "feed_forward_width": width,
            }
        )

    def _narrower(self, share: float) -> tuple[int, int, int]:
        """Hidden size, groups of heads and feed-forward width at about `share` of each."""
        family, size = family_of(self.model_type), self.head_size or self.hidden // self.heads
        groups = _nearest(share * self.head_groups, 1, self.head_groups)
        heads = self.heads // self.head_groups * groups
        hidden = size * heads
        if family.head_size_in_config:
            grain = math.gcd(self.hidden // self.heads, size, GRAIN)
            step = math.lcm(grain, heads) if family.heads_divide_hidden else grain
            hidden = _nearest(share * self.hidden, step, self.hidden)
        width = self.feed_forward_width
        return hidden, groups, _nearest(width * hidden / self.hidden, math.gcd(width, GRAIN), width)

    @property
    def work(self) -> int:
        """Multiplications for one token: the weights of every layer's matrices, and of an output head, each used once.

        A tied head costs as much as one of its own.
        """
        output = self.vocabulary * self.hidden if self.writes else 0
        return self.attention.matrices + self.feed_forward.matrices + output

    def with_head(self, labels: tuple[str, ...]) -> Profile:
        """The same body under a new classification head, which takes the place of an output head.

        Encoders have hidden × hidden, then hidden × labels; decoders hidden × labels alone, without a bias.
        """
        outputs, hidden = max(2, len(labels)), self.hidden
        head = Part(matrices=outputs * hidden, rows=outputs, tensors=1, matrix_tensors=1)
        if self.kind == "encoder":
            head += Part(
                matrices=hidden**2,
                rows=hidden,
                vectors=hidden + outputs,
                tensors=3,
                matrix_tensors=1,
                stream_rows=hidden,
                stream_vectors=hidden,
                squares=hidden**2,
            )
        changed = {"head": head, "labels": labels, "has_head": True, "writes": False, "tied": False}
        return self.model_copy(update=changed)


def _nearest(wanted: float, step: int, most: int) -> int:
    """The whole number of steps, at least one and no more than `most` allows, that is nearest to `wanted`."""
    return step * max(1, min(most // step, round(wanted / step)))


def read_profile(folder: Path) -> Profile:
    """The profile of a checkpoint folder; raises `Refused` with a sentence where there is none to read."""
    config = read_config(folder)
    family = family_of(str(config.get("model_type", "?")))
    tensors = read_parameters(folder, config, family)
    has_head = any(name.startswith(family.classifier) for name in tensors)
    tied = is_tied(config, family) and not has_head
    profile = Profile(
        family=family.name,
        model_type=config["model_type"],
        kind=family.kind,
        labels=labels_of(config) if has_head else (),
        **_sizes(config, family, folder),
        **sort_into_parts(tensors, family),
        tokenizer_bytes=(folder / "config.json").stat().st_size + sum(map(len, carried_files(folder).values())),
        storage=Storage(runtime="torch", bits=_stored_bits(tensors)),
        has_head=has_head,
        tied=tied,
        writes=tied or (not has_head and family.kind == "decoder" and f"{family.output_head}.weight" in tensors),
    )
    size = sum(tensor.bytes for tensor in tensors.values()) + 100 * len(tensors) + profile.tokenizer_bytes
    return profile.model_copy(update={"original_bytes": size, "original_work": profile.work})


def _sizes(config: dict[str, Any], family: Family, folder: Path) -> dict[str, int]:
    """Layers, heads and widths as config.json says them, or as the family has them where it does not."""
    hidden, heads = (_number(config, key, folder) for key in (family.hidden_key, family.heads_key))

    def number(key: str | None, otherwise: int | None) -> int:
        if key and (config.get(key) is not None or otherwise is None):
            return _number(config, key, folder)
        return otherwise or 0

    times = family.feed_forward_times
    return {
        "hidden": hidden,
        "heads": heads,
        "kv_heads": number(family.kv_heads_key, heads),
        "head_size": number(family.head_size_key, max(1, hidden // heads)),
        "layers": _number(config, family.layers_key, folder),
        "feed_forward_width": number(family.feed_forward_key, hidden * times if times else None),
        "vocabulary": _number(config, "vocab_size", folder),
    }


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


def padding_of(config: dict[str, Any]) -> int:
    """The token that fills short texts up: the one that config.json names, else the first that ends a text, else 0.

    GPT-2 and Llama name none, and a decoder's classifier reads its answer off the last token that is no padding.
    """
    end = config.get("eos_token_id")
    named = [config.get("pad_token_id"), *(end if isinstance(end, list) else [end])]
    tokens = int(config.get("vocab_size") or 1 << 31)
    return next((token for token in named if isinstance(token, int) and 0 <= token < tokens), 0)


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


def _stored_bits(tensors: dict[str, Tensor]) -> Literal[32, 16]:
    widest = max((tensor for tensor in tensors.values()), key=lambda tensor: tensor.count, default=Tensor("F32", ()))
    return 16 if ITEM_BYTES.get(widest.dtype, 4) == 2 else 32
