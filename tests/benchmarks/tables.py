"""Markdown tables of what was measured, and their place in the README."""

from __future__ import annotations

from pathlib import Path

from engine.run import Comparison, Measurement, Ratio

HEAD = "| route | size | smaller | one text (batch 1) | batches of 32 | accuracy | change in points | peak memory |"


def routes(rows: list[tuple[str, Measurement, Comparison]]) -> str:
    """One line a route; ratios are against torch fp32."""
    lines = [HEAD, "|---|---|---|---|---|---|---|---|"]
    return "\n".join(lines + [_route(*row) for row in rows])


def figures(rows: list[tuple[str, str, str]]) -> str:
    """(what, measured, target) as a table."""
    lines = ["| figure | measured | target |", "|---|---|---|"]
    return "\n".join(lines + [f"| {what} | {measured} | {target} |" for what, measured, target in rows])


def write_between_marks(readme: Path, name: str, text: str) -> None:
    """Replace what stands between the marks of `name`; raises ValueError where they are missing."""
    first, last = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, begin, rest = readme.read_text(encoding="utf-8").partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end:
        raise ValueError(f"{readme} lacks the marks {first} and {last}")
    readme.write_text(f"{before}{first}\n{text}\n{last}{after}", encoding="utf-8")


def _route(name: str, found: Measurement, comparison: Comparison) -> str:
    difference = comparison.quality
    assert found.quality and difference and found.size_bytes and found.memory
    value, low, high = 100 * difference.value, 100 * difference.low, 100 * difference.high
    points = f"{value:+.2f} [{low:+.2f}, {high:+.2f}], p = {difference.p_value:.2f}"
    cells = [
        name,
        f"{found.size_bytes / 1e6:.1f} MB",
        f"{comparison.size:.2f}×",
        _ratio(comparison.latency),
        _ratio(comparison.throughput),
        f"{found.quality.value:.2%}".replace("%", " %"),
        points,
        f"{found.memory.peak_bytes / 1e6:.0f} MB",
    ]
    return "| " + " | ".join(cells) + " |"


def _ratio(ratio: Ratio | None) -> str:
    return "–" if ratio is None else f"{ratio.value:.2f}× [{ratio.low:.2f}, {ratio.high:.2f}]"
