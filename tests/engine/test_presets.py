"""The ready-made recipes: each can be run on each kind of model, and says what it is."""

import itertools

import pytest

from engine.models.memory import FULL_BYTES
from engine.models.profile import read_profile
from engine.preflight import preflight
from engine.presets import PRESETS, presets_for
from engine.recipe import Recipe
from engine.tasks import task_named
from engine.techniques import TECHNIQUES, estimates
from engine.techniques.pca import Pca
from engine.techniques.quantize import Quantize
from engine.techniques.train_head import TrainHead

CLASSIFICATION, LANGUAGE, SIMILARITY = "classification", "language modelling", "sentence similarity"
NAMES = ["balanced", "smallest", "fastest", "faithful"]


@pytest.fixture(scope="module")
def profiles(tiny_models, tmp_path_factory):
    """Of each task: the plainest models, and the oddest that it can be: one layer, few dimensions, shared heads."""
    folder = tmp_path_factory.mktemp("models")
    build, decoder, count = tiny_models.build, tiny_models.build_decoder, itertools.count()

    def read(make, *arguments, **options):
        return read_profile(make(folder / str(next(count)), *arguments, **options))

    return {
        CLASSIFICATION: [
            *(read(build, family) for family in ("bert", "distilbert", "roberta")),
            read(build, "bert", layers=1),
            read(decoder, "gpt2", labels=3),
            read(decoder, "llama", labels=3, layers=1),
        ],
        LANGUAGE: [
            *(read(decoder, family) for family in tiny_models.DECODERS),
            read(decoder, "gpt2", layers=1, hidden=48),
        ],
        SIMILARITY: [
            *(read(build, "bert", head=False, hidden=hidden) for hidden in (32, 96, 128, 384)),
            read(build, "roberta", head=False, layers=1),
        ],
    }


@pytest.mark.parametrize("task", [CLASSIFICATION, LANGUAGE, SIMILARITY])
@pytest.mark.parametrize("name", NAMES)
def test_no_preset_is_refused(profiles, task, name):
    for profile in profiles[task]:
        preset = next(each for each in presets_for(task, profile) if each.name == name)
        recipe = Recipe(steps=preset.steps, limits=preset.limits)
        assert Recipe.model_validate(recipe.model_dump()) is not None
        assert preflight(recipe, profile, task_named(task)).problems == (), profile.family


@pytest.mark.parametrize("task", [CLASSIFICATION, LANGUAGE, SIMILARITY])
def test_steps_are_in_the_order_of_the_cards(task):
    for preset in presets_for(task):
        ranks = [TECHNIQUES.index(type(step)) for step in preset.steps]
        assert ranks == sorted(ranks)


@pytest.mark.parametrize("task", [CLASSIFICATION, LANGUAGE, SIMILARITY])
def test_smallest_is_smallest_and_faithful_is_most_faithful(task, stand_in_for):
    """On models of a real size: in a tiny one the graph outweighs the weights."""
    profile = stand_in_for(task)
    size = {p.name: estimates(p.steps, profile)[-1].size_bytes for p in presets_for(task, profile)}
    assert min(size, key=lambda name: size[name]) == "smallest" and size["smallest"] < 0.9 * size["balanced"]
    assert max(size, key=lambda name: size[name]) == "faithful"
    assert size["faithful"] < 0.55 * profile.parameters * FULL_BYTES
    floors = {p.name: p.limits.max_quality_loss or 0.0 for p in presets_for(task)}
    assert min(floors, key=lambda name: floors[name]) == "faithful"
    assert max(floors, key=lambda name: floors[name]) == "smallest"


@pytest.fixture
def stand_in_for():
    """Profiles of the starters, read from their files."""
    from engine.models.starter import materialize
    from engine.store import home

    names = {CLASSIFICATION: "kinds-minilm", LANGUAGE: "definition-writer", SIMILARITY: "minilm"}
    return lambda task: read_profile(materialize(names[task], home() / "models"))


def test_embeddings_are_cut_to_a_third_whatever_the_model_s_width(profiles):
    kept = {}
    for profile in profiles[SIMILARITY]:
        steps = presets_for(SIMILARITY, profile)[1].steps
        kept[profile.hidden] = next((step.dimensions for step in steps if isinstance(step, Pca)), None)
    assert kept == {32: None, 96: 32, 128: 32, 384: 128}


def test_classification_s_presets_are_those_of_unknown_data():
    assert presets_for(None) == presets_for(CLASSIFICATION) == PRESETS
    assert [preset.name for preset in PRESETS] == NAMES


def test_a_head_to_be_taught_goes_with_each_preset(profiles):
    """An encoder and a language model, neither of which can classify yet."""
    for profile in (profiles[SIMILARITY][0], profiles[LANGUAGE][0]):
        for preset in presets_for(CLASSIFICATION, profile):
            recipe = Recipe(steps=(TrainHead(), *preset.steps))
            assert preflight(recipe, profile, task_named(CLASSIFICATION)).problems == ()


def test_a_language_model_s_smallest_protects_some_layers():
    (step,) = presets_for(LANGUAGE)[1].steps
    assert isinstance(step, Quantize) and step.bits == 4 and step.protected > 0
