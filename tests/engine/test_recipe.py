"""A recipe survives being written and read, whatever it holds."""

import random
from pathlib import Path
from typing import get_type_hints

import pytest
from pydantic import ValidationError

from engine.errors import Refused
from engine.recipe import DataSource, Limits, Recipe, parse_recipe, read_recipe, recipe_from
from engine.technique import ModelName, Options, Slider, Technique
from engine.techniques import TECHNIQUES
from engine.techniques.distill import Distill
from engine.techniques.low_rank import LowRank
from engine.techniques.pca import Pca
from engine.techniques.prune import Prune
from engine.techniques.quantize import Quantize
from engine.techniques.train_head import TrainHead
from engine.techniques.vocabulary import Vocabulary

NAMES = ("starter:kinds", "my model", "org/model-1", "/data/ä ö/日本.csv", "null", "1e3", "yes", "a: b", "- #", "'\"\n")


def drawn_value(draw: random.Random, technique: type[Technique], name: str) -> object:
    control = technique.controls()[name]
    if isinstance(control, Slider):
        value = draw.choice([control.low, control.high, draw.uniform(control.low, control.high)])
        return round(value) if get_type_hints(technique)[name] is int else value
    if isinstance(control, ModelName):
        return draw.choice(NAMES)
    return draw.choice(list(control.labels) if isinstance(control, Options) else [True, False])


def drawn_step(draw: random.Random, technique: type[Technique]) -> Technique:
    names = [name for name in technique.model_fields if draw.random() < 0.7]
    return technique(**{name: drawn_value(draw, technique, name) for name in names})


def drawn_recipe(draw: random.Random) -> Recipe:
    middle = [technique for technique in TECHNIQUES if not technique.last and not technique.prepares]
    # In the order of the cards, in which any steps fit one after the other.
    drawn = sorted((draw.choice(middle) for _ in range(draw.randrange(4))), key=TECHNIQUES.index)
    steps = [drawn_step(draw, technique) for technique in drawn]
    # But for another student: it takes the place of whatever was changed before.
    steps[1:] = [step.model_copy(update={"student": ""}) if step.name == "distill" else step for step in steps[1:]]
    first = [drawn_step(draw, TrainHead)] if draw.random() < 0.3 else []
    last = [drawn_step(draw, Quantize)] if draw.random() < 0.6 else []
    long_form = DataSource(path=draw.choice(NAMES), text=draw.choice([None, *NAMES]), label=draw.choice(NAMES))
    return Recipe(
        model=draw.choice(NAMES),
        data=draw.choice([long_form, draw.choice(NAMES)]),
        steps=(*first, *steps, *last),
        limits=Limits(
            max_quality_loss=draw.choice([None, 0.0, draw.uniform(0, 100)]), time_minutes=draw.choice([None, 3])
        ),
        seed=draw.choice([0, 2**32 - 1, draw.randrange(2**32)]),
        trust_remote_code=draw.choice([None, *NAMES]),
    )


@pytest.mark.parametrize("seed", range(40))
def test_what_is_written_is_read(seed: int):
    recipe = drawn_recipe(random.Random(seed))
    assert parse_recipe(recipe.to_yaml()) == recipe
    assert recipe_from(recipe.model_dump(mode="json")) == recipe


def test_the_short_ways_of_writing():
    recipe = parse_recipe("steps: [quantize]\nlimits:\n")
    assert recipe == Recipe(steps=(Quantize(),))
    assert recipe.source == DataSource(path="starter:kinds")
    assert parse_recipe("steps:\n - prune: {structure: Feed_Forward_Neurons}\n").steps == (Prune(),)


def test_an_edit_makes_another():
    recipe = Recipe()
    with pytest.raises(ValidationError):
        recipe.seed = 3
    assert recipe.model_copy(update={"seed": 3}) != recipe == Recipe()


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ((Quantize(), Prune()), "must be the last"),
        ((Distill(), TrainHead()), "must be the first"),
        ((Vocabulary(), Distill()), "'distill' must come before 'vocabulary'"),
        ((Pca(), Distill(width=0.5)), "'distill' must come before 'pca'"),
        ((Prune(), Distill(student="a/b")), r"'prune' changes a model whose place 'distill' then gives to another"),
    ],
)
def test_order_is_checked(steps, said):
    with pytest.raises(ValidationError, match=said):
        Recipe(steps=steps)


def test_what_fits_before_a_student():
    Recipe(steps=(TrainHead(), Distill(student="a/b"), Prune(), Quantize()))
    Recipe(steps=(Prune(), Distill(width=0.5), LowRank(), Vocabulary()))
    Recipe(steps=(Pca(), Distill()))


def test_a_students_path_is_taken_from_the_recipes_folder(tmp_path: Path):
    (tmp_path / "small").mkdir()
    path = tmp_path / "recipe.yaml"
    for name, meant in (("small", str(tmp_path / "small")), ("starter:minilm", "starter:minilm"), ("a/b", "a/b")):
        path.write_text(f"steps: [distill: {{student: '{name}'}}]", encoding="utf-8")
        assert read_recipe(path).steps == (Distill(student=meant),)


def test_paths_are_taken_from_the_recipes_folder(tmp_path: Path):
    (tmp_path / "texts.csv").touch()
    path = tmp_path / "recipe.yaml"
    path.write_text("model: starter:kinds-minilm\ndata: {path: texts.csv, text: t}\n", encoding="utf-8")
    recipe = read_recipe(path)
    assert recipe.data == DataSource(path=str(tmp_path / "texts.csv"), text="t")
    assert recipe.model == "starter:kinds-minilm"


def test_a_missing_recipe_is_a_sentence(tmp_path: Path):
    with pytest.raises(Refused, match=r"There is no recipe at .*\. Check the path\."):
        read_recipe(tmp_path / "none.yaml")
