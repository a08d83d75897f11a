"""The banner: every end of a run has its words and its sign."""

import pytest

from engine.events import Progress, RunFinished, StepStarted
from engine.run import Status
from gui.status_icon import SIGNS, Sign
from gui.verdict import BAR_STEPS, Verdict


@pytest.fixture
def verdict(shown):
    return shown(Verdict())


@pytest.mark.parametrize("status", Status)
def test_every_end_has_words_and_a_sign(verdict, sample, status):
    run = sample.run() if status is Status.FINISHED else sample.failed(status=status, reason="For this reason.")
    verdict.set_run(run)
    assert verdict.sign is SIGNS[status]
    assert verdict.headline.text().endswith(".")
    assert (status is Status.FINISHED) or "For this reason." in verdict.detail.text()
    assert verdict.headline.text() in verdict.accessibleName()


def test_the_verdict_is_the_first_sentence_and_the_rest(verdict, sample):
    verdict.set_run(sample.run())
    assert verdict.headline.text() == "4.1× faster."
    assert verdict.detail.text().startswith("1,980 of 2,000")
    assert "verified" in verdict.badge.text()
    assert "fresh process" in verdict.toolTip()
    assert verdict.time.text().startswith("43")


def test_only_a_verified_run_is_called_so(verdict, sample):
    verdict.set_run(sample.run(verified=False))
    assert verdict.badge.text() == ""
    assert verdict.toolTip() == ""


def test_a_run_is_followed(verdict, qtbot):
    verdict.on_event(StepStarted(step=1, steps=4, name="quantize", title="Smaller numbers"))
    verdict.on_event(Progress(step=1, done=64, total=128, message="calibrating"))
    qtbot.waitUntil(lambda: "64 of 128" in verdict.detail.text(), timeout=2000)
    assert verdict.headline.text() == "Smaller numbers"
    assert verdict.bar.isVisible()
    assert verdict.bar.value() == round(1.5 / 4 * BAR_STEPS)
    assert verdict.sign is Sign.BUSY


def test_progress_without_a_total_does_not_jump(verdict, qtbot):
    verdict.on_event(StepStarted(step=1, steps=2, name="distill", title="A student"))
    verdict.on_event(Progress(step=1, done=7, total=0, message="learning"))
    qtbot.waitUntil(lambda: "learning" in verdict.detail.text(), timeout=2000)
    assert verdict.bar.value() == BAR_STEPS // 2


def test_the_end_stops_the_clock(verdict, sample):
    verdict.on_event(StepStarted(step=0, steps=2, name="original", title="The original"))
    verdict.on_event(RunFinished(run=sample.failed()))
    assert not verdict._timer.isActive()
    assert verdict.sign is Sign.BAD


def test_the_banner_does_not_change_its_height(verdict, sample):
    verdict.resize(900, verdict.sizeHint().height())
    heights = set()
    for run in (sample.run(), sample.failed(), None):
        verdict.set_run(run)
        heights.add(max(verdict.sizeHint().height(), verdict.minimumHeight()))
    verdict.on_event(StepStarted(step=0, steps=2, name="original", title="The original"))
    heights.add(max(verdict.sizeHint().height(), verdict.minimumHeight()))
    assert len(heights) == 1


def test_idle_says_what_could_be_done(verdict):
    verdict.set_run(None)
    assert verdict.sign is Sign.IDLE
    verdict.set_idle("Starting…")
    assert verdict.headline.text() == "Starting…"
