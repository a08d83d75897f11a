"""Well-known models in the picker: what is said of them, what comes with them, and their download."""

import pytest

from engine.events import Progress
from engine.models import wellknown
from engine.models.metering import DOWNLOADING
from engine.models.wellknown import WELL_KNOWN
from engine.recipe import DataSource, Recipe
from engine.techniques.pca import Pca
from engine.techniques.quantize import Quantize
from engine.techniques.train_head import TrainHead
from gui.pickers.model import ModelPicker, data_of, title_of
from gui.recipe_panel.panel import RecipePanel

GPT2, MINILM, DISTILBERT = (
    "openai-community/gpt2",
    "sentence-transformers/all-MiniLM-L6-v2",
    "distilbert/distilbert-base-uncased",
)
CLASSIFICATION, LANGUAGE = "classification", "language modelling"


def known(picker):
    """Model title → its menu entry."""
    picker.menu.aboutToShow.emit()
    return {action.text().split("\t")[0]: action for action in picker.known.actions()}


class Column(RecipePanel):
    """Shows each recipe as it was edited, as in the window."""

    def __init__(self):
        super().__init__(Recipe(steps=(Quantize(),)))
        self.recipes = []
        self.edited.connect(self._take)

    def _take(self, recipe):
        changed = recipe.model != self._recipe.model
        self.recipes.append(recipe)
        if changed:
            self.set_profile(None)
        self.set_recipe(recipe)


@pytest.fixture
def panel(qtbot, home):
    made = Column()
    qtbot.addWidget(made)
    return made


def test_each_is_offered_with_its_download_and_whether_it_fits(qtbot, home, monkeypatch):
    machine = wellknown.this_machine()
    monkeypatch.setattr(wellknown, "this_machine", lambda: machine.model_copy(update={"memory": 8_000_000_000}))
    monkeypatch.setattr(wellknown, "free_memory", lambda: 3_000_000_000)
    picker = ModelPicker()
    qtbot.addWidget(picker)
    found = known(picker)
    assert {model.title for model in WELL_KNOWN} <= found.keys()
    assert found["DistilGPT-2, 82 M"].text().endswith("353 MB, fits this machine")
    assert found["GPT-2, 124 M"].text().endswith("548 MB, close other programs first")
    assert found["GPT-2 XL, 1.6 B"].text().endswith("6.4 GB, too large for this machine")
    assert not found["GPT-2 XL, 1.6 B"].isEnabled() and found["GPT-2, 124 M"].isEnabled()
    assert "needs about 3.6 GB" in found["GPT-2, 124 M"].toolTip()
    assert "from the network, once" in found["GPT-2, 124 M"].toolTip()
    with qtbot.waitSignal(picker.chosen) as caught:
        found["GPT-2, 124 M"].trigger()
    assert caught.args == [GPT2] and title_of(GPT2) == "GPT-2, 124 M"
    assert len(known(picker)) == len(found)  # the menu is filled anew each time


@pytest.mark.parametrize(
    ("model", "data"), [(GPT2, "starter:definitions"), (MINILM, "starter:reverse"), (DISTILBERT, "starter:kinds")]
)
def test_it_brings_the_starter_data_that_it_is_made_for(panel, model, data):
    assert data_of(model) == data
    panel.model.chosen.emit(model)
    assert (panel.recipes[-1].model, panel.recipes[-1].data) == (model, data)


def test_one_s_own_data_stay_and_say_what_it_is_to_do(panel, stand_in):
    """GPT-2 with labels is taught a head; with running text it writes, and no head is left over."""
    own = panel._recipe.model_copy(update={"data": DataSource(path="/data/reviews.csv")})
    panel.set_recipe(own)
    panel.set_task(CLASSIFICATION)
    panel.model.chosen.emit(GPT2)
    assert panel.recipes[-1].data == own.data and panel.recipes[-1].steps == own.steps
    panel.set_profile(stand_in.writer())
    assert panel.recipes[-1].steps == (TrainHead(), *own.steps)
    panel.data.chosen.emit("/data/book.txt")
    panel.set_task(None)
    panel.set_task(LANGUAGE)
    assert panel.recipes[-1].steps == own.steps and panel.recipes[-1].data == "/data/book.txt"


def test_a_model_that_classifies_is_taught_nothing(panel, stand_in):
    panel.set_task(CLASSIFICATION)
    panel.model.chosen.emit("/models/mine")
    panel.set_profile(stand_in.profile())
    assert panel.recipes[-1].steps == (Quantize(),)


def test_a_recipe_from_a_file_stays_as_it_was_written(panel, stand_in):
    panel.set_task(CLASSIFICATION)
    panel.set_recipe(Recipe(model=DISTILBERT, steps=(Quantize(),)))
    panel.set_profile(stand_in.profile(has_head=False))
    assert panel.recipes == []


def test_a_download_is_shown_and_can_be_stopped(window, qtbot):
    """Stopped, the column is as it was, so that no new engine begins the download again."""
    before, panel = window.session.recipe, window.recipe
    window.session.set_recipe(before.model_copy(update={"model": GPT2}))
    window.worker.happened.emit(Progress(step=0, done=120, total=548, message=DOWNLOADING))
    assert panel.model.download.isVisible() and panel.model.download.bar.text() == "120 of 548 MB"
    assert "Downloading" in panel.model.details.text()
    with qtbot.waitSignal(panel.download_stopped):
        panel.model.download.stop.click()
    assert window.session.recipe == before
    qtbot.waitUntil(lambda: window.session.profile is not None, timeout=10_000)
    assert not panel.model.download.isVisible()


def test_another_choice_ends_the_download_of_the_one_before(window, qtbot):
    window.session.set_recipe(window.session.recipe.model_copy(update={"model": GPT2}))
    window.worker.happened.emit(Progress(step=0, done=120, total=548, message=DOWNLOADING))
    with qtbot.waitSignal(window.recipe.download_stopped):
        window.recipe.model.chosen.emit("starter:minilm")
    assert window.session.recipe.model == "starter:minilm"


def test_what_could_not_be_had_is_asked_for_again(panel, qtbot):
    panel.refuse_model("Could not reach the Hugging Face Hub.")
    with qtbot.waitSignal(panel.asked_again) as caught:
        panel.model.chosen.emit(panel._recipe.model)
    assert caught.args == [panel._recipe.model] and "Reading" in panel.model.details.text()


def test_steps_for_other_data_leave_with_those_data(panel, stand_in):
    panel.set_recipe(Recipe(model=MINILM, data="starter:reverse", steps=(Pca(), Quantize())))
    panel.model.chosen.emit(GPT2)
    panel.set_task(LANGUAGE)
    panel.set_profile(stand_in.writer())
    assert panel.recipes[-1].steps == (Quantize(),)


def test_a_head_s_own_settings_stay(panel, stand_in):
    taught = TrainHead(minutes=20.0)
    panel.set_recipe(Recipe(model=MINILM, data="starter:kinds", steps=(taught, Quantize())))
    panel.set_task(CLASSIFICATION)
    panel.model.chosen.emit(DISTILBERT)
    panel.set_profile(stand_in.profile(has_head=False))
    assert panel.recipes[-1].steps == (taught, Quantize())
