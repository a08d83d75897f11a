"""Four ready-made step lists, for those who do not want to choose."""

from __future__ import annotations

from engine.recipe import Limits
from engine.technique import Frozen, Technique
from engine.techniques.distill import Distill
from engine.techniques.prune import Prune
from engine.techniques.quantize import Quantize


class Preset(Frozen):
    """Named steps and limits, with a sentence on what to expect."""

    name: str
    title: str
    summary: str
    steps: tuple[Technique, ...]
    limits: Limits


PRESETS: tuple[Preset, ...] = (
    Preset(
        name="balanced",
        title="Balanced",
        summary="8 bits, made for the runtime that is fastest here: much smaller, much faster, few changed answers.",
        steps=(Quantize(bits=8, aim="balanced"),),
        limits=Limits(max_quality_loss=1.0),
    ),
    Preset(
        name="smallest",
        title="Smallest",
        summary="A student with half the layers and narrower ones, then 8 bits: takes some minutes of learning.",
        steps=(
            Prune(structure="feed-forward neurons", sparsity=0.25),
            Distill(layers=0.5, minutes=8.0),
            Quantize(bits=8, aim="balanced"),
        ),
        limits=Limits(max_quality_loss=3.0),
    ),
    Preset(
        name="fastest",
        title="Fastest",
        summary="8 bits, chosen to answer one text as soon as possible.",
        steps=(Quantize(bits=8, aim="latency"),),
        limits=Limits(max_quality_loss=1.5),
    ),
    Preset(
        name="faithful",
        title="Most faithful",
        summary="16 bits: half the size, and answers that hardly ever change.",
        steps=(Quantize(bits=16, aim="balanced"),),
        limits=Limits(max_quality_loss=0.3),
    ),
)


def preset_named(name: str) -> Preset | None:
    """The preset of that name, or None."""
    return next((preset for preset in PRESETS if preset.name == name), None)
