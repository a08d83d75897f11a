"""Events, runs and certificates survive JSON and pickling."""

import pickle

import pytest
from pydantic import ValidationError

from engine.events import CurvePoint, Event, Measured, Note, Piece, Progress, Reply, RunFinished, StepStarted, parse
from engine.run import Comparison, Difference, Latency, Measurement, Memory, Quality, Ratio, Run, Status, Throughput

RATIO = Ratio(value=2.5, low=2.25, high=2.75)
MEASUREMENT = Measurement(
    runtime="openvino",
    precision="8 bits",
    size_bytes=23_000_000,
    quality=Quality(metric="accuracy", value=0.912, low=0.9, high=0.93, count=2000),
    latency=Latency(median_ms=3.2, p95_ms=4.0, repeats=180),
    throughput=Throughput(batch=32, per_second=812.0, low=800.0, high=820.0, repeats=27),
    memory=Memory(peak_bytes=300_000_000, libraries_bytes=100_000_000),
    threads=2,
)
COMPARISON = Comparison(
    size=4.0,
    latency=RATIO,
    throughput=RATIO,
    quality=Difference(value=-0.002, low=-0.005, high=0.001, p_value=0.4),
    same_answers=996,
    answers=1000,
    verdict="4.0× smaller.",
)
RUN = Run(
    id="a",
    recipe={"model": "starter:x"},
    environment={},
    folder="/f",
    started=1.5,
    status=Status.FLOOR_BROKEN,
    optimized=MEASUREMENT,
    comparison=COMPARISON,
)
EVENTS: tuple[Event, ...] = (
    StepStarted(step=1, steps=3, name="quantize", title="Smaller numbers"),
    Progress(step=1, done=40, total=128, message="calibrating – “texts”\n"),
    CurvePoint(curve="loss", x=120, y=0.41),
    Measured(subject="optimized", label="Optimized", measurement=MEASUREMENT, comparison=COMPARISON),
    Note(level="warning", text="ä"),
    RunFinished(run=RUN),
    Reply(id=7, value={"a": [1, None]}),
    Piece(id=8, side="optimized", text=" of"),
)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_there_and_back(event: Event):
    line = event.model_dump_json()
    assert "\n" not in line
    assert parse(line) == parse(line.encode()) == event
    assert pickle.loads(pickle.dumps(event)) == event


def test_every_kind_of_event_is_tried():
    assert {type(event) for event in EVENTS} == set(Event.__args__)


@pytest.mark.parametrize(
    "line", ["", "{}", "[]", '{"kind": "magic"}', '{"kind": "note"}', '{"kind": "note", "text": 1}']
)
def test_what_is_no_event_is_refused(line: str):
    with pytest.raises(ValidationError):
        parse(line)


def test_events_cannot_be_changed():
    with pytest.raises(ValidationError):
        EVENTS[0].step = 2


def test_a_runs_record_is_what_was_saved(tmp_path):
    run = RUN.model_copy(update={"folder": str(tmp_path)})
    run.save()
    assert Run.model_validate_json((tmp_path / "run.json").read_text(encoding="utf-8")) == run
    assert run.model_path == tmp_path / "model"
