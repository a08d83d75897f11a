"""The ordered registry of techniques: the order of the cards, from top to bottom.

A new technique is one file here, one line in `TECHNIQUES` and one row in the contract test.
"""

from __future__ import annotations

from engine.models.profile import Profile
from engine.technique import Estimate, Technique
from engine.techniques.distill import Distill
from engine.techniques.fine_tune import FineTune
from engine.techniques.low_rank import LowRank
from engine.techniques.pca import Pca
from engine.techniques.prune import Prune
from engine.techniques.quantize import Quantize
from engine.techniques.train_head import TrainHead
from engine.techniques.vocabulary import Vocabulary

TECHNIQUES: tuple[type[Technique], ...] = (TrainHead, Prune, Distill, LowRank, Vocabulary, FineTune, Pca, Quantize)


def technique_named(name: str) -> type[Technique] | None:
    """The technique of a recipe's key, or None if there is none of that name."""
    return next((technique for technique in TECHNIQUES if technique.name == name), None)


def estimates(steps: tuple[Technique, ...], profile: Profile) -> list[Estimate]:
    """What each step will leave, one after the other: the last one is the whole recipe's."""
    found: list[Estimate] = []
    for step in steps:
        found.append(step.estimate(profile))
        profile = step.after(profile)
    return found
