"""Keeps the process alive where PySide6 drops a reference that it does not own.

Up to Python 3.11, `True` is counted like any object. In PySide6 6.12.0, `Signal.emit()` returns it
without counting it, so every emit takes one reference away, and after some thousands Python ends
the process ("bool_dealloc: deallocating True or False"). From 3.12 on `True` is immortal, and
nothing has to be done.
"""

from __future__ import annotations

import sys

PLENTY = 1 << 40
"""More emits than a window will ever make."""


def keep_true_alive() -> None:
    """Give `True` so many references that losing one at each emit does not matter."""
    if sys.version_info < (3, 12) and sys.implementation.name == "cpython":
        import ctypes

        count = ctypes.c_ssize_t.from_address(id(True))
        if count.value < PLENTY:
            count.value += PLENTY
