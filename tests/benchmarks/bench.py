"""`make bench`: every figure that the README quotes, measured in one go, printed and written there.

All ratios are against torch in 32 bits with the same threads, on the same texts, turn about.
Options: --only routes|window|tasks   --no-write
         --model FOLDER --data FILE: the presets on these, printed only (make bench MODEL=… DATA=…)
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.artifact import size_of
from engine.baseline import baseline_of
from engine.data.reading import load
from engine.device import this_machine
from engine.events import Event, Progress, StepStarted
from engine.measure.referee import Judgement, Referee
from engine.presets import PRESETS
from engine.recipe import Recipe
from engine.run import Comparison, Measurement, Run, Status
from engine.runner import run

sys.path.insert(0, str(Path(__file__).parent))

import hand
import other_tasks
import responsiveness
import tables
import warm_engine

README = Path(__file__).parents[2] / "README.md"


@dataclass(frozen=True)
class Row:
    """One way to make the starter small, and what was measured of it."""

    name: str
    measurement: Measurement
    comparison: Comparison


class HandReferee(Referee):
    """A referee who can also open what only its maker can."""

    opens = hand.HandProcess


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=sorted(SECTIONS))
    parser.add_argument("--model", help="any model, in place of the starters")
    parser.add_argument("--data", help="the data for it")
    parser.add_argument("--no-write", action="store_true", help="leave the README as it is")
    options = parser.parse_args()
    if options.model:
        print("\n\n".join([_machine(), other_tasks.any_model(options.model, options.data, say)]))
        return 0
    for name in [options.only] if options.only else SECTIONS:
        text = "\n\n".join([_machine(), *SECTIONS[name]()])
        print(text)
        if not options.no_write:
            tables.write_between_marks(README, f"bench-{name}", text)
    return 0


def _routes() -> list[str]:
    rows, last = preset_rows()
    rows += hand_rows(last)
    return [tables.routes([(row.name, row.measurement, row.comparison) for row in rows])]


def _window() -> list[str]:
    return [tables.figures([*warm_engine.figures(), *responsiveness.figures()])]


def _tasks() -> list[str]:
    return other_tasks.sections(say)


SECTIONS: dict[str, Callable[[], list[str]]] = {"routes": _routes, "window": _window, "tasks": _tasks}
"""Name → what is measured, in this order; each is written between marks of its own."""


def preset_rows() -> tuple[list[Row], Run]:
    """Each preset on the starter, as the window's Run button does it."""
    rows, last = [], None
    for preset in PRESETS:
        say(f"preset {preset.title}")
        found = run(Recipe(steps=preset.steps, limits=preset.limits), _dots())
        if found.optimized is None or found.comparison is None:
            raise SystemExit(f"{preset.title} failed: {found.reason}")
        note = "" if found.status is Status.FINISHED else f" ({found.status.value.replace('_', ' ')})"
        name = f"**{preset.title}**{note}: {found.optimized.runtime}, {found.optimized.precision}"
        rows.append(Row(name, found.optimized, found.comparison))
        last = found
    assert last is not None
    return rows, last


def hand_rows(finished: Run) -> list[Row]:
    """The routes by hand, judged on the same test texts against the same original."""
    baseline = baseline_of(finished)
    data = load(Recipe().source, None, 0)
    rows = []
    for name, make in hand.ROUTES.items():
        say(name)
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            make(baseline.folder, folder, data.train.texts)
            with HandReferee(baseline, data, lambda: None) as referee:
                found: Judgement = referee.judge(folder, "8 bits", lambda *_: None)
            assert found.measurement.size_bytes == size_of(folder)
        rows.append(Row(name, found.measurement, found.comparison))
    return rows


def say(text: str) -> None:
    """Progress on the error stream; the table alone goes to the output."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def _dots() -> Callable[[Event], None]:
    seen: set[str] = set()

    def show(event: Event) -> None:
        text = event.title if isinstance(event, StepStarted) else event.message if isinstance(event, Progress) else ""
        if text and text not in seen and "left" not in text:
            seen.add(text)
            say(f"  {text}")

    return show


def _machine() -> str:
    machine = this_machine()
    sets = ", ".join(machine.instruction_sets)
    return (
        f"Measured on {time.strftime('%Y-%m-%d')} on a shared machine: {machine.name}, {machine.cores} cores, "
        f"{machine.memory / 2**30:.0f} GiB, {sets}; Python {platform.python_version()}. "
        "Ratios are medians over rounds in which original and candidate took turns; brackets are 95 % intervals."
    )


if __name__ == "__main__":
    sys.exit(main())
