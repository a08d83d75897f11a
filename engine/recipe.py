"""A recipe: what to do to which model, on which data, within which limits. Frozen; YAML in and out.

    model: starter:kinds-minilm          # or a folder, or a Hub id
    data: starter:kinds                  # or a file, or {path: ..., text: ..., label: ...}
    steps:
      - prune: {structure: feed-forward neurons, sparsity: 0.25}
      - quantize: {bits: 8, aim: balanced}
    limits: {max_quality_loss: 1.0, max_size_mb: 30, time_minutes: 20}
    seed: 0

`max_quality_loss` is in points (1.0 is one percent of accuracy). Recipes come from strangers: they
are read with YAML's safe loader and cannot run code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, SerializeAsAny, ValidationError, field_serializer, field_validator, model_validator

from engine.errors import Refused
from engine.technique import Frozen, Slider, Technique
from engine.techniques import TECHNIQUES, technique_named

LARGEST_RECIPE = 1_000_000


class DataSource(Frozen):
    """Where data comes from; `text` and `label` name the columns, or are found when left out."""

    path: str = Field(min_length=1)
    text: str | None = None
    label: str | None = None


class Limits(Frozen):
    """What must not happen; None is "no limit"."""

    max_quality_loss: Annotated[
        float | None,
        Slider(
            0.0,
            100.0,
            step=0.1,
            unit="points",
            title="Quality floor",
            help="Stop when quality falls by more than this.",
        ),
    ] = None
    max_size_mb: Annotated[
        float | None,
        Slider(
            0.1, 1_000_000, step=1, unit="MB", title="Largest size", help="Fail when the folder is larger than this."
        ),
    ] = None
    time_minutes: Annotated[
        float | None,
        Slider(
            0.1, 10_000, step=1, unit="min", title="Time budget", help="Stop training when the run has taken this long."
        ),
    ] = None


class Recipe(Frozen):
    """One job. `recipe.model_copy(update={...})` makes an edited one."""

    model: str = Field(default="starter:kinds-minilm", min_length=1)
    data: str | DataSource = Field(default="starter:kinds", min_length=1)
    steps: tuple[SerializeAsAny[Technique], ...] = ()
    limits: Limits = Limits()
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    trust_remote_code: str | None = None
    """The name of the model whose own code may run; must equal `model` exactly to count."""

    @property
    def source(self) -> DataSource:
        """`data` in its long form."""
        return self.data if isinstance(self.data, DataSource) else DataSource(path=self.data)

    @field_validator("steps", mode="before")
    @classmethod
    def _read_steps(cls, value: Any) -> Any:
        if value is None:
            return ()
        if not isinstance(value, (list, tuple)):
            raise ValueError("steps must be a list, each item one technique")
        return tuple(_read_step(item, position) for position, item in enumerate(value, start=1))

    @field_validator("limits", mode="before")
    @classmethod
    def _no_limits(cls, value: Any) -> Any:
        return Limits() if value is None else value

    @field_serializer("steps")
    def _write_steps(self, steps: tuple[Technique, ...]) -> list[dict[str, Any]]:
        return [{step.name: step.model_dump(mode="json")} for step in steps]

    @model_validator(mode="after")
    def _order(self) -> Recipe:
        for position, step in enumerate(self.steps, start=1):
            if step.last and position < len(self.steps):
                raise ValueError(f"'{step.name}' must be the last step: what follows would change the weights it wrote")
            if step.prepares and position > 1:
                raise ValueError(f"'{step.name}' must be the first step: it makes the original")
        return self

    def to_yaml(self) -> str:
        """The recipe as YAML that `parse_recipe` reads back to an equal one."""
        values = self.model_dump(mode="json", exclude_defaults=False, exclude_none=True)
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def parse_recipe(text: str, where: str = "the recipe") -> Recipe:
    """Read YAML; raises `Refused` with one sentence naming the key and what it allows."""
    if len(text) > LARGEST_RECIPE:
        raise Refused(f"{where} is larger than a recipe can be. Check that it is the right file.")
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        detail = " ".join(str(error).split())
        raise Refused(f"{where} is not valid YAML: {detail}. Correct it there.") from error
    return recipe_from(values, where)


def recipe_from(values: Any, where: str = "the recipe") -> Recipe:
    """A recipe from plain values (JSON or YAML already read); raises `Refused` as `parse_recipe` does."""
    if not isinstance(values, dict):
        raise Refused(f"{where} must be a mapping with the keys {', '.join(Recipe.model_fields)}.")
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise Refused(f"{where}: {_sentence(error)}") from error


def read_recipe(path: Path) -> Recipe:
    """Read a recipe file; relative paths of model and data are taken from the recipe's folder if they exist there."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise Refused(f"There is no recipe at {path}. Check the path.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path} cannot be read as a text file ({error}). Choose a YAML recipe.") from error
    recipe = parse_recipe(text, str(path))
    data = recipe.source.model_copy(update={"path": _beside(path, recipe.source.path)})
    return recipe.model_copy(
        update={
            "model": _beside(path, recipe.model),
            "data": data if isinstance(recipe.data, DataSource) else data.path,
        }
    )


def _beside(recipe_path: Path, name: str) -> str:
    candidate = recipe_path.parent / name
    if name.startswith("starter:") or Path(name).exists() or not candidate.exists():
        return name
    return str(candidate)


def _read_step(item: Any, position: int) -> Technique:
    if isinstance(item, Technique):
        return item
    if isinstance(item, str):
        item = {item: {}}
    if not isinstance(item, dict) or len(item) != 1:
        raise ValueError(f"step {position} must be one technique with its parameters, such as 'quantize: {{bits: 8}}'")
    ((name, parameters),) = item.items()
    technique = technique_named(str(name))
    if technique is None:
        known = ", ".join(t.name for t in TECHNIQUES)
        raise ValueError(f"step {position} names '{name}', which is no technique; there are {known}")
    try:
        return technique.model_validate(parameters or {})
    except ValidationError as error:
        raise ValueError(f"step {position} ({name}): {_sentence(error)}") from error


def _sentence(error: ValidationError) -> str:
    """The first thing wrong, in words; pydantic's own message names what is allowed."""
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"'{key}' is not a known key. Remove it or correct its spelling."
    message = first["msg"].removeprefix("Value error, ")
    given = f" (it says {first['input']!r})" if isinstance(first["input"], (str, int, float)) else ""
    text = f"'{key}'{given}: {message}" if key and not message.startswith("step ") else message
    return text if text.endswith(".") else text + "."
