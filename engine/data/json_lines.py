"""Rows of a JSON Lines file: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from engine.data.lines import read_lines
from engine.errors import Refused


def read_json_lines(path: Path) -> Iterator[dict[str, object]]:
    """Rows as key → value; `Refused` names the line that is no JSON object."""
    for number, line in read_lines(path):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Refused(_broken(path, number, line, str(error))) from error
        if not isinstance(row, dict):
            raise Refused(_broken(path, number, line, "it is no object"))
        yield row


def _broken(path: Path, number: int, line: str, reason: str) -> str:
    if number == 1 and line.lstrip().startswith("["):
        return (
            f"{path} holds one JSON list. Save it as JSON Lines instead: "
            'one object a line, such as {"text": "…", "label": "…"}.'
        )
    return (
        f"{path}, line {number:,}, is not a JSON object ({reason}). "
        "Correct or remove that line; every line must be one object."
    )
