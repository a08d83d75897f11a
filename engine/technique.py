"""What a technique is: a frozen set of fields that can foretell its effect and be applied to a model.

Everything that needs to know a technique reads this one declaration: validation (pydantic), the
window's form (`controls`), the command line's help and the prediction on the card (`estimate`).
This module and the fields of every technique are light: importing them brings in no torch.
"""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_type_hints

from annotated_types import Ge, GroupedMetadata, Le
from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from pathlib import Path

    from engine.context import Context
    from engine.models.metering import Tell
    from engine.models.model import Model
    from engine.models.profile import Profile
    from engine.tasks.base import Task

UNKNOWN_SIZE = 0.9
"""How far a size may be off (relative) of which it is only known that it will be no larger: no figure to show."""

Certainty = Literal["exact", "estimated", "only measuring will tell"]


class Frozen(BaseModel):
    """A value: frozen, no unknown keys; an edit makes a new one (`model_copy(update=...)`)."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Control(GroupedMetadata):
    """How one field is shown: plain title, help for the tooltip, and whether it hides under "More…"."""

    def __init__(self, title: str, help: str, *, more: bool = False) -> None:
        self.title, self.help, self.more = title, help, more

    def __iter__(self) -> Iterator[object]:
        return iter(())


class Slider(Control):
    """A number between `low` and `high` (both included), moved in steps of `step`, in `unit`."""

    def __init__(
        self, low: float, high: float, *, step: float, title: str, help: str, unit: str = "", more: bool = False
    ) -> None:
        super().__init__(title, help, more=more)
        self.low, self.high, self.step, self.unit = low, high, step, unit

    def __iter__(self) -> Iterator[object]:
        yield Ge(self.low)
        yield Le(self.high)


class Options(Control):
    """One of a few named values (the field's type is a `Literal`); `labels` says each in plain words."""

    def __init__(self, labels: dict[Any, str], *, title: str, help: str, more: bool = False) -> None:
        super().__init__(title, help, more=more)
        self.labels = labels


class Toggle(Control):
    """A switch (the field's type is `bool`)."""


class ModelName(Control):
    """A model: starter:NAME, a folder, or a name on the Hub (the field's type is `str`; "" is none)."""


class Forecast(Frozen):
    """A range of "how many times as fast as the original", and what that is based on."""

    low: float
    high: float
    certainty: Certainty
    basis: str


class Estimate(Frozen):
    """What a card says before anything moves.

    `size_bytes` is the whole folder after this step, right to `size_error` (relative).
    `line` is the honest sentence under the sliders; `quality` what can be said of quality.
    """

    size_bytes: int
    size_error: float
    speed: Forecast
    quality: str
    line: str
    loads_plainly: bool


class Technique(Frozen):
    """One way to make a model smaller or faster. One file in `engine.techniques`, one line in its registry."""

    name: ClassVar[str]
    """The key in a recipe, e.g. "quantize"."""
    title: ClassVar[str]
    """Plain words for the card, e.g. "Smaller numbers"."""
    technical: ClassVar[str]
    """The field's own term, shown beside the title."""
    summary: ClassVar[str]
    """What it does, what it costs and when not to use it, for the card's tooltip."""
    source: ClassVar[str]
    """Where the method comes from."""
    last: ClassVar[bool] = False
    """Whether no other technique may follow (it decides how the weights are written)."""
    not_after: ClassVar[dict[str, str]] = {}
    """Steps that must not come before it, each with the reason."""
    tasks: ClassVar[tuple[str, ...]] = ()
    """The tasks that it is for; none named is for all."""
    prepares: ClassVar[bool] = False
    """Whether it makes the original (it runs before the baseline is measured)."""

    @classmethod
    @functools.cache
    def controls(cls) -> dict[str, Control]:
        """Field name → its control, in the order in which they are declared."""
        found: dict[str, Control] = {}
        for field_name in cls.model_fields:
            found[field_name] = next(c for c in _declared(cls, field_name) if isinstance(c, Control))
        return found

    def refusal(self, profile: Profile) -> str | None:
        """Why this model cannot take this technique as set (one sentence), or None."""
        return None

    def misfit(self, folder: Path, task: Task) -> str | None:
        """Why the model in `folder` cannot take it for `task`, where only its files tell; never asks a network."""
        return None

    def unfit_after(self, before: Technique) -> str | None:
        """Why it cannot come after that step, or None."""
        why = self.not_after.get(before.name)
        return why and f"'{self.name}' must come before '{before.name}': {why}"

    def idle(self) -> tuple[str, ...]:
        """Fields that say nothing while the others are as they are: they are not told of a run."""
        return ()

    def fetch(self, tell: Tell) -> tuple[str, ...]:
        """Bring here what it needs besides model and data; sentences for the log. Raises `Refused`.

        `tell` hears how far a download is, and ends it by raising `Cancelled`.
        """
        return ()

    @abstractmethod
    def after(self, profile: Profile) -> Profile:
        """The profile of the model once this technique was applied: what is left, how it is stored."""

    @abstractmethod
    def estimate(self, profile: Profile) -> Estimate:
        """What applying it to a model of this profile will do. Pure arithmetic, in microseconds."""

    @abstractmethod
    def apply(self, model: Model, context: Context) -> Model:
        """The changed model (`model` itself may be used up). Raises `Refused` with a sentence."""


def _declared(cls: type[BaseModel], field_name: str) -> tuple[object, ...]:
    """The Annotated metadata as written (pydantic unpacks grouped metadata in `model_fields`)."""
    hints = get_type_hints(cls, include_extras=True)
    return getattr(hints[field_name], "__metadata__", ())
