"""Learning from your data: to win back quality after other steps, or to suit the model to its field.

LoRA (Hu et al. 2021, arXiv:2106.09685) learns two thin matrices beside each wide one and adds them
in before the folder is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from engine.models.profile import Profile
from engine.runtimes import runtime_named
from engine.technique import Estimate, Options, Slider, Technique, Toggle

if TYPE_CHECKING:
    from engine.context import Context
    from engine.models.model import Model


class FineTune(Technique):
    """Train on your texts."""

    name: ClassVar[str] = "fine_tune"
    title: ClassVar[str] = "Learning from your data"
    technical: ClassVar[str] = "fine-tuning, LoRA"
    summary: ClassVar[str] = (
        "Trains the model on your texts: after other steps it wins quality back, alone it suits the model to your "
        "field. It makes nothing smaller or faster, and it needs time; with few texts it learns them by heart."
    )
    source: ClassVar[str] = "LoRA, arXiv:2106.09685; AdamW, arXiv:1711.05101"

    minutes: Annotated[
        float,
        Slider(
            0.1,
            720.0,
            step=0.5,
            unit="min",
            title="Time to learn",
            help="Training stops when this time is up; the best model seen on validation data is kept.",
        ),
    ] = 5.0
    adapt: Annotated[
        Literal["every weight", "LoRA"],
        Options(
            {"every weight": "all weights", "LoRA": "thin additions (LoRA)"},
            title="What learns",
            help="All weights learn most. Thin additions need far less memory and forget less of what was known; "
            "they are added in at the end.",
        ),
    ] = "every weight"
    rank: Annotated[
        int,
        Slider(
            2, 128, step=2, title="Rank of the additions", more=True, help="LoRA only: how much the additions can hold."
        ),
    ] = 16
    learning_rate: Annotated[
        float,
        Slider(1e-6, 5e-3, step=1e-6, title="Learning rate", help="Step size. LoRA bears ten times more.", more=True),
    ] = 5e-5
    batch_size: Annotated[
        int,
        Slider(1, 128, step=1, title="Texts in a batch", more=True, help="Fewer need less memory."),
    ] = 16
    accumulation: Annotated[
        int,
        Slider(
            1,
            64,
            step=1,
            title="Batches a step",
            more=True,
            help="Gradients of so many batches are added up before "
            "each step: the effect of larger batches in the memory of small ones.",
        ),
    ] = 1
    epochs: Annotated[
        int,
        Slider(1, 200, step=1, unit="times", title="Epochs at most", more=True, help="The most times all is read."),
    ] = 10
    weight_decay: Annotated[
        float,
        Slider(
            0.0,
            0.3,
            step=0.01,
            title="Weight decay",
            more=True,
            help="Pulls weights towards zero.",
        ),
    ] = 0.01
    dropout: Annotated[
        float,
        Slider(
            0.0,
            0.5,
            step=0.05,
            title="Dropout",
            more=True,
            help="Share of inner values left out at random.",
        ),
    ] = 0.1
    warm_up: Annotated[
        float,
        Slider(0.0, 0.5, step=0.01, title="Warm-up", more=True, help="Share of the time in which the step size rises."),
    ] = 0.1
    patience: Annotated[
        int,
        Slider(
            0,
            8,
            step=1,
            title="Patience",
            more=True,
            help="Ends early after so many looks at validation data (of eight) without a gain. 0: never early.",
        ),
    ] = 3
    checkpointing: Annotated[
        bool,
        Toggle(
            "Save memory",
            "Computes inner values twice, not keeping them: a third slower.",
            more=True,
        ),
    ] = False
    mixed_precision: Annotated[
        bool,
        Toggle("Compute in 16 bits", "Where this machine does so in hardware: about twice as fast.", more=True),
    ] = True

    def after(self, profile: Profile) -> Profile:
        """The same parts."""
        return profile

    def estimate(self, profile: Profile) -> Estimate:
        """Same size, same speed: only the numbers change."""
        line = f"Learns for {self.minutes:g} min on your texts. It makes nothing smaller or faster."
        return runtime_named(profile.storage.runtime).estimate(profile, line=line)

    def apply(self, model: Model, context: Context) -> Model:
        """Train, from the last checkpoint where there is one."""
        from engine.methods.tuning import tune

        return tune(model, self, context)
