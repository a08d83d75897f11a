"""The referee judges folders of each task: here without processes, and with clocks that stand still."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.data.reading import load_for_measuring
from engine.data.splits import Examples, Splits
from engine.measure.bench import Bench
from engine.measure.referee import Baseline, Judgement, Referee, _rows_of, kept_answers, measure_original
from engine.recipe import DataSource
from engine.run import Measurement

LANGUAGE, SIMILARITY = "language modelling", "sentence similarity"


class Inside:
    """A `BenchProcess` without a process: each item takes as long as its place among the folders opened."""

    opened = 0

    def __init__(self, folder: Path, task: str, check: Callable[[], None], *, full_precision: bool = False) -> None:
        Inside.opened += 1
        self.folder, self._bench, self._ms = folder, Bench(io.StringIO()), 12.0 / Inside.opened
        request = {"do": "load", "folder": str(folder), "task": task, "threads": 1, "full_precision": full_precision}
        self.loaded = self._bench.answer(request)

    def __enter__(self) -> "Inside":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def time(self, items: list[Any]) -> list[float]:
        return [self._ms] * len(items)

    def answers(self, examples: Examples, done: Callable[[int], None], **files: Path | None) -> np.ndarray:
        return self._bench._reader.answers(examples, done, **files)

    def respond(self, text: str, settings: dict[str, Any]) -> dict[str, Any]:
        return self._bench._reader.respond(text, lambda piece: None, settings)

    def peak_memory(self) -> int:
        return 1


@pytest.fixture(autouse=True)
def inside(monkeypatch):
    monkeypatch.setattr("engine.measure.referee.BenchProcess", Inside)
    monkeypatch.setattr("engine.measure.referee.Referee.opens", Inside)
    monkeypatch.setattr("engine.measure.referee.busy_share", lambda sides: 0.0)
    monkeypatch.setattr(Inside, "opened", 0)


def judged(original: Path, optimized: Path, data: Splits, place: Path) -> tuple[Measurement, Judgement, Judgement]:
    told: list[tuple[float, float]] = []
    say = lambda done, total, message: told.append((done, total))  # noqa: E731
    first, validation, test = measure_original(original, data, lambda: None, say, keep=place)
    baseline = Baseline(original, "", first, validation, test, kept_in=place)
    with Referee(baseline, data, lambda: None) as referee:
        trial, judgement = referee.trial(optimized, "32 bits", say), referee.judge(optimized, "32 bits", say)
    assert all(0 <= done <= total for done, total in told)
    return first, trial, judgement


@pytest.fixture
def text(tiny_models, tmp_path) -> Splits:
    lines = [line for line, _ in tiny_models.texts(2000)]
    (tmp_path / "a.txt").write_text("\n".join(lines), encoding="utf-8")
    found = load_for_measuring(DataSource(path=str(tmp_path / "a.txt")), ()).test
    return Splits((), found.first(0), found.pick([8, 9, 10, 11]), found.first(8), key="", task=LANGUAGE)


@pytest.mark.parametrize("other", [False, True])
def test_a_language_model(other, text, tiny_model, tmp_path):
    original = tiny_model("llama", positions=512)
    optimized = tiny_model("llama", positions=512, seed=1, layers=2) if other else original
    first, trial, judgement = judged(original, optimized, text, tmp_path)
    for part in ("validation", "test"):
        assert kept_answers(tmp_path, part).is_file()
    assert first.written is not None
    assert first.written.tokens > 0
    assert trial.measurement.written is None
    assert [quality.metric for quality in judgement.measurement.qualities] == [
        "perplexity", "next-token accuracy", "KL divergence"
    ]  # fmt: skip
    assert list(judgement.comparison.speeds) == [speed.name for speed in judgement.measurement.speeds]
    # The referee's original was opened second; then came the trial's folder, then the judgement's.
    assert (trial.comparison.latency.value, judgement.comparison.latency.value) == (1.5, 2.0)
    found = judgement.comparison
    assert found.answers > 0
    if other:
        assert found.same_answers < found.answers
        assert judgement.measurement.qualities[2].value > 0.01
        assert len(judgement.changed) == len(text.test)
        assert f"{first.quality.value:.2f} → {judgement.measurement.quality.value:.2f}" in found.verdict
    else:
        assert found.quality.value == 0.0
        assert found.same_answers == found.answers
        assert found.collapse == ""
        assert "At 100.0 % of places" in found.verdict
        assert "(+0.0 %), no difference." in found.verdict
        assert trial.comparison.quality.value == 0.0
    assert Measurement.model_validate_json(judgement.measurement.model_dump_json()) == judgement.measurement


@pytest.mark.parametrize("corpus", [True, False])
def test_an_embedder(corpus, tiny_models, tiny_model, tmp_path):
    texts = [line for line, _ in tiny_models.texts(120)]
    if corpus:
        labels = tuple((place,) for place in range(40))
        test = Examples(tuple(texts[:40]), labels, tuple(line[::-1] for line in texts[:60]))
    else:
        scores = np.linspace(0, 1, 40)
        test = Examples(tuple(texts[:40]), tuple(zip(texts[40:80], scores.tolist(), strict=True)))
    data = Splits((), test.first(0), test.first(20), test, key="", task=SIMILARITY)
    original, other = tiny_model("bert", head=False), tiny_model("bert", head=False, seed=1)
    first, trial, same = judged(original, original, data, tmp_path)
    assert same.comparison.quality.value == trial.comparison.quality.value == 0.0
    assert same.comparison.same_answers == same.comparison.answers == 40
    assert trial.comparison.answers == 20
    assert same.changed == []
    assert (first.written, same.measurement.written) == (None, None)
    _, _, changed = judged(original, other, data, tmp_path)
    assert changed.comparison.same_answers < 40
    assert changed.changed
    metric = "recall@10" if corpus else "Spearman correlation"
    assert next(iter(changed.comparison.qualities)) == metric
    assert metric in changed.comparison.verdict


@pytest.mark.parametrize(
    ("corpus", "others", "wanted"), [((), 0, [0, 1]), ((), 5, [0, 1, 5, 6]), (("x", "y", "z"), 3, [0, 1, 5, 6, 7])]
)
def test_the_answers_to_the_first_examples_and_to_what_they_are_compared_with(corpus, others, wanted):
    examples = Examples(tuple("abcde"), (0,) * 5, corpus)
    answers = np.arange(5 + others)[:, None]
    assert _rows_of(examples, answers, 2)[:, 0].tolist() == wanted
