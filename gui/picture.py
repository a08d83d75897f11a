"""A finished run as a picture, made without a screen: verdict, the three plots and the map.

python -m gui.picture RUN_FOLDER OUT.png [--dark]
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from engine.events import Event, Measured, parse
from engine.run import Run
from engine.store import list_runs
from gui.plots.live import LivePlots
from gui.plots.panel import Panel
from gui.plots.runs_map import RunsMap
from gui.theme import colors, use
from gui.verdict import Verdict

WIDTH, HEIGHT = 1600, 900
TEXT_PIXELS = 17


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 when the picture was written; a sentence on stderr otherwise."""
    parser = argparse.ArgumentParser(prog="python -m gui.picture", description=__doc__)
    parser.add_argument("run_folder", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--dark", action="store_true")
    chosen = parser.parse_args(arguments)
    try:
        run = read_run(chosen.run_folder)
    except (OSError, ValueError) as error:  # not there, not JSON, or not a run
        print(f"{chosen.run_folder} is not a run's folder ({type(error).__name__}).", file=sys.stderr)
        return 1
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    if not draw(run, chosen.run_folder, chosen.picture, dark=chosen.dark):
        print(f"{chosen.picture} could not be written.", file=sys.stderr)
        return 1
    return 0


def read_run(folder: Path) -> Run:
    """`run.json` of a folder, wherever the folder lies now."""
    text = (folder / "run.json").read_text(encoding="utf-8")
    return Run.model_validate_json(text).model_copy(update={"folder": str(folder)})


def read_events(folder: Path) -> Iterator[Event]:
    """What the run said; a line that cannot be read is passed over."""
    try:
        lines = (folder / "events.jsonl").read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        try:
            yield parse(line)
        except ValueError:
            continue


def draw(run: Run, folder: Path, picture: Path, *, dark: bool) -> bool:
    """Fill the widgets as the window would, and write what they show."""
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    font = app.font()
    font.setPixelSize(TEXT_PIXELS)
    app.setFont(font)
    use(app, dark=dark)
    sheet = _sheet(run, folder)
    sheet.setStyleSheet(f"#sheet {{ background: {colors().background}; }}")
    sheet.resize(WIDTH, HEIGHT)
    sheet.ensurePolished()
    return sheet.grab().save(str(picture), "PNG")


def _sheet(run: Run, folder: Path) -> QWidget:
    verdict, live, runs_map = Verdict(), LivePlots(), RunsMap()
    verdict.set_run(run)
    events = list(read_events(folder))
    for event in events:
        live.on_event(event)
    # A record without events still has its last figures.
    if run.optimized and not any(isinstance(e, Measured) and e.subject == "optimized" for e in events):
        live.set_original(run.baseline)
        live.on_event(Measured(subject="optimized", label="", measurement=run.optimized, comparison=run.comparison))
    live.flush()
    others = [other for other in list_runs() if other.id != run.id]
    runs_map.set_runs([run, *others])
    runs_map.select(run.id)
    sheet = QWidget()
    sheet.setObjectName("sheet")
    column = QVBoxLayout(sheet)
    column.setContentsMargins(20, 20, 20, 20)
    column.setSpacing(12)
    shown: list[tuple[Panel | LivePlots, int]] = [(verdict, 0), (live, 5), (runs_map, 4)]
    for widget, share in shown:
        column.addWidget(widget, share)
    return sheet


if __name__ == "__main__":
    sys.exit(main())
