"""Thinner layers: two thin matrices in place of a wide one, where your texts need no more.

Source: activation-whitened SVD (SVD-LLM, Wang et al. 2024, arXiv:2403.07378).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar

from engine.models.parts import Part
from engine.models.profile import Profile
from engine.runtimes import runtime_named
from engine.technique import Estimate, Slider, Technique

if TYPE_CHECKING:
    from engine.context import Context
    from engine.models.model import Model

SHARES = ((0.9, 0.13), (0.95, 0.25), (0.97, 0.37), (0.98, 0.47), (0.99, 0.65), (0.995, 0.79), (0.999, 0.97), (1.0, 1.0))
"""(energy, share of the layers' weights that is left) as measured on MiniLM-L6; other models differ."""
SHARE_ERROR = 0.5
"""Of the layers' weights: other models were seen to differ by up to 34 %."""


class LowRank(Technique):
    """Two thin layers for a wide one."""

    name: ClassVar[str] = "low_rank"
    title: ClassVar[str] = "Thinner layers"
    technical: ClassVar[str] = "low-rank factorization"
    summary: ClassVar[str] = (
        "Puts two thin matrices in place of each wide one, keeping what matters for your texts. Smaller and faster for "
        "real. It costs quality quickly, so leave time for recovery; do not use it where the folder must load with "
        "plain from_pretrained."
    )
    source: ClassVar[str] = "SVD-LLM, arXiv:2403.07378"

    energy: Annotated[
        float,
        Slider(
            0.9,
            1.0,
            step=0.005,
            unit="%",
            title="Energy kept",
            help="The share of each layer's squared output that is kept on your texts. Below 99 % quality falls fast.",
        ),
    ] = 0.99
    calibration_texts: Annotated[
        int,
        Slider(
            16,
            1024,
            step=16,
            unit="texts",
            title="Calibration texts",
            more=True,
            help="How many training texts are read to learn what reaches each layer.",
        ),
    ] = 128

    def after(self, profile: Profile) -> Profile:
        """About as many weights as this energy left elsewhere; how many is known once the weights were looked at."""
        share = _share_at(self.energy)
        if share == 1.0:
            return profile
        parts = {"attention": profile.attention, "feed_forward": profile.feed_forward}
        return profile.as_uneven().model_copy(update={name: _thinned(part, share) for name, part in parts.items()})

    def estimate(self, profile: Profile) -> Estimate:
        """A guess at the size, and so at the speed: both depend on the weights."""
        left = self.after(profile)
        runtime = runtime_named(left.storage.runtime)
        if left == profile:
            return runtime.estimate(left, line="Every matrix stays as it is.", quality="Nothing is taken out.")
        factored = 4 * (profile.attention.matrices + profile.feed_forward.matrices)
        return runtime.estimate(
            left,
            unsure=SHARE_ERROR * factored / runtime.stored_bytes(left),
            line=f"About {_share_at(self.energy):.0%} of the layers' weights stay. "
            "Loads through ONNX or OpenVINO, not with plain from_pretrained.",
        )

    def apply(self, model: Model, context: Context) -> Model:
        """Look at what reaches each layer, and factor it."""
        from engine.methods.factoring import factor

        return factor(model, self, context)


def _share_at(energy: float) -> float:
    """Between the measured points, in straight lines."""
    for (low, less), (high, more) in pairwise(SHARES):
        if energy <= high:
            return less + (more - less) * (energy - low) / (high - low)
    return 1.0


def _thinned(part: Part, share: float) -> Part:
    """`share` of a part's matrices, each of them now two; about a hundred rows a matrix come between."""
    between = 128 * part.matrix_tensors
    return part + Part(
        matrices=round(part.matrices * share) - part.matrices,
        rows=between,
        tensors=part.matrix_tensors,
        matrix_tensors=part.matrix_tensors,
    )
