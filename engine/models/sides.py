"""What each side of a stored tensor counts: the one rule by which parts are counted and networks are narrowed.

A side is one dimension, known by its place in the architecture and never by its size: a feed-forward
part may be as wide as the stream, and a vocabulary as large as a layer.
"""

from __future__ import annotations

from typing import Literal

from engine.models.families import Family

Side = Literal["channels", "queries", "shared", "fused", "neurons", "fixed"]
"""The stream's hidden channels; outputs of the query; of key or value; of all three in one; neurons; anything else."""
UNITS: tuple[Side, ...] = ("queries", "shared", "fused", "neurons")
"""Sides that belong to attention heads or feed-forward neurons."""


def sides(name: str, dimensions: int, family: Family) -> tuple[Side, ...]:
    """What the dimensions of the parameter `name` count, in the order in which it is stored.

    `name` and `family` agree on the body's prefix (`Family.bare` for the body alone).
    """
    module = name.rpartition(".")[0]
    if module.startswith(f"{family.layers}."):
        within = module.removeprefix(f"{family.layers}.").partition(".")[2]
        outputs, inputs = _in_layer(within, family)
        turned = family.transposed and within in (*family.attention, *family.feed_forward)
        return (outputs,) if dimensions == 1 else ((inputs, outputs) if turned else (outputs, inputs))
    if name.startswith(tuple(f"{prefix}." for prefix in family.embeddings)):
        return ("channels",) if dimensions == 1 else ("fixed", "channels")
    if module in (family.final_norm, *family.square):
        return ("channels",) * dimensions
    return ("fixed", "channels")[:dimensions]


def _in_layer(within: str, family: Family) -> tuple[Side, Side]:
    """Outputs and inputs of a module of a layer; a norm's numbers are outputs."""
    if within in (family.query, family.key, family.value):
        inner: Side = "queries" if within == family.query else "shared"
        return "fused" if family.fused else inner, "channels"
    if within in family.feed_forward_inputs:
        return "neurons", "channels"
    if within == family.attention_output:
        return "channels", "queries"
    if within == family.feed_forward_out:
        return "channels", "neurons"
    return ("fixed", "fixed") if within in family.head_norms else ("channels", "fixed")
