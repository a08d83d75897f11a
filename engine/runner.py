"""One run, from a recipe to a verified folder.

    resolve ─ preflight ─ original ─┬─ step 1 ─ check ─┬─ … ─ save ─ judge ─ FINISHED
       │          │         │       │                  │               │
       └ Refused ─┴─────────┴───────┴── FAILED         └ FLOOR_BROKEN  └ FLOOR_BROKEN, OVER_LIMIT
                     cancel, looked for at every event ─ CANCELLED

* The *original* is saved and measured once, and kept (`baseline.py`).
* After each step a quick check on validation data: a loss beyond the floor that is not noise stops
  the run there; the model as it was before that step is saved and judged, and stays in `model/`.
* *Save* writes the folder; *judge* loads it in a fresh process and measures it against the original,
  turn about, on test data that nothing else has seen (`finishing.py`, `measure/referee.py`).
* Whatever the end, `run.json` says so and `run_finished` is the last event.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from engine import finishing
from engine.baseline import baseline_key, find_baseline, make_baseline
from engine.checking import floor_broken, quick_check
from engine.context import Context
from engine.data.reading import load
from engine.data.source import inspect
from engine.data.splits import Splits
from engine.errors import Cancelled, Refused
from engine.events import Emit, Measured, Note, Progress, RunFinished, StepStarted, Subject
from engine.measure.referee import Baseline, Referee
from engine.models.model import Model, open_model
from engine.models.resolve import ResolvedModel, resolve
from engine.preflight import preflight
from engine.recipe import Recipe
from engine.recording import closed, new_record, recorded, surprise
from engine.run import Comparison, Measurement, Run, Status, StepRecord
from engine.tasks import task_named
from engine.tasks.base import Task
from engine.technique import Technique

LOG = logging.getLogger(__name__)


def run(recipe: Recipe, emit: Emit, cancelled: Callable[[], bool] = lambda: False, out: Path | None = None) -> Run:
    """Carry out `recipe`; the returned run says how it ended. Raises `Refused` only where no run can be begun."""
    record = new_record(recipe, out)
    with recorded(Path(record.folder), emit) as say:
        job = _Job(recipe, record, say, cancelled)
        try:
            job.carry_out()
        except Cancelled as reason:
            job.end(Status.CANCELLED, str(reason))
        except KeyboardInterrupt:
            job.end(Status.CANCELLED, "Cancelled at once; nothing of the original was touched.")
        except Refused as reason:
            job.end(Status.FAILED, str(reason))
        except Exception as error:
            LOG.exception("run %s failed", record.id)
            job.end(Status.FAILED, surprise(error))
        record = closed(job.record)
        say(RunFinished(run=record))
    return record


def refused_run(values: object, reason: str, emit: Emit) -> Run:
    """The record of a run whose recipe could not be read; nothing is written."""
    record = Run(
        id="",
        recipe=values if isinstance(values, dict) else {},
        environment={},
        status=Status.FAILED,
        reason=reason,
        folder="",
        started=time.time(),
    )
    emit(RunFinished(run=record))
    return record


@dataclass
class _Job:
    """The state of one run while it goes."""

    recipe: Recipe
    record: Run
    emit: Emit
    cancelled: Callable[[], bool]
    steps: list[StepRecord] = field(default_factory=list)

    def carry_out(self) -> None:
        """All of it; raises `Cancelled` or `Refused`."""
        self._say_step(0, "original", "The original")
        source = resolve(self.recipe.model, trust_remote_code=self.recipe.trust_remote_code, tell=self._say_progress)
        context = self._context(source, self._data(source))
        for note in (note for step in self.recipe.steps for note in step.fetch(self._say_progress)):
            self.emit(Note(text=note))
        place = Path(self.record.folder)
        if problems := preflight(self.recipe, source.profile, context.task, place, source.folder).problems:
            raise Refused(problems[0])
        baseline, model = self._original(source, context)
        self.record = self.record.model_copy(update={"baseline": baseline.measurement, "baseline_key": baseline.key})
        self._say_measured("original", context.task.title, baseline.measurement)
        with Referee(baseline, context.data, context.check) as referee:
            context.trial = lambda folder, precision: self._trial(referee, folder, precision, context)
            context.teacher = lambda: self._open(baseline.folder, source, context.task)
            self._techniques(model, context, referee)

    def end(self, status: Status, reason: str) -> None:
        """Note how the run ends."""
        seconds = time.time() - self.record.started
        update = {"status": status, "reason": reason, "steps": tuple(self.steps), "seconds": seconds}
        self.record = self.record.model_copy(update=update)

    def _data(self, source: ResolvedModel) -> Splits:
        # A new head learns the labels of the data, whatever an old one knew.
        new_head = any(step.prepares for step in self.recipe.steps)
        labels = source.profile.labels if source.profile.has_head and not new_head else None
        found = inspect(self.recipe.source)
        budget = task_named(found.task).budget(source.profile.parameters)
        data = load(self.recipe.source, labels, self.recipe.seed, budget, lambda _: self._check(), found=found)
        for note in (*source.notes, *data.notes):
            self.emit(Note(text=note))
        return data

    def _context(self, source: ResolvedModel, data: Splits) -> Context:
        minutes = self.recipe.limits.time_minutes
        work = Path(self.record.folder) / "work"
        work.mkdir(exist_ok=True)
        return Context(
            emit=self.emit,
            cancelled=self.cancelled,
            data=data,
            task=(task := task_named(data.task)),
            scratch=work,
            seed=self.recipe.seed,
            teacher=lambda: self._open(source.folder, source, task),
            max_quality_loss=self.recipe.limits.max_quality_loss,
            deadline=None if minutes is None else time.monotonic() + 60 * minutes,
        )

    def _original(self, source: ResolvedModel, context: Context) -> tuple[Baseline, Model]:
        """The measured original and a model to work on."""
        preparation = [step for step in self.recipe.steps if step.prepares]
        told = json.dumps([{step.name: step.model_dump(mode="json")} for step in preparation] + [self.recipe.seed])
        key = baseline_key(source.folder, context.data, told if preparation else "")
        baseline = find_baseline(key)
        if baseline is None:
            labels = context.data.label_names if preparation else ()
            model = self._open(source.folder, source, context.task, labels)
            for step in preparation:
                model = step.apply(model, context)
            baseline = make_baseline(key, model, context.data, context.check, context.progress)
        model = self._open(baseline.folder, source, context.task)
        size = {"original_bytes": baseline.measurement.size_bytes or 0}
        return baseline, model.with_profile(model.profile.model_copy(update=size))

    def _open(self, folder: Path, source: ResolvedModel, task: Task, labels: tuple[str, ...] = ()) -> Model:
        return open_model(folder, task.auto_class, trust=source.trust, labels=labels, seed=self.recipe.seed)

    def _techniques(self, model: Model, context: Context, referee: Referee) -> None:
        floor = self.recipe.limits.max_quality_loss
        steps = [step for step in self.recipe.steps if not step.prepares]
        for context.step, step in enumerate(steps, start=1):
            self._say_step(context.step, step.name, step.title)
            before = model.copy() if floor is not None and not step.last else model
            model, measurement, comparison = self._one(step, model, context, referee)
            self._say_measured("after a step", step.title, measurement, comparison)
            if reason := floor_broken(context.step, step, comparison, floor, context.task):
                self._finish(before, context, referee, Status.FLOOR_BROKEN, reason)
                return
        self._finish(model, context, referee, Status.FINISHED, "")

    def _one(
        self, step: Technique, model: Model, context: Context, referee: Referee
    ) -> tuple[Model, Measurement, Comparison]:
        if refusal := step.refusal(model.profile):
            raise Refused(f"Step {context.step} ({step.name}): {refusal}")
        started = time.time()
        context.notes.clear()
        model = step.apply(model, context)
        measurement, comparison = quick_check(
            model, context, referee.baseline.validation, referee.baseline.kept("validation")
        )
        self.steps.append(
            StepRecord(
                name=step.name,
                title=step.title,
                seconds=time.time() - started,
                note=" ".join(context.notes),
                check=measurement.quality,
                difference=comparison.quality,
            )
        )
        return model, measurement, comparison

    def _finish(self, model: Model, context: Context, referee: Referee, status: Status, reason: str) -> None:
        context.step = len(self.recipe.steps) + 1
        self._say_step(context.step, "measure", "Measuring what will be shipped")
        finishing.keep_weights(model, Path(self.record.folder) / "weights", referee.baseline.folder)
        folder = finishing.save(model, self.record.model_path, context)
        found = finishing.judge(folder, model, context, referee, self.record.recipe, self.record.environment)
        finishing.keep_answers(Path(self.record.folder), found.answers)
        finishing.write_changed(Path(self.record.folder) / "changed.jsonl", found.changed)
        self.record = self.record.model_copy(
            update={"optimized": found.measurement, "comparison": found.comparison, "verified": True}
        )
        self._say_measured("optimized", "Optimized", found.measurement, found.comparison)
        if status is Status.FINISHED:
            status, reason = finishing.within(self.recipe.limits, found, context.task)
        self.end(status, reason)

    def _trial(
        self, referee: Referee, folder: Path, precision: str, context: Context
    ) -> tuple[Measurement, Comparison]:
        found = referee.trial(folder, precision, context.progress)
        context.tried[folder] = (found.measurement, found.comparison)
        self._say_measured("trial", f"{found.measurement.runtime}, {precision}", found.measurement, found.comparison)
        return found.measurement, found.comparison

    def _say_step(self, step: int, name: str, title: str) -> None:
        self._check()
        self.emit(StepStarted(step=step, steps=len(self.recipe.steps) + 2, name=name, title=title))

    def _say_measured(
        self, subject: Subject, label: str, measurement: Measurement, comparison: Comparison | None = None
    ) -> None:
        self.emit(Measured(subject=subject, label=label, measurement=measurement, comparison=comparison))

    def _say_progress(self, done: float, total: float, message: str) -> None:
        self._check()
        self.emit(Progress(step=0, done=done, total=total, message=message))

    def _check(self) -> None:
        if self.cancelled():
            raise Cancelled("Cancelled; nothing of the original was touched.")
