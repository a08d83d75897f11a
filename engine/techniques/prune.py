"""Fewer connections: single weights set to zero, or whole neurons, heads or layers taken out.

Importance comes from data: the first-order Taylor term |weight × gradient| (Molchanov et al. 2019,
arXiv:1906.10771), or activation × weight (Wanda, arXiv:2306.11695); layers by how little they change
the stream (ShortGPT's block influence, arXiv:2403.03853).
SparseGPT (arXiv:2301.00774) lets the weights that stay make up for those that go; magnitude is offered for
comparison, and 2:4 for graphics cards that have kernels for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import field_validator

from engine.models.families import family_of
from engine.models.profile import Profile
from engine.runtimes import runtime_named
from engine.technique import Estimate, Options, Slider, Technique

if TYPE_CHECKING:
    from engine.context import Context
    from engine.models.model import Model

Structure = Literal["weights", "feed-forward neurons", "attention heads", "layers"]


class Prune(Technique):
    """Remove what matters least."""

    name: ClassVar[str] = "prune"
    title: ClassVar[str] = "Fewer connections"
    technical: ClassVar[str] = "pruning"
    summary: ClassVar[str] = (
        "Takes out the parts of the model that matter least for your data. Whole neurons, heads or layers make the "
        "file smaller and the model faster; single weights become zeros, which shrink nothing here. "
        "It costs quality, so leave time for recovery; do not use it where no loss can be borne."
    )
    source: ClassVar[str] = "Molchanov et al. 2019, arXiv:1906.10771; Wanda, arXiv:2306.11695"

    not_after: ClassVar[dict[str, str]] = {"low_rank": "what was made of two layers cannot be cut"}

    structure: Annotated[
        Structure,
        Options(
            {
                "feed-forward neurons": "feed-forward neurons",
                "attention heads": "attention heads",
                "layers": "whole layers",
                "weights": "single weights (zeros)",
            },
            title="What to take out",
            help="Neurons, heads and layers are really removed: a smaller, faster model. Zeros change neither.",
        ),
    ] = "feed-forward neurons"
    sparsity: Annotated[
        float,
        Slider(
            0.0,
            0.9,
            step=0.05,
            unit="%",
            title="How much",
            help="The share that is taken out, the least important first.",
        ),
    ] = 0.25
    recovery_minutes: Annotated[
        float,
        Slider(
            0.0,
            120.0,
            step=0.5,
            unit="min",
            title="Recovery",
            help="Minutes of training on your data afterwards, to win back quality. 0 is none.",
        ),
    ] = 0.0
    importance: Annotated[
        Literal["gradient", "activation", "magnitude", "sparsegpt", "magnitude over all layers"],
        Options(
            {
                "gradient": "gradient × weight",
                "activation": "activation × weight (Wanda)",
                "magnitude": "size of the weight alone",
                "sparsegpt": "what the others can make up for (SparseGPT)",
                "magnitude over all layers": "size of the weight among all layers",
            },
            title="Judged by",
            help="How importance is found. Gradient and activation look at your data; magnitude does not.",
            more=True,
        ),
    ] = "gradient"
    pattern: Annotated[
        Literal["any", "2:4"],
        Options(
            {"any": "wherever they are", "2:4": "two of every four (2:4)"},
            title="Which weights",
            help="Single weights only. 2:4 is what some graphics cards have kernels for; then half become zeros.",
            more=True,
        ),
    ] = "any"
    recovery_epochs: Annotated[
        int,
        Slider(
            1,
            200,
            step=1,
            unit="times",
            title="Epochs at most",
            more=True,
            help="The most times that recovery reads the training texts.",
        ),
    ] = 30
    learning_rate: Annotated[
        float,
        Slider(1e-6, 1e-3, step=1e-6, title="Learning rate", help="Step size of the recovery training.", more=True),
    ] = 5e-5

    @field_validator("structure", mode="before")
    @classmethod
    def _spelling(cls, value: Any) -> Any:
        """ "feed_forward_neurons" is the same thing as "feed-forward neurons"."""
        if not isinstance(value, str):
            return value
        return value.strip().lower().replace("_", " ").replace("feed forward", "feed-forward")

    def kept(self, total: int) -> int:
        """How many of `total` equal pieces stay: the nearest count, at least one."""
        return max(1, round(total * (1.0 - self.sparsity)))

    def refusal(self, profile: Profile) -> str | None:
        """Refused where whole pieces are to be judged by what only tells single weights apart."""
        if self.structure == "weights":
            return None
        if self.importance in ("sparsegpt", "magnitude over all layers") or self.pattern == "2:4":
            return (
                "SparseGPT, magnitude over all layers and 2:4 are ways to choose single weights. "
                f"Choose another way to judge {self.structure}, or take out single weights."
            )
        return None

    def idle(self) -> tuple[str, ...]:
        """With a pattern the share is half, whatever the slider says."""
        return ("sparsity",) if self.structure == "weights" and self.pattern == "2:4" else ()

    @property
    def zeros(self) -> float:
        """The share of the layers' weights that become zeros, where single weights are taken."""
        return 0.5 if self.pattern == "2:4" and self.sparsity else self.sparsity

    def after(self, profile: Profile) -> Profile:
        """What is left, part by part."""
        if self.structure == "weights":
            return profile.model_copy(update={"zeros": self.zeros})
        if self.structure == "layers":
            return profile.with_layers(self.kept(profile.layers))
        if self.structure == "attention heads":
            return self._fewer_heads(profile)
        width = self.kept(profile.feed_forward_width)
        part = profile.feed_forward.narrowed(width, profile.feed_forward_width)
        return profile.model_copy(update={"feed_forward_width": width, "feed_forward": part})

    def estimate(self, profile: Profile) -> Estimate:
        """Size by counting what is left; speed by the work that is left."""
        left = self.after(profile)
        quality = "Only measuring will tell." if self.sparsity else "Nothing is taken out."
        return runtime_named(left.storage.runtime).estimate(left, line=self._line(profile, left), quality=quality)

    def apply(self, model: Model, context: Context) -> Model:
        """Judge, remove, and train to recover if asked."""
        from engine.methods.removal import prune

        return prune(model, self, context)

    def _fewer_heads(self, profile: Profile) -> Profile:
        """Whole groups of heads leave where queries are grouped; config.json cannot say every count."""
        groups = self.kept(profile.head_groups)
        heads = profile.heads // profile.head_groups * groups
        if heads == profile.heads:
            return profile
        family = family_of(profile.model_type)
        if not family.says_heads(heads, profile.hidden):
            profile = profile.as_uneven()
        return profile.model_copy(
            update={
                "heads": heads,
                "kv_heads": groups,
                "head_size": profile.head_size or profile.hidden // profile.heads,
                "attention": profile.attention.narrowed(groups, profile.head_groups),
            }
        )

    def _line(self, before: Profile, left: Profile) -> str:
        if self.structure == "weights":
            return f"{self.zeros:.0%} of the layers' weights become zeros only: same file, same speed here."
        if self.structure == "layers":
            return f"{before.layers - left.layers} of {before.layers} layers leave: smaller and faster for real."
        if self.structure == "attention heads":
            return _heads_line(before, left)
        gone = before.feed_forward_width - left.feed_forward_width
        return f"{gone:,} of {before.feed_forward_width:,} neurons leave in every layer: smaller and faster for real."


def _heads_line(before: Profile, left: Profile) -> str:
    gone, groups = before.heads - left.heads, before.head_groups
    if not gone and groups < before.heads:
        return f"No head leaves: they share keys and values in {groups} groups, which can only leave whole."
    text = f"{gone} of {before.heads} heads leave in every layer"
    if groups < before.heads:
        text += f", as {groups - left.head_groups} of {groups} groups that share keys and values"
    if left.loads_plainly:
        return text + "."
    text += ". Loads through ONNX or OpenVINO, not with plain from_pretrained"
    if family_of(before.model_type).head_size_in_config:
        text += f": {before.family}'s config takes only a number of heads that divides {before.hidden:,}"
    return text + "."
