"""A student that copies a teacher: fewer layers, narrower ones or another model, which learns to answer as it does.

The student begins as a copy of evenly spaced layers (DistilBERT, arXiv:1910.01108) and of the hidden
channels, heads and neurons that matter most (Minitron, arXiv:2407.14679), or as a smaller model with
the same tokenizer. It learns the teacher's logits softened by a temperature (Hinton et al. 2015,
arXiv:1503.02531) and its hidden states at matching depths (TinyBERT, arXiv:1909.10351), and then the labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import field_validator

from engine.models import students
from engine.models.profile import Profile
from engine.runtimes import runtime_named
from engine.technique import Estimate, Forecast, ModelName, Slider, Technique

if TYPE_CHECKING:
    from pathlib import Path

    from engine.context import Context
    from engine.models.metering import Tell
    from engine.models.model import Model
    from engine.tasks.base import Task


class Distill(Technique):
    """Train a smaller student on the original's answers."""

    name: ClassVar[str] = "distill"
    title: ClassVar[str] = "A student that copies a teacher"
    technical: ClassVar[str] = "distillation"
    summary: ClassVar[str] = (
        "Makes a student with fewer layers or narrower ones, or takes a smaller model, and trains it to answer as the "
        "original does. Half the layers run about twice as fast. It needs training texts and some minutes; "
        "with very little data it costs more quality than it is worth."
    )
    source: ClassVar[str] = (
        "Hinton et al. 2015, arXiv:1503.02531; DistilBERT, arXiv:1910.01108; TinyBERT, arXiv:1909.10351; "
        "Minitron, arXiv:2407.14679"
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
    width: Annotated[
        float,
        Slider(
            0.25,
            1.0,
            step=0.05,
            unit="%",
            title="Width kept",
            help="The student's hidden channels, attention heads and neurons, as a share of the model's. Half the "
            "width is a quarter of each layer, and needs far more time to learn than half the layers.",
            more=True,
        ),
    ] = 1.0
    student: Annotated[
        str,
        ModelName(
            "Another student",
            "A smaller model with the same tokenizer: starter:NAME, a folder or a name on the Hub. "
            "Empty: the student is made of the model's own layers.",
            more=True,
        ),
    ] = ""
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

    @field_validator("student")
    @classmethod
    def _bare(cls, value: str) -> str:
        return value.strip()

    def student_layers(self, teacher_layers: int) -> int:
        """How many of its own layers a student keeps: the nearest count, at least one."""
        return max(1, min(teacher_layers, round(teacher_layers * self.layers)))

    def refusal(self, profile: Profile) -> str | None:
        """Refused where config.json could not say a smaller width, and for a student known to be the wrong one."""
        if self.student:
            found = students.known_profile(self.student)
            return found and students.misfit(profile, found)
        if self.width < 1.0 and profile.uneven:
            return (
                "The width of a model with fewer attention heads or thinner layers cannot be cut: config.json has no "
                "word for what is left. Keep all of its width, or take that step out."
            )
        return None

    def misfit(self, folder: Path, task: Task) -> str | None:
        """Refused for another tokenizer, and where a dense layer behind the model has the original's width."""
        from engine.models.same_tokenizer import difference
        from engine.tasks.pooling import read_pooling

        known = students.known_folder(self.student) if self.student else None
        if known and (what := difference(folder, known)):
            return (
                f"The student reads texts with another tokenizer than the original: the {what} differs. "
                "Choose a student with the same tokenizer."
            )
        if (self.student or self.width < 1.0) and task.name == "sentence similarity" and read_pooling(folder).dense:
            return (
                "The original passes its vectors through a dense layer made for its own width, which a narrower "
                "student could not use. Keep all of its width."
            )
        return None

    def unfit_after(self, before: Technique) -> str | None:
        """Another student takes the place of whatever was changed before; PCA's matrix fits one width alone."""
        if self.student and not before.prepares:
            return (
                f"'{before.name}' changes a model whose place 'distill' then gives to another ('{self.student}'): "
                f"put '{before.name}' after 'distill', or take it out"
            )
        if self.width < 1.0 and before.name == "pca":
            return "'distill' must come before 'pca': shorter embeddings are found for one width of the model"
        return super().unfit_after(before)

    def idle(self) -> tuple[str, ...]:
        """Another student has the layers and the width that it has."""
        return ("layers", "width") if self.student else ()

    def fetch(self, tell: Tell) -> tuple[str, ...]:
        """Another student, where one is named."""
        return students.fetch(self.student, tell).notes if self.student else ()

    def after(self, profile: Profile) -> Profile:
        """Fewer layers, narrower ones, or another student; where that is not here yet, no larger than the model was."""
        if not self.student:
            return profile.with_layers(self.student_layers(profile.layers)).with_width(self.width)
        found = students.known_profile(self.student)
        if found is None or students.misfit(profile, found):
            return profile.model_copy(update={"unknown": True})
        return students.in_place_of(profile, found)

    def estimate(self, profile: Profile) -> Estimate:
        """Size by counting what stays; speed by the work that is left."""
        left = self.after(profile)
        runtime, learns = runtime_named(left.storage.runtime), f"learns for {self.minutes:g} min on your texts."
        if not self.student:
            whole = self.width < 1.0 and left.hidden == profile.hidden
            all_of_it = " (all of its width: config.json can say none that is near)" if whole else ""
            return runtime.estimate(left, line=f"{_stays(profile, left)}{all_of_it}; {learns}")
        if not left.unknown:
            line = (
                f"{self.student} takes this model's place, with {left.layers} layers of {left.hidden:,} channels "
                f"(layers and width kept do not count); {learns}"
            )
            return runtime.estimate(left, line=line)
        ahead = runtime.forecast(profile)
        speed = Forecast(
            low=ahead.low,
            high=ahead.high,
            certainty="only measuring will tell",
            basis="the student is not on this computer yet; a smaller model is seldom slower",
        )
        line = (
            f"{self.student} takes this model's place: its size is known once it is fetched "
            f"(layers and width kept do not count); {learns}"
        )
        return runtime.estimate(left, line=line, speed=speed)

    def apply(self, model: Model, context: Context) -> Model:
        """Make the student, then let it learn from the original until the time is up."""
        from engine.methods.teaching import teach

        return teach(model, self, context)


def _stays(before: Profile, left: Profile) -> str:
    parts = [f"{left.layers} of {before.layers} layers"]
    if left.hidden < before.hidden:
        parts += [
            f"{left.hidden:,} of {before.hidden:,} channels",
            f"{left.heads} of {before.heads} heads",
            f"{left.feed_forward_width:,} of {before.feed_forward_width:,} neurons",
        ]
    return _listed(parts) + " stay"


def _listed(parts: list[str]) -> str:
    *others, last = parts
    return f"{', '.join(others)} and {last}" if others else last
