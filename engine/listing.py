"""What `bozzetto techniques`, `models` and `runs` print."""

from __future__ import annotations

from typing import Any

from engine.models.starter import catalogue
from engine.models.wellknown import PURPOSES, WELL_KNOWN
from engine.run import Run
from engine.runtimes import RUNTIMES
from engine.technique import Control, Options, Slider
from engine.techniques import TECHNIQUES


def technique_values() -> list[dict[str, Any]]:
    """Every technique with its parameters, as plain values."""
    found = []
    for technique in TECHNIQUES:
        parameters = {}
        for name, control in technique.controls().items():
            field = technique.model_fields[name]
            parameters[name] = {
                "default": field.default,
                "title": control.title,
                "help": control.help,
                **_range(control),
            }
        found.append(
            {
                "name": technique.name,
                "title": technique.title,
                "technical": technique.technical,
                "summary": technique.summary,
                "source": technique.source,
                "parameters": parameters,
            }
        )
    return found


def technique_lines() -> list[str]:
    """The same, to be read."""
    lines = []
    for technique in technique_values():
        lines += [
            f"{technique['name']}  {technique['title']} ({technique['technical']})",
            f"    {technique['summary']}",
        ]
        for name, parameter in technique["parameters"].items():
            allowed = (
                parameter.get("values")
                or f"{parameter.get('low')} to {parameter.get('high')} {parameter.get('unit', '')}"
            )
            allowed = "on or off" if isinstance(parameter["default"], bool) else allowed
            default = parameter["default"]
            if default == "":
                allowed, default = "a model's name", "none"
            lines.append(f"    {name}: {allowed} (default {default}). {parameter['help']}")
    return lines


def model_values() -> dict[str, Any]:
    """Starters, what can be had from the Hub by name, and the runtimes of this machine."""
    entries = catalogue()
    return {
        "models": [
            {"name": f"starter:{m.name}", "title": m.title, "summary": m.summary, "task": m.task}
            for m in entries.models.values()
        ],
        "data": [{"name": f"starter:{d.name}", "title": d.title, "summary": d.summary} for d in entries.data.values()],
        "hub": [
            {
                "name": model.name,
                "title": model.title,
                "task": model.task,
                "parameters": model.parameters,
                "download_bytes": model.download_bytes,
                "memory_bytes": model.memory.peak,
                "fit": model.fit,
                "is_here": model.is_here,
            }
            for model in WELL_KNOWN
        ],
        "runtimes": [{"name": r.name, "title": r.title, "missing": r.missing() or ""} for r in RUNTIMES],
    }


def model_lines() -> list[str]:
    """The same, to be read."""
    values = model_values()
    lines = [f"{entry['name']}  {entry['title']}. {entry['summary']}" for entry in (*values["models"], *values["data"])]
    lines += [
        f"{model.name}  {model.title}. {PURPOSES[model.use]} "
        f"{'On this computer already' if model.is_here else f'{model.download_in_words} from the network'}; "
        f"{model.fit_in_words}."
        for model in WELL_KNOWN
    ]
    return lines + [f"runtime {r['name']}: {r['missing'] or 'ready'}" for r in values["runtimes"]]


def run_lines(runs: list[Run]) -> list[str]:
    """One line a run: id, how it ended, the verdict or the reason."""
    if not runs:
        return ["No runs yet. Start one with: bozzetto run RECIPE.yaml"]
    return [
        f"{run.id}  {run.status.value:<12}  {run.comparison.verdict if run.comparison else run.reason}" for run in runs
    ]


def _range(control: Control) -> dict[str, Any]:
    if isinstance(control, Slider):
        return {"low": control.low, "high": control.high, "step": control.step, "unit": control.unit}
    return {"values": list(control.labels)} if isinstance(control, Options) else {}
