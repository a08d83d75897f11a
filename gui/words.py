"""Engine words as they are said on screen, where they can be translated."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from engine.technique import Certainty


def certainty(of: Certainty) -> str:
    """How sure a prediction is."""
    return {
        "exact": QCoreApplication.translate("words", "exact"),
        "estimated": QCoreApplication.translate("words", "estimated"),
        "only measuring will tell": QCoreApplication.translate("words", "only measuring will tell"),
    }[of]


def rough_duration(seconds: float) -> str:
    """A time foretold: "about 40 s", "about 7 min", "about 2 h"."""
    if seconds < 90:
        return QCoreApplication.translate("words", "about {0:.0f} s").format(max(10, round(seconds, -1)))
    if seconds < 5400:
        return QCoreApplication.translate("words", "about {0:.0f} min").format(seconds / 60)
    return QCoreApplication.translate("words", "about {0:.1f} h").format(seconds / 3600)
