"""The sample recipes can be run as they are."""

from pathlib import Path

import pytest

from engine.data.source import inspect
from engine.models.resolve import resolve
from engine.preflight import preflight
from engine.recipe import read_recipe
from engine.tasks import task_named

SAMPLES = sorted((Path(__file__).parents[2] / "resources" / "recipes").glob("*.yaml"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_fits_its_model_and_data(path):
    recipe = read_recipe(path)
    model = resolve(recipe.model)
    assert preflight(recipe, model.profile, task_named(inspect(recipe.source).task)).problems == ()
