"""A new classification head for a model that has none, trained on the data's labels.

It makes the *original* that later steps are compared with, so it runs before the baseline is
measured. Source: the usual fine-tuning of BERT (Devlin et al. 2019, arXiv:1810.04805), and of GPT for
the last token (Radford et al. 2018): a text generator's output head gives way to the new one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from engine.models.profile import Profile
from engine.runtimes import runtime_named
from engine.technique import Estimate, Forecast, Slider, Technique, Toggle

if TYPE_CHECKING:
    from engine.context import Context
    from engine.models.model import Model


class TrainHead(Technique):
    """Teach a model without a classification head to choose among the labels of the data."""

    name: ClassVar[str] = "train_head"
    title: ClassVar[str] = "Teach it your labels"
    technical: ClassVar[str] = "fine-tune a classification head"
    summary: ClassVar[str] = (
        "Adds a layer that chooses among your labels and trains it on your training texts. Needed only for a model "
        "that cannot classify yet; a text generator then no longer writes. What it learns becomes the original that "
        "everything is compared with."
    )
    source: ClassVar[str] = "Devlin et al. 2019, arXiv:1810.04805"
    prepares: ClassVar[bool] = True
    tasks: ClassVar[tuple[str, ...]] = ("classification",)

    minutes: Annotated[
        float,
        Slider(0.1, 240.0, step=0.5, unit="min", title="Time to learn", help="Training stops when this time is up."),
    ] = 5.0
    whole_model: Annotated[
        bool,
        Toggle(
            "Train the whole model", "On: better answers. Off: only the new layer learns, which is faster and weaker."
        ),
    ] = True
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
        float, Slider(1e-6, 1e-2, step=1e-6, title="Learning rate", help="Step size of the training.", more=True)
    ] = 1e-4

    def after(self, profile: Profile) -> Profile:
        """The same model with a head; as many labels as it knows, or two."""
        return profile if profile.has_head else profile.with_head(profile.labels)

    def estimate(self, profile: Profile) -> Estimate:
        """The size hardly changes; the quality is what the training data teach."""
        left = self.after(profile)
        return runtime_named(left.storage.runtime).estimate(
            left,
            line=f"A new layer chooses among your labels, trained for {self.minutes:g} min. It makes nothing smaller.",
            speed=Forecast(low=1.0, high=1.0, certainty="exact", basis="the same layers run"),
        )

    def apply(self, model: Model, context: Context) -> Model:
        """Train the head (and the body, if asked) on the training split."""
        from engine.training import Budget, train

        if not self.whole_model:
            model.network.get_submodule(model.family.body).requires_grad_(False)
        budget = Budget(self.minutes, self.epochs, self.learning_rate)
        best = train(model.network, context.task.loss, context.task.encoder(model.folder), context, budget)
        model.network.requires_grad_(True)
        context.note(f"The new head on validation texts: {best.in_words}.")
        return model.with_profile(self.after(model.profile))
