"""What the techniques do to a language model, an embedder and a classifier that is to be as small as can be."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from engine.presets import PRESETS
from engine.recipe import recipe_from
from engine.run import Comparison, Difference, Measurement, Ratio
from engine.runner import run

Say = Callable[[str], None]
WRITER, EMBEDDER = "starter:definition-writer", "starter:minilm"
FOUR = {"bits": 4, "runtime": "openvino", "group_size": 32}
LARGE = Path(__file__).parent / "probes" / "large_export.py"


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
)
SMALLEST = (
    Row(
        "Smallest, with a quarter of the vocabulary",
        [
            {"prune": {"structure": "feed-forward neurons", "sparsity": 0.25}},
            {"distill": {"layers": 0.5, "minutes": 8}},
            {"vocabulary": {"keep": 0.25}},
            {"quantize": {"bits": 8}},
        ],
    ),
)


def sections(say: Say) -> list[str]:
    """Tables for the starters."""
    return [
        "Language model (the definition writer):\n\n" + table(WRITER, "starter:definitions", LANGUAGE, say),
        "Embedder (the reverse dictionary):\n\n" + table(EMBEDDER, "starter:reverse", EMBEDDING, say),
        "Classification:\n\n" + table("starter:kinds-minilm", "starter:kinds", SMALLEST, say),
        large_export(say),
    ]


def any_model(model: str, data: str | None, say: Say) -> str:
    """The presets on a model and data of the caller's."""
    rows = [
        Row(preset.title, [{step.name: step.model_dump(mode="json")} for step in preset.steps]) for preset in PRESETS
    ]
    return table(model, data or "starter:kinds", rows, say)


def table(model: str, data: str, rows: tuple[Row, ...] | list[Row], say: Say) -> str:
    """One line a row: size, quality, all speeds."""
    lines: list[str] = []
    for row in rows:
        say(row.name)
        found = run(recipe_from({"model": model, "data": data, "steps": row.steps}), lambda _: None)
        if found.optimized is None or found.comparison is None or found.baseline is None:
            lines.append(f"| {row.name} | {found.status.value}: {found.reason} |")
            continue
        if not lines or not lines[0].startswith("| route"):
            lines = [*_head(found.comparison), *lines]
        lines.append(_line(row.name, found.baseline, found.optimized, found.comparison))
    return "\n".join(lines)


def large_export(say: Say) -> str:
    """Seconds and peak memory of writing a random-weight Llama of 135 M parameters at 8 bits for OpenVINO."""
    say("export of a 135 M-parameter Llama")
    with tempfile.TemporaryDirectory() as place:
        ended = subprocess.run([sys.executable, str(LARGE), place], capture_output=True, text=True, check=True)
    return ended.stdout.strip().splitlines()[-1]


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
