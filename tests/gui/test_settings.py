"""What is remembered, and what a spoilt file does: nothing."""

import pytest
from PySide6.QtCore import QByteArray

from engine.techniques.prune import Prune
from gui.session import first_recipe
from gui.settings import MOST_RECENT, Settings


def test_a_new_home_has_nothing_to_remember(home):
    settings = Settings()
    assert settings.theme == "system"
    assert settings.recipe is None
    assert settings.state("geometry") is None
    assert settings.recent("models") == []


def test_everything_comes_back(home):
    recipe = first_recipe().model_copy(update={"steps": (Prune(sparsity=0.35),), "data": "/data/mine.csv"})
    settings = Settings()
    settings.set_theme("dark")
    settings.set_recipe(recipe)
    settings.set_state("columns", QByteArray(b"abc"))
    settings.add_recent("data", "/data/mine.csv")
    settings.save()
    again = Settings()
    assert (again.theme, again.recipe) == ("dark", recipe)
    assert again.state("columns") == QByteArray(b"abc")
    assert again.recent("data") == ["/data/mine.csv"]


def test_the_latest_is_first_and_the_list_is_short(home):
    settings = Settings()
    for number in range(12):
        settings.add_recent("models", f"m{number}")
    settings.add_recent("models", "m8")
    assert settings.recent("models")[:2] == ["m8", "m11"]
    assert len(settings.recent("models")) == MOST_RECENT


@pytest.mark.parametrize("spoilt", ["", "\x00\xff garbage", "[General]\ntheme=purple\nrecipe=model: [\n"])
def test_a_spoilt_file_is_as_if_it_were_not_there(home, spoilt):
    (home / "window.ini").write_text(spoilt, encoding="latin-1")
    settings = Settings()
    assert settings.theme == "system"
    assert settings.recipe is None


def test_the_layout_can_be_forgotten_alone(home):
    settings = Settings()
    settings.set_theme("light")
    settings.set_state("geometry", QByteArray(b"x"))
    settings.forget_layout()
    assert settings.state("geometry") is None
    assert settings.theme == "light"
