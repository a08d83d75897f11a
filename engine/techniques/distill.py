"""A student that copies a teacher: fewer layers, trained to give the original's answers.

The student begins as a copy of evenly spaced layers (DistilBERT, arXiv:1910.01108). It learns the
teacher's logits softened by a temperature (Hinton et al. 2015, arXiv:1503.02531) and its hidden
states at matching depths (TinyBERT, arXiv:1909.10351), and then the labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from engine.models.profile import Profile
from engine.runtimes import runtime_named
from engine.technique import Estimate, Slider, Technique

if TYPE_CHECKING:
    from engine.context import Context
    from engine.models.model import Model


class Distill(Technique):
    """Train a smaller student on the original's answers."""

    name: ClassVar[str] = "distill"
    title: ClassVar[str] = "A student that copies a teacher"
    technical: ClassVar[str] = "distillation"
    summary: ClassVar[str] = (
        "Makes a student with fewer layers and trains it to answer as the original does. "
        "Half the layers run about twice as fast. It needs training texts and some minutes; "
        "with very little data it costs more quality than it is worth."
    )
    source: ClassVar[str] = (
        "Hinton et al. 2015, arXiv:1503.02531; DistilBERT, arXiv:1910.01108; TinyBERT, arXiv:1909.10351"
    )

    not_after: ClassVar[dict[str, str]] = {
        "vocabulary": "its student would read other words than its teacher",
        "low_rank": "layers that were made of two cannot be copied",
    }

    layers: Annotated[
        float,
        Slider(
            0.1, 1.0, step=0.05, unit="%", title="Layers kept", help="The student's layers, as a share of the model's."
        ),
    ] = 0.5
    minutes: Annotated[
        float,
        Slider(
            0.1,
            240.0,
            step=0.5,
            unit="min",
            title="Time to learn",
            help="Training stops when this time is up; the best student seen on validation data is kept.",
        ),
    ] = 5.0
    temperature: Annotated[
        float,
        Slider(
            1.0,
            10.0,
            step=0.5,
            title="Temperature",
            help="Higher lets the student see the teacher's second thoughts.",
            more=True,
        ),
    ] = 2.0
    hidden_weight: Annotated[
        float,
        Slider(
            0.0,
            10.0,
            step=0.1,
            title="Weight of hidden states",
            help="How much the student copies the teacher's inner states.",
            more=True,
        ),
    ] = 1.0
    label_share: Annotated[
        float,
        Slider(
            0.0,
            1.0,
            step=0.05,
            unit="%",
            title="Time on labels",
            help="The last share of the time, spent on the labels as well.",
            more=True,
        ),
    ] = 0.3
    epochs: Annotated[
        int,
        Slider(
            1,
            200,
            step=1,
            unit="times",
            title="Epochs at most",
            more=True,
            help="The most times that the training texts are read; training may end earlier by its time.",
        ),
    ] = 30
    learning_rate: Annotated[
        float, Slider(1e-6, 1e-3, step=1e-6, title="Learning rate", help="Step size of the training.", more=True)
    ] = 1e-4

    def student_layers(self, teacher_layers: int) -> int:
        """How many layers the student has: the nearest count, at least one."""
        return max(1, min(teacher_layers, round(teacher_layers * self.layers)))

    def after(self, profile: Profile) -> Profile:
        """The same model with fewer layers."""
        return profile.with_layers(self.student_layers(profile.layers))

    def estimate(self, profile: Profile) -> Estimate:
        """Size by counting the layers that stay; speed by the work that is left."""
        left = self.after(profile)
        line = f"{left.layers} of {profile.layers} layers stay; learns for {self.minutes:g} min on your texts."
        return runtime_named(left.storage.runtime).estimate(left, line=line)

    def apply(self, model: Model, context: Context) -> Model:
        """Copy the layers, then learn from the original until the time is up."""
        from engine.methods.teaching import teach

        return teach(model, self, context)
