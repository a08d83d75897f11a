"""Fewer words: tokens that your texts hardly use leave the tokenizer, and their rows the embeddings.

Source: Load What You Need (Abdaoui et al. 2020, arXiv:2010.05609).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from engine.models.parts import Part
from engine.models.profile import Profile
from engine.runtimes import runtime_named
from engine.technique import Estimate, Slider, Technique

if TYPE_CHECKING:
    from engine.context import Context
    from engine.models.model import Model


class Vocabulary(Technique):
    """Keep the tokens that your texts use most."""

    name: ClassVar[str] = "vocabulary"
    title: ClassVar[str] = "Fewer words"
    technical: ClassVar[str] = "vocabulary pruning"
    summary: ClassVar[str] = (
        "Takes tokens out of the tokenizer that your training texts use least, and their rows out of the embeddings, "
        "which are half of a small encoder. Other words are then spelled in smaller pieces. Do not use it where texts "
        "of another kind or language will come."
    )
    source: ClassVar[str] = "Abdaoui et al. 2020, arXiv:2010.05609"

    keep: Annotated[
        float,
        Slider(
            0.05,
            1.0,
            step=0.05,
            unit="%",
            title="Tokens to keep",
            help="The share of the vocabulary that stays: the most used tokens, and the letters to spell the others.",
        ),
    ] = 0.5

    def after(self, profile: Profile) -> Profile:
        """Fewer rows in the embeddings, and in an output head of its own; what must stay may be more."""
        return self.with_tokens(profile, max(1, round(profile.vocabulary * self.keep)))

    def with_tokens(self, profile: Profile, tokens: int) -> Profile:
        """The profile with exactly this many tokens."""
        gone = profile.vocabulary - tokens
        rows = Part(matrices=-gone * profile.hidden, rows=-gone)
        head = profile.head + rows if profile.writes and not profile.tied else profile.head
        return profile.model_copy(
            update={
                "vocabulary": tokens,
                "embeddings": profile.embeddings + rows,
                "head": head,
                "tokenizer_bytes": round(profile.tokenizer_bytes * tokens / profile.vocabulary),
            }
        )

    def estimate(self, profile: Profile) -> Estimate:
        """Size by counting rows; the tokenizer's own file is taken to shrink alike."""
        left = self.after(profile)
        runtime = runtime_named(left.storage.runtime)
        return runtime.estimate(
            left,
            # The words that leave are not as long, on average, as those that stay.
            unsure=0.3 * (profile.tokenizer_bytes - left.tokenizer_bytes) / runtime.stored_bytes(left),
            quality="Only measuring will tell." if self.keep < 1.0 else "Nothing is taken out.",
            line=(
                f"{profile.vocabulary - left.vocabulary:,} of {profile.vocabulary:,} tokens leave: a smaller file; "
                "the layers run as before, on slightly longer texts."
            ),
        )

    def apply(self, model: Model, context: Context) -> Model:
        """Count on training texts, cut, and say what falls out of validation texts."""
        from engine.methods.rewording import reword

        return reword(model, self, context)
