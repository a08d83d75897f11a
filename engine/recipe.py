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

import contextlib
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, SerializeAsAny, ValidationError, field_serializer, field_validator, model_validator

from engine.errors import Refused
from engine.technique import Frozen, ModelName, Slider, Technique
from engine.techniques import TECHNIQUES, technique_named

LARGEST_RECIPE = 1_000_000
LONGEST_SHOWN = 80
WORDS = {
    "Input should be": "must be",
    "String should have": "must have",
    "a valid dictionary": "a mapping",
    "a valid string": "a text",
    "a valid number": "a number",
    "a valid integer": "a whole number",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
}
"""Pydantic's words and ours."""


class DataSource(Frozen):
    """Where data comes from. What is left out is found: the columns, and what such data are for (`task`).

    `text` and `label` are the columns for classification; `text`, `other` and (for scored pairs)
    `score` those for sentence similarity, where `corpus` may name a file of what is searched, with
    columns id and text; `text` alone is running text, as is a .txt file.
    """

    path: str = Field(min_length=1)
    text: str | None = None
    label: str | None = None
    other: str | None = None
    score: str | None = None
    corpus: str | None = None
    task: Literal["classification", "language modelling", "sentence similarity"] | None = None


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
    data: Annotated[str, Field(min_length=1)] | DataSource = "starter:kinds"
    steps: tuple[SerializeAsAny[Technique], ...] = ()
    limits: Limits = Limits()
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    trust_remote_code: str | None = None
    """The name of the model whose own code may run; must equal `model` exactly to count."""

    @property
    def source(self) -> DataSource:
        """`data` in its long form."""
        return self.data if isinstance(self.data, DataSource) else DataSource(path=self.data)

    @field_validator("data", mode="before")
    @classmethod
    def _read_data(cls, value: Any) -> Any:
        if isinstance(value, (str, DataSource)):
            return value
        if not isinstance(value, dict):
            raise ValueError("data must be a name, a path, or a mapping with the keys path, text and label")
        try:
            return DataSource.model_validate(value)
        except ValidationError as error:
            raise ValueError(f"data: {_sentence(error)}") from error

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
    def _read_limits(cls, value: Any) -> Any:
        if isinstance(value, dict):
            _refuse_switches(Limits, value)
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
            for before in self.steps[: position - 1]:
                if why := step.unfit_after(before):
                    raise ValueError(why)
        return self

    def to_yaml(self) -> str:
        """The recipe as YAML that `parse_recipe` reads back to an equal one."""
        values = self.model_dump(mode="json", exclude_defaults=False, exclude_none=True)
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


class _Loader(yaml.SafeLoader):
    """The safe loader, which also refuses a key that is said twice: the first would be lost without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := next((key for key in keys if keys.count(key) > 1), None):
            raise yaml.constructor.ConstructorError(None, None, f"'{twice}' is said twice", node.start_mark)
        return super().construct_mapping(node, deep)


def parse_recipe(text: str, where: str = "the recipe") -> Recipe:
    """Read YAML; raises `Refused` with one sentence naming the key and what it allows."""
    if len(text) > LARGEST_RECIPE:
        raise Refused(f"{where} is larger than a recipe can be. Check that it is the right file.")
    try:
        values = yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise Refused(f"{where} is not valid YAML{line}: {error.problem}. Correct it there.") from error
    except (yaml.YAMLError, ValueError) as error:  # a character, a date or a number that cannot be
        why = " ".join(str(error).partition(";")[0].split())
        raise Refused(f"{where} is not valid YAML: {why}. Correct it there.") from error
    except RecursionError as error:
        raise Refused(f"{where} is nested deeper than a recipe can be. Check that it is the right file.") from error
    return recipe_from(values, where)


def recipe_from(values: Any, where: str = "the recipe") -> Recipe:
    """A recipe from plain values (JSON or YAML already read); raises `Refused` as `parse_recipe` does."""
    if not isinstance(values, dict):
        raise Refused(f"{where} must be a mapping with the keys {', '.join(Recipe.model_fields)}.")
    try:
        _refuse_switches(Recipe, values)
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise Refused(f"{where}: {_sentence(error)}") from error
    except ValueError as error:
        raise Refused(f"{where}: {error}.") from error


def data_source_from(value: Any) -> DataSource:
    """Data as a recipe names them, a path or a mapping, in the long form; raises `Refused`."""
    try:
        return DataSource(path=value) if isinstance(value, str) else DataSource.model_validate(value)
    except ValidationError as error:
        raise Refused(f"data: {_sentence(error)}") from error


def read_recipe(path: Path) -> Recipe:
    """Read a recipe file; relative paths of model and data are taken from the recipe's folder if they exist there."""
    try:
        if path.stat().st_size > LARGEST_RECIPE:
            raise Refused(f"{path} is larger than a recipe can be. Check that it is the right file.")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise Refused(f"There is no recipe at {path}. Check the path.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path} cannot be read as a text file ({_why(error)}). Choose a YAML recipe.") from error
    recipe = parse_recipe(text, str(path))
    data = recipe.source.model_copy(update={"path": _beside(path, recipe.source.path)})
    return recipe.model_copy(
        update={
            "model": _beside(path, recipe.model),
            "data": data if isinstance(recipe.data, DataSource) else data.path,
            "steps": tuple(_step_beside(path, step) for step in recipe.steps),
        }
    )


def _step_beside(recipe_path: Path, step: Technique) -> Technique:
    names = [name for name, control in step.controls().items() if isinstance(control, ModelName)]
    found = {name: _beside(recipe_path, given) for name in names if (given := getattr(step, name))}
    return step.model_copy(update=found)


def _beside(recipe_path: Path, name: str) -> str:
    """An absolute path where there is such a file, so that the run's record can be used from anywhere."""
    for candidate in (recipe_path.parent / name, Path(name).expanduser()):
        with contextlib.suppress(OSError, ValueError, RuntimeError):  # no path at all
            if not name.startswith("starter:") and candidate.exists():
                return str(candidate.resolve())
    return name


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
    parameters = {} if parameters is None else parameters
    try:
        if isinstance(parameters, dict):
            _refuse_switches(technique, parameters)
        return technique.model_validate(parameters)
    except ValidationError as error:
        raise ValueError(f"step {position} ({name}): {_sentence(error)}") from error
    except ValueError as error:
        raise ValueError(f"step {position} ({name}): {error}") from error


def _refuse_switches(kind: type[Frozen], values: dict[Any, Any]) -> None:
    """YAML's true (and yes, and on) would otherwise be read as the number 1."""
    for name, value in values.items():
        field = kind.model_fields.get(str(name))
        if isinstance(value, bool) and field is not None and field.annotation is not bool:
            raise ValueError(f"'{name}' is {value}, but it is no switch: it needs a value")


def _sentence(error: ValidationError) -> str:
    """The first thing wrong, in words; pydantic's own message names what is allowed."""
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    kind, message, given = first["type"], first["msg"], first["input"]
    if kind in ("extra_forbidden", "invalid_key"):
        return f"'{key}' is not a known key. Remove it or correct its spelling."
    if kind == "missing":
        return f"'{key}' is missing."
    if kind == "value_error":
        return message.removeprefix("Value error, ").rstrip(".") + "."
    if kind in ("model_type", "dict_type"):
        message = "must be a mapping of keys and values"
    key = "data" if key.startswith("data.") else key  # the rest names pydantic's types
    if kind.endswith(("_parsing", "_from_float", "_unicode")):
        message = message.partition(",")[0]
    for theirs, ours in WORDS.items():
        message = message.replace(theirs, ours)
    told = f" is {_cut(given)}, but" if isinstance(given, (str, int, float)) else ""
    return f"'{key}'{told} {message}." if key else f"It {message}."


def _cut(value: object) -> str:
    """A value as the recipe says it, unless that would fill the screen or cannot be printed."""
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"


def _why(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not UTF-8"
