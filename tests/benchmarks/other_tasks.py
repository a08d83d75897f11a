"""What the techniques do to a language model, an embedder and a classifier that is to be as small as can be."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import hand_language

from engine.baseline import baseline_of, load_again
from engine.data.source import inspect
from engine.events import Event, Progress
from engine.measure.referee import Referee
from engine.models.resolve import resolve
from engine.presets import presets_for
from engine.recipe import Recipe, recipe_from
from engine.run import Comparison, Difference, Measurement, Ratio, Run
from engine.runner import run

Say = Callable[[str], None]
WRITER, DEFINITIONS, EMBEDDER = "starter:definition-writer", "starter:definitions", "starter:minilm"
FOUR = {"bits": 4, "runtime": "openvino", "group_size": 32}
PROBES = Path(__file__).parent / "probes"


@dataclass(frozen=True)
class Row:
    """A way to make a model small."""

    name: str
    steps: list[dict[str, object]] = field(default_factory=list)


LANGUAGE = (
    Row("8 bits, OpenVINO", [{"quantize": {"bits": 8, "runtime": "openvino"}}]),
    *(
        Row(f"4 bits, {method}, OpenVINO", [{"quantize": FOUR | {"method": method}}])
        for method in ("round-to-nearest", "awq", "gptq", "scale estimation")
    ),
    Row("4 bits, AWQ, groups of 64", [{"quantize": FOUR | {"method": "awq", "group_size": 64}}]),
    Row("4 bits, vocabulary at 8", [{"quantize": FOUR | {"vocabulary_bits": 8}}]),
    Row("4 bits, a quarter of the layers at 8", [{"quantize": FOUR | {"protected": 0.25}}]),
    *(
        Row(f"50 % zeros, {name}", [{"prune": {"structure": "weights", "sparsity": 0.5, "importance": importance}}])
        for name, importance in (
            ("magnitude by layer", "magnitude"),
            ("magnitude over all", "magnitude over all layers"),
            ("Wanda", "activation"),
            ("SparseGPT", "sparsegpt"),
        )
    ),
    Row("2:4, SparseGPT", [{"prune": {"structure": "weights", "pattern": "2:4", "importance": "sparsegpt"}}]),
)
EMBEDDING = (
    Row("8 bits", [{"quantize": {"bits": 8}}]),
    Row("8 bits, PCA to 128", [{"pca": {"dimensions": 128}}, {"quantize": {"bits": 8}}]),
    Row(
        "8 bits of weights alone, PCA to 128",
        [{"pca": {"dimensions": 128}}, {"quantize": {"bits": 8, "weights_only": True}}],
    ),
)
SMALLEST = (
    Row(
        "Smallest, with three tenths of the vocabulary",
        [
            {"prune": {"structure": "feed-forward neurons", "sparsity": 0.25}},
            {"distill": {"layers": 0.5, "minutes": 8}},
            {"vocabulary": {"keep": 0.3}},
            {"fine_tune": {"minutes": 4}},
            {"quantize": {"bits": 8}},
        ],
    ),
)


class HandReferee(Referee):
    """A referee who can also open what only its maker can."""

    opens = hand_language.HandProcess


def sections(say: Say) -> list[str]:
    """Tables for the starters."""
    return [
        "Language model (the definition writer), against torch in 32 bits with a key-value cache. Changes in brackets "
        "are in percent of perplexity (negative is worse) and in points:\n\n"
        + table(WRITER, DEFINITIONS, LANGUAGE, say, by_hand),
        "Embedder (the reverse dictionary):\n\n" + table(EMBEDDER, "starter:reverse", EMBEDDING, say),
        "Classification:\n\n" + table("starter:kinds-minilm", "starter:kinds", SMALLEST, say),
        probe("large_export.py", say),
        probe("against_llama_cpp.py", say),
    ]


def any_model(model: str, data: str | None, say: Say) -> str:
    """The presets on a model and data of the caller's."""
    source = recipe_from({"model": model, "data": data or "starter:kinds", "steps": []}).source
    presets = presets_for(inspect(source).task, resolve(model).profile)
    rows = [
        Row(preset.title, [{step.name: step.model_dump(mode="json")} for step in preset.steps]) for preset in presets
    ]
    return table(model, data or "starter:kinds", rows, say)


def table(
    model: str,
    data: str,
    rows: tuple[Row, ...] | list[Row],
    say: Say,
    more: Callable[[Run, Say], list[str]] = lambda run, say: [],
) -> str:
    """One line a row: size, quality, all speeds; then those of `more`, and how exact the cards were about size."""
    lines: list[str] = []
    told: list[str] = []
    last = None
    for row in rows:
        say(row.name)
        recipe = recipe_from({"model": model, "data": data, "steps": row.steps})
        converted = Converted()
        found = run(recipe, converted)
        if found.optimized is None or found.comparison is None or found.baseline is None:
            lines.append(f"| {row.name} | {found.status.value}: {found.reason} |")
            continue
        lines = lines if last else [*_head(found.comparison), *lines]
        last = found
        lines.append(_line(row.name, found.baseline, found.optimized, found.comparison))
        told.append(f"{row.name}: {_foretold(recipe, found)}{converted.share}")
    lines += more(last, say) if last else []
    return "\n".join(lines) + "\n\nThe file beside what the card foretold: " + "; ".join(told) + "."


def by_hand(finished: Run, say: Say) -> list[str]:
    """The routes by hand, judged on the same windows against the same original."""
    baseline = baseline_of(finished)
    assert finished.baseline is not None
    data = load_again(baseline, Recipe.model_validate(finished.recipe), None)
    lines = []
    for name, make in hand_language.ROUTES.items():
        say(name)
        with tempfile.TemporaryDirectory() as place:
            make(baseline.folder, Path(place))
            with HandReferee(baseline, data, lambda: None) as referee:
                found = referee.judge(Path(place), "8 bits", lambda *_: None)
        lines.append(_line(name, finished.baseline, found.measurement, found.comparison))
    return lines


class Converted:
    """Listens for how much of a model became narrow."""

    def __init__(self) -> None:
        self.share = ""

    def __call__(self, event: Event) -> None:
        if isinstance(event, Progress) and "of the weights have" in event.message:
            self.share = f" ({event.message.rpartition(': ')[2]})"


def probe(name: str, say: Say) -> str:
    """The sentence that a probe prints last, in a process of its own."""
    say(name)
    with tempfile.TemporaryDirectory() as place:
        ended = subprocess.run([sys.executable, str(PROBES / name), place], capture_output=True, text=True, check=True)
    return ended.stdout.strip().splitlines()[-1]


def _foretold(recipe: Recipe, found: Run) -> str:
    """How far the folder is from the last card's size."""
    profile = resolve(recipe.model).profile
    for step in recipe.steps[:-1]:
        profile = step.after(profile)
    assert found.optimized is not None
    return f"{(found.optimized.size_bytes or 0) / recipe.steps[-1].estimate(profile).size_bytes - 1:+.2%}"


def _head(comparison: Comparison) -> list[str]:
    names = ["route", "size", "smaller", *comparison.speeds, *comparison.qualities]
    return ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]


def _line(name: str, baseline: Measurement, found: Measurement, comparison: Comparison) -> str:
    before = {quality.metric: quality for quality in baseline.qualities}
    after = {quality.metric: quality for quality in found.qualities}
    cells = [name, f"{(found.size_bytes or 0) / 1e6:.1f} MB", f"{comparison.size:.2f}×"]
    cells += [_ratio(ratio) for ratio in comparison.speeds.values()]
    cells += [
        f"{before[metric].written} → {after[metric].written} ({_change(difference)})"
        for metric, difference in comparison.qualities.items()
    ]
    return "| " + " | ".join(cells) + " |"


def _ratio(ratio: Ratio) -> str:
    return f"{ratio.value:.2f}× [{ratio.low:.2f}, {ratio.high:.2f}]"


def _change(difference: Difference) -> str:
    value, low, high = 100 * difference.value, 100 * difference.low, 100 * difference.high
    return f"{value:+.2f} [{low:+.2f}, {high:+.2f}]"
