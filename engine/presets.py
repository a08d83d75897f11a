"""Four ready-made step lists for each task, for those who do not want to choose.

Three of them are the same for every task, but for the words; "Smallest" is not: what can be spared in a
classifier (layers, for it is taught anew what they knew) is what a language model writes with.
"""

from __future__ import annotations

from engine.models.profile import Profile
from engine.recipe import Limits
from engine.technique import Frozen, Technique
from engine.techniques.distill import Distill
from engine.techniques.pca import Pca
from engine.techniques.prune import Prune
from engine.techniques.quantize import Quantize
from engine.techniques.vocabulary import Vocabulary

LANGUAGE, SIMILARITY = "language modelling", "sentence similarity"
DIMENSIONS_STEP = 32


class Preset(Frozen):
    """Named steps and limits, with a sentence on what to expect."""

    name: str
    title: str
    summary: str
    steps: tuple[Technique, ...]
    limits: Limits


def presets_for(task: str | None, profile: Profile | None = None) -> tuple[Preset, ...]:
    """The four for a task; for classification where it is not known. `profile` is of the model they are meant for."""
    return (_balanced(task), _smallest(task, profile), _fastest(task), _faithful(task))


def _balanced(task: str | None) -> Preset:
    change = {LANGUAGE: "it writes much the same", SIMILARITY: "hardly any list changes"}.get(
        task or "", "few changed answers"
    )
    return Preset(
        name="balanced",
        title="Balanced",
        summary=f"8 bits, made for the runtime that is fastest here: much smaller, much faster, {change}.",
        steps=(Quantize(bits=8, aim="balanced"),),
        limits=Limits(max_quality_loss=1.0),
    )


def _fastest(task: str | None) -> Preset:
    what = "write each word" if task == LANGUAGE else "answer one text"
    return Preset(
        name="fastest",
        title="Fastest",
        summary=f"8 bits, chosen to {what} as soon as possible.",
        steps=(Quantize(bits=8, aim="latency"),),
        limits=Limits(max_quality_loss=1.5),
    )


def _faithful(task: str | None) -> Preset:
    what = {LANGUAGE: "words", SIMILARITY: "lists"}.get(task or "", "answers")
    return Preset(
        name="faithful",
        title="Most faithful",
        summary=f"16 bits: half the size, and {what} that hardly ever change.",
        steps=(Quantize(bits=16, aim="balanced"),),
        limits=Limits(max_quality_loss=0.3),
    )


def _smallest(task: str | None, profile: Profile | None) -> Preset:
    if task == LANGUAGE:
        summary = (
            "4 bits, but 8 for the quarter of the layers that matters most: a third smaller than Balanced, "
            "and what it writes does change. It takes no learning."
        )
        steps, loss = (Quantize(bits=4, protected=0.25),), 10.0
    elif task == SIMILARITY:  # half the words cost the reverse dictionary 3.6 points of recall, these 0.6
        shorter = _shorter(profile)
        vectors = ", vectors of a third of the length" if shorter else ""
        index = ", an index of your texts three times" if shorter else ""
        summary = (
            f"Three quarters of the words{vectors}, and 8 bits: somewhat smaller than Balanced{index}. "
            "Rare words are then spelled in pieces."
        )
        steps, loss = (Vocabulary(keep=0.75), *shorter, Quantize(bits=8, aim="balanced")), 5.0
    else:
        summary = "A student with half the layers and narrower ones, then 8 bits: takes some minutes of learning."
        steps = (
            Prune(structure="feed-forward neurons", sparsity=0.25),
            Distill(layers=0.5, minutes=8.0),
            Quantize(bits=8, aim="balanced"),
        )
        loss = 3.0
    return Preset(name="smallest", title="Smallest", summary=summary, steps=steps, limits=Limits(max_quality_loss=loss))


def _shorter(profile: Profile | None) -> tuple[Technique, ...]:
    """Vectors of a third of the length in steps of the slider; none where too little would be left."""
    hidden = profile.hidden if profile is not None else 3 * Pca().dimensions
    dimensions = hidden // 3 // DIMENSIONS_STEP * DIMENSIONS_STEP
    return (Pca(dimensions=min(384, dimensions)),) if dimensions else ()


PRESETS: tuple[Preset, ...] = presets_for(None)
