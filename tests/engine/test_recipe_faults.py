"""Recipes come from strangers: whatever is wrong with one is told in a sentence, and nothing is carried out."""

from pathlib import Path

import pytest

from engine.errors import Refused
from engine.recipe import data_source_from, parse_recipe, read_recipe

BOMB = "model: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"k{n}: &{letter} [{','.join(['*' + before] * 9)}]\n"
    for n, (before, letter) in enumerate(zip("abcdefgh", "bcdefghi", strict=True))
)

WRONG = {
    "": "must be a mapping",
    "[]": "must be a mapping",
    "modle: x": "'modle' is not a known key",
    "1: 2": "'1' is not a known key",
    "model: 5": "'model' is 5, but must be a text",
    "model: ''": "'model' is '', but must have at least 1 character",
    'model: "\\ud800"': "must be a text",
    "model: x\nmodel: y": "line 1: 'model' is said twice",
    "data: {path: x, q: 2}": "data: 'q' is not a known key",
    "data: {text: x}": "data: 'path' is missing",
    "data: 5": "data must be a name, a path, or a mapping",
    "data: {path: x, text: 5}": "data: 'text' is 5, but must be a text",
    "data: &x {path: *x}": "'path' must be a text",
    "steps: prune": "steps must be a list",
    "steps: [1]": "step 1 must be one technique",
    "steps: &x [*x]": "step 1 must be one technique",
    "steps: [foo]": "step 1 names 'foo', which is no technique",
    "steps: [quantize: 5]": "step 1 (quantize): It must be a mapping",
    "steps: [quantize: {bits: 7}]": "'bits' is 7, but must be 32, 16, 8 or 4",
    "steps: [quantize: {bits: true}]": "no switch",
    "steps: [quantize: {}, prune: {}]": "'quantize' must be the last step",
    "steps: [prune: {}, train_head: {}]": "'train_head' must be the first step",
    "steps: [prune: {a: 1}]": "'a' is not a known key",
    "steps: [prune: {sparsity: 0.95}]": "'sparsity' is 0.95, but must be at most 0.9",
    "steps: [prune: {sparsity: .nan}]": "'sparsity' is nan",
    "steps: [prune: {sparsity: .inf}]": "'sparsity' is inf",
    "steps: [prune: {sparsity: yes}]": "'sparsity' is True, but it is no switch",
    "steps: [prune: {sparsity: x}]": "'sparsity' is 'x', but must be a number",
    "steps: [distill: {epochs: 2.5}]": "'epochs' is 2.5, but must be a whole number",
    "limits: 5": "'limits' is 5, but must be a mapping",
    "limits: {max_quality_loss: .nan}": "'limits.max_quality_loss' is nan",
    "limits: {max_quality_loss: true}": "no switch",
    "seed: -1": "'seed' is -1, but must be at least 0",
    "seed: true": "no switch",
    "seed: 2024-13-45": "not valid YAML",
    "seed: " + "9" * 5000: "not valid YAML",
    "steps: !!python/object/apply:os.system ['id']": "not valid YAML in line 1",
    "{[1]: 2}": "not valid YAML in line 1",
    "\tmodel: x": "not valid YAML in line 1",
    "model: x\x00": "not valid YAML",
    "[" * 5000: "nested deeper",
    "model: " + "x" * 1_000_001: "larger than a recipe can be",
    BOMB: "'model' must be a text",
    "data: ''": "'data' is '', but must have at least 1 character",
}


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:40])
def test_a_wrong_recipe_is_told_in_one_line(text: str) -> None:
    with pytest.raises(Refused, match=r"^here") as told:
        parse_recipe(text, "here")
    sentence = str(told.value)
    assert WRONG[text] in sentence
    assert len(sentence) < 500
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert "Input should" not in sentence


def test_a_recipe_in_any_script_is_read_back_equal() -> None:
    recipe = parse_recipe("model: 名前/モデル\ndata: {path: données.csv, text: größe}\nsteps: [quantize]\nseed: 3")
    assert recipe.model == "名前/モデル"
    assert parse_recipe(recipe.to_yaml()) == recipe


def test_data_may_be_said_short_or_long() -> None:
    assert data_source_from("x.csv").path == "x.csv"
    assert data_source_from({"path": "x.csv", "text": "t"}).text == "t"
    with pytest.raises(Refused, match="'q' is not a known key"):
        data_source_from({"path": "x", "q": 1})


def test_files_that_are_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="There is no recipe at"):
        read_recipe(tmp_path / "none.yaml")
    with pytest.raises(Refused, match="Is a directory"):
        read_recipe(tmp_path)
    (tmp_path / "utf16.yaml").write_text("model: x", encoding="utf-16")
    with pytest.raises(Refused, match="not UTF-8"):
        read_recipe(tmp_path / "utf16.yaml")
    with (tmp_path / "huge.yaml").open("wb") as file:
        file.truncate(10_000_000_000)
    with pytest.raises(Refused, match="larger than a recipe"):
        read_recipe(tmp_path / "huge.yaml")


def test_paths_beside_the_recipe_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run's record is used again from elsewhere."""
    (tmp_path / "model").mkdir()
    (tmp_path / "texts.csv").write_text("text,label\n")
    (tmp_path / "recipe.yaml").write_text("model: model\ndata: {path: texts.csv, text: text}")
    recipe = read_recipe(tmp_path / "recipe.yaml")
    assert recipe.model == str(tmp_path / "model")
    assert recipe.source.path == str(tmp_path / "texts.csv")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "recipe.yaml").write_text("model: model\ndata: starter:kinds")
    recipe = read_recipe(tmp_path / "sub" / "recipe.yaml")
    assert recipe.model == str(tmp_path / "model")
    assert recipe.data == "starter:kinds"
