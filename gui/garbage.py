"""Looks for garbage in the window's thread only.

Python collects reference cycles in whatever thread happens to allocate: in the thread that reads
the engine's events, say. A plot's items destroyed there, while the window paints without the
interpreter lock, end the program. pyqtgraph's `util/garbage_collector.py` has the same remedy.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

LOOK_EVERY_MS = 1000


class GarbageCollector(QObject):
    """While it lives, cycles are collected by its timer and never elsewhere."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        self._timer = QTimer(self)
        self._timer.timeout.connect(collect_what_is_due)
        self._timer.start(LOOK_EVERY_MS)


def collect_what_is_due() -> None:
    """The oldest generation whose threshold is passed, as the interpreter itself would."""
    due = [
        generation
        for generation, (count, threshold) in enumerate(zip(gc.get_count(), gc.get_threshold(), strict=True))
        if threshold and count > threshold
    ]
    if due:
        gc.collect(max(due))
