"""Side by side: figures, what differs, and a warning where a comparison is not fair."""

import pytest

from gui.runs.compare import Compare
from gui.runs.figures import rows_of, warnings_of


def cells(runs, title):
    (row,) = [row for row in rows_of(runs) if row.title.replace("\u00a0", " ") == title]
    return [cell.replace("\u00a0", " ") for cell in row.cells]


def test_figures_of_original_and_runs(sample):
    runs = [sample.run("a"), sample.run("b", size=46.0)]
    assert cells(runs, "Size") == ["91.6 MB", "23.7 MB", "46.0 MB"]
    assert cells(runs, "One text, median")[0] == "9.0 ms"
    assert cells(runs, "Accuracy (95 % interval)")[1] == "89.1 %  (87.8 % – 90.4 %)"


@pytest.mark.parametrize(("p_value", "words"), [(0.3, "within noise"), (0.0001, "a real loss")])
def test_p_values_in_words(sample, p_value, words):
    run = sample.run()
    run = run.model_copy(update={"comparison": sample.comparison(run.optimized, p_value)})
    assert words in cells([run], "Accuracy: difference")[1]


def test_a_failed_run_has_dashes(sample):
    assert cells([sample.failed()], "Size") == ["91.6 MB", "–"]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"environment": {"machine": "two cores", "torch": "2.14.0"}}, "torch"),
        ({"environment": {"machine": "a laptop", "torch": "2.13.0"}}, "machine"),
        ({"recipe": {"model": "starter:kinds-minilm", "data": "mine.csv"}}, "data"),
        ({"recipe": {"model": "mine", "data": "starter:kinds"}}, "models"),
    ],
)
def test_warned_where_it_is_not_fair(sample, change, word):
    assert any(word in warning for warning in warnings_of([sample.run("a"), sample.run("b", **change)]))


def test_no_warning_for_what_does_not_matter(sample):
    other = sample.run("b", environment={"machine": "two cores", "torch": "2.13.0", "memory_gb": "8.1"})
    assert warnings_of([sample.run("a"), other]) == []


def test_at_most_four_and_the_newest(shown, sample):
    compare = shown(Compare())
    compare.set_runs([sample.run(str(n), started=float(n)) for n in range(7)] + [sample.failed()])
    assert [run.id for run in compare.shown()] == ["6", "5", "4", "3"]
    assert compare.model.columnCount() == 6


def test_runs_can_be_chosen(shown, sample):
    compare = shown(Compare())
    runs = [sample.run(str(n), started=float(n)) for n in range(7)]
    compare.set_runs(runs)
    compare.choose("0", True)
    assert "0" in {run.id for run in compare.shown()}
    assert len(compare.shown()) == 4
    compare.set_runs(runs[:6])
    assert "0" in {run.id for run in compare.shown()}


def test_nothing_to_compare_is_said(shown):
    compare = shown(Compare())
    assert compare.hint.isVisible()
    assert not compare.view.isVisible()


def test_other_models_do_not_stand_beside_the_newest_unless_they_are_chosen(shown, sample):
    compare = shown(Compare())
    other = sample.writer_run("book", started=1.0)
    compare.set_runs([sample.run("new", started=3.0), sample.run("old", started=2.0), other])
    assert [run.id for run in compare.shown()] == ["new", "old"] and compare.warning.text() == ""
    compare.choose("book", True)
    assert len(compare.shown()) == 3 and "different tasks" in compare.warning.text()
