"""The command line: whatever the window can do, a script can do.

    bozzetto run RECIPE.yaml [--out DIR] [--events FILE|-]     exit 0 only with a verified folder
    bozzetto measure FOLDER [--against FOLDER] --data FILE [--json]
    bozzetto export RUN --format FORMAT --to FOLDER
    bozzetto techniques | models | runs [--json]
    bozzetto serve                                             what the window drives
    bozzetto gui [RECIPE.yaml]
    bozzetto demo                                              the main job in the terminal

Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 3 a limit was broken, 130 cancelled.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO

from engine import store
from engine.errors import Cancelled, Refused
from engine.events import Event
from engine.models.profile import RuntimeName
from engine.run import Run, Status
from engine.terminal import Streams, own_streams

EXIT_CODES = {
    Status.FINISHED: 0,
    Status.FLOOR_BROKEN: 3,
    Status.OVER_LIMIT: 3,
    Status.CANCELLED: 130,
    Status.FAILED: 1,
    Status.RUNNING: 1,
}
LARGEST_LOG = 10_000_000
FORMATS: dict[str, RuntimeName] = {"safetensors": "torch", "onnx": "onnxruntime", "openvino": "openvino"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, carry out, and turn a refusal into one sentence on the error stream."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["gui"]:
        given.insert(1, "--")  # what follows are the window's own options
    options = _parser().parse_args(given)
    _start_log()
    if "starts" in options:
        return options.starts(options)
    with own_streams(_log_file()) as streams:
        try:
            return options.carry_out(options, streams)
        except BrokenPipeError:
            return 1
        except (Exception, KeyboardInterrupt) as error:
            code, sentence = _explained(error)
            print(f"bozzetto: {sentence}", file=streams.err)
            return code


def _explained(error: BaseException) -> tuple[int, str]:
    """Exit code and sentence for what a command raised."""
    if isinstance(error, KeyboardInterrupt):
        return 130, "Cancelled."
    if isinstance(error, Cancelled):
        return 130, str(error)
    if isinstance(error, Refused):
        return 1, str(error)
    from engine.recording import surprise

    logging.error("command failed", exc_info=error)
    return 1, surprise(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bozzetto", description="Make a language model small, and see what that costs."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="carry out a recipe; exit 0 only with a verified folder")
    run.add_argument("recipe", type=Path, help="a YAML file")
    run.add_argument("--out", type=Path, help="folder for run.json, events.jsonl and model/")
    run.add_argument("--events", help="write events as JSON lines to this file, or - for the output")
    run.set_defaults(carry_out=_run)

    measure = commands.add_parser("measure", help="measure a saved folder in a fresh process")
    measure.add_argument("folder", type=Path)
    measure.add_argument("--against", type=Path, help="a second folder to compare with, turn about")
    measure.add_argument("--data", required=True, help="a CSV, TSV, JSONL or Parquet file, or starter:NAME")
    measure.add_argument("--text", help="name of the text column")
    measure.add_argument("--label", help="name of the label column")
    measure.add_argument("--json", action="store_true")
    measure.set_defaults(carry_out=_measure)

    export = commands.add_parser("export", help="ship the model of a run, in its own format or another")
    export.add_argument("run", help="a run's id (see: bozzetto runs)")
    export.add_argument("--format", required=True, choices=sorted(FORMATS))
    export.add_argument("--to", required=True, type=Path, help="a new or empty folder")
    export.set_defaults(carry_out=_export)

    for name, carry_out, help_text in (
        ("techniques", _techniques, "what can be done to a model, and every parameter"),
        ("models", _models, "models and data that come along, and well-known models on the Hub"),
        ("runs", _runs, "all runs, newest first"),
    ):
        listing = commands.add_parser(name, help=help_text)
        listing.add_argument("--json", action="store_true")
        listing.set_defaults(carry_out=carry_out)
        if name == "runs":
            listing.add_argument("--delete", metavar="RUN", help="delete this run and its folder")

    commands.add_parser("serve", help="what the window drives (engine/serve.py)").set_defaults(starts=_serve)
    gui = commands.add_parser("gui", help="open the window")
    gui.add_argument("arguments", nargs=argparse.REMAINDER, help="a recipe to open; options of the window")
    gui.set_defaults(starts=_gui)
    demo = commands.add_parser("demo", help="the main job on the starter model, in the terminal")
    demo.add_argument("--to", type=Path, default=Path("bozzetto-demo"), help="folder for the model and the picture")
    demo.set_defaults(carry_out=_demo)
    return parser


def _run(options: argparse.Namespace, streams: Streams) -> int:
    from engine.recipe import read_recipe
    from engine.runner import run
    from engine.terminal import Terminal, event_writer

    recipe = read_recipe(options.recipe)
    cancelled = _cancel_on_interrupt()
    quiet = options.events == "-"
    with event_writer(options.events, streams.out) as write, Terminal(streams, quiet=quiet) as terminal:

        def emit(event: Event) -> None:
            write(event)
            terminal.show(event)

        found = run(recipe, emit, cancelled.is_set, options.out)
    return _tell(found, streams, streams.err if quiet else streams.out)


def _tell(run: Run, streams: Streams, good: TextIO) -> int:
    """The verdict, or the reason; and the exit code."""
    if run.status is Status.FINISHED and run.comparison:
        print(run.comparison.verdict, file=good)
        print(f"Verified folder: {run.model_path}", file=good)
    else:
        print(f"bozzetto: {run.reason}", file=streams.err)
    return EXIT_CODES[run.status]


def _measure(options: argparse.Namespace, streams: Streams) -> int:
    from engine.recipe import DataSource
    from engine.standalone import measure_folder

    source = DataSource(path=options.data, text=options.text, label=options.label)
    found = measure_folder(options.folder, source, options.against)
    _print_as(options, found.model_dump(mode="json"), found.in_words(), streams)
    return 0


def _export(options: argparse.Namespace, streams: Streams) -> int:
    from engine.export import export
    from engine.terminal import Terminal

    cancelled = _cancel_on_interrupt()
    run, runtime = store.read_run(options.run), FORMATS[options.format]
    with Terminal(streams) as terminal:
        found = export(run, runtime, options.to, terminal.show, cancelled.is_set)
    plainly = "loads" if found.loads_plainly else "does not load"
    size = f"{found.size_bytes / 1e6:.1f} MB"
    print(f"{found.folder}: {size}, {plainly} with plain from_pretrained. {found.note}", file=streams.out)
    return 0


def _techniques(options: argparse.Namespace, streams: Streams) -> int:
    from engine.listing import technique_lines, technique_values

    _print_as(options, technique_values(), "\n".join(technique_lines()), streams)
    return 0


def _models(options: argparse.Namespace, streams: Streams) -> int:
    from engine.listing import model_lines, model_values

    _print_as(options, model_values(), "\n".join(model_lines()), streams)
    return 0


def _runs(options: argparse.Namespace, streams: Streams) -> int:
    from engine.listing import run_lines

    if options.delete:
        store.delete_run(options.delete)
        return 0
    runs = store.list_runs()
    _print_as(options, [run.model_dump(mode="json") for run in runs], "\n".join(run_lines(runs)), streams)
    return 0


def _print_as(options: argparse.Namespace, values: object, words: str, streams: Streams) -> None:
    print(json.dumps(values, indent=1) if options.json else words, file=streams.out)


def _serve(_: argparse.Namespace) -> int:
    from engine.serve import main as serve

    serve()
    return 0


def _gui(options: argparse.Namespace) -> int:
    """The window is a program of its own: the engine knows nothing of it but how to start it."""
    window = [argument for argument in options.arguments if argument != "--"]
    return subprocess.call([sys.executable, "-m", "gui", *window])


def _demo(options: argparse.Namespace, streams: Streams) -> int:
    from engine.demo import demo

    return _tell(demo(options.to, _cancel_on_interrupt().is_set, streams), streams, streams.out)


def _cancel_on_interrupt() -> threading.Event:
    """Ctrl+C asks to stop at the next event; a second one stops at once. Either way the record is written."""
    cancelled = threading.Event()

    def ask(number: int, _: object) -> None:
        cancelled.set()
        signal.signal(number, signal.default_int_handler)

    signal.signal(signal.SIGINT, ask)
    signal.signal(signal.SIGTERM, ask)
    return cancelled


def _log_file() -> Path:
    return store.home() / "log.txt"


def _start_log() -> None:
    """Tracebacks go to a file, never to the user. A home that cannot be written is told by whoever needs it."""
    handler: logging.Handler = logging.NullHandler()
    with contextlib.suppress(OSError):
        _log_file().parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(_log_file(), maxBytes=LARGEST_LOG, backupCount=1, encoding="utf-8", delay=True)
    logging.basicConfig(
        handlers=[handler], level=logging.WARNING, format="%(asctime)s %(process)d %(name)s %(levelname)s %(message)s"
    )


if __name__ == "__main__":
    sys.exit(main())
