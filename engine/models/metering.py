"""How far a download from the Hub is: what its client would draw as progress bars is told instead."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from typing import Any

Tell = Callable[[float, float, str], None]
"""Told done, total and of what; may raise, which ends the download."""
DOWNLOADING = "downloading the model, in MB"
EVERY_SECONDS = 0.2


def meter(tell: Tell) -> type[Any]:
    """A class of progress bars that draws nothing, for one download.

    The client keeps two bars of bytes (those that came and those that were put together on disk) and one of files:
    the bytes that are furthest are told.
    """
    from tqdm.std import tqdm

    bars: list[tqdm[Any]] = []
    lock = threading.Lock()  # files come in threads of their own
    told = -EVERY_SECONDS

    def look() -> None:
        nonlocal told
        with lock:
            done, total = (max(float(value or 0) for value in values) for values in zip(*_read(bars), strict=True))
            if time.monotonic() - told < EVERY_SECONDS and done < total:
                return
            told = time.monotonic()
            tell(round(done / 1e6), round(total / 1e6), DOWNLOADING)

    class Meter(tqdm):
        monitor_interval = 0  # else a thread would watch over when to draw

        def __init__(self, *arguments: Any, **settings: Any) -> None:
            super().__init__(*arguments, **{**settings, "file": io.StringIO(), "disable": False})
            if self.unit == "B":
                bars.append(self)

        def update(self, n: float | None = 1) -> bool | None:
            drawn = super().update(n)
            if self.unit == "B":
                look()
            return drawn

    return Meter


def _read(bars: list[Any]) -> list[tuple[float, float]]:
    return [(bar.n, bar.total) for bar in bars]
