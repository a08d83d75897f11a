"""Shorter embeddings: an embedder's output in fewer dimensions, those that tell most texts apart.

Source: principal component analysis (Pearson 1901); as sentence-transformers' Dense without a bias.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from engine.models.profile import Profile
from engine.runtimes import runtime_named
from engine.technique import Estimate, Slider, Technique

if TYPE_CHECKING:
    from engine.context import Context
    from engine.models.model import Model


class Pca(Technique):
    """Keep the directions in which training texts differ most."""

    name: ClassVar[str] = "pca"
    title: ClassVar[str] = "Shorter embeddings"
    technical: ClassVar[str] = "PCA of the output"
    summary: ClassVar[str] = (
        "Gives every text a shorter vector, so that an index of many texts is smaller and searched faster. The model "
        "itself hardly changes. It costs some recall; do not use it where vectors of the original must stay comparable."
    )
    tasks: ClassVar[tuple[str, ...]] = ("sentence similarity",)
    source: ClassVar[str] = "Pearson 1901; sentence-transformers, dimensionality reduction"

    dimensions: Annotated[
        int,
        Slider(
            32,
            384,
            step=32,
            unit="dimensions",
            title="Dimensions",
            help="How many numbers a text's vector has afterwards. Found on training texts, saved inside the model.",
        ),
    ] = 128

    def refusal(self, profile: Profile) -> str | None:
        """Refused for models that make no embeddings, and where it would not shorten them."""
        if profile.kind != "encoder" or profile.has_head:
            return "Only an embedder's vectors can be shortened; this model gives something else."
        if self.dimensions >= profile.hidden:
            return f"This model's vectors have {profile.hidden} dimensions already; choose fewer than that."
        return None

    def after(self, profile: Profile) -> Profile:
        """One small matrix more, carried beside the weights at 32 bits whatever they are stored in."""
        return profile.model_copy(
            update={"tokenizer_bytes": profile.tokenizer_bytes + 4 * self.dimensions * profile.hidden}
        )

    def estimate(self, profile: Profile) -> Estimate:
        """The size grows by one matrix; what shrinks is every index made with the model."""
        left = self.after(profile)
        times = profile.hidden / self.dimensions
        return runtime_named(left.storage.runtime).estimate(
            left,
            line=(
                f"Vectors of {self.dimensions} numbers for {profile.hidden}: an index of them is {times:.1f}× smaller. "
                "Same model, same speed."
            ),
        )

    def apply(self, model: Model, context: Context) -> Model:
        """Fit on training texts and add the projection to the model's modules."""
        from engine.methods.shortening import shorten

        return shorten(model, self, context)
