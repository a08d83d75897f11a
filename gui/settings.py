"""What the window remembers from one day to the next, in a file beside the runs.

$BOZZETTO_HOME moves it along with everything else, so a test or a demo never touches a user's own.
"""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QSettings

from engine import store
from engine.errors import Refused
from engine.recipe import Recipe, parse_recipe
from gui.theme import CHOICES

MOST_RECENT = 8


class Settings:
    """Typed access to the settings file; whatever cannot be read is as if it were not there."""

    def __init__(self) -> None:
        self._file = QSettings(str(store.home() / "window.ini"), QSettings.Format.IniFormat)

    @property
    def theme(self) -> str:
        """One of `gui.theme.CHOICES`."""
        found = str(self._file.value("theme", "system"))
        return found if found in CHOICES else "system"

    def set_theme(self, choice: str) -> None:
        """Remember the choice."""
        self._file.setValue("theme", choice)

    @property
    def recipe(self) -> Recipe | None:
        """The recipe that the window was closed with."""
        try:
            return parse_recipe(str(self._file.value("recipe", "")))
        except Refused:
            return None

    def set_recipe(self, recipe: Recipe) -> None:
        """Remember it."""
        self._file.setValue("recipe", recipe.to_yaml())

    def state(self, name: str) -> QByteArray | None:
        """What a widget's `saveState` or `saveGeometry` gave."""
        found = self._file.value(f"state/{name}")
        return found if isinstance(found, QByteArray) else None

    def set_state(self, name: str, state: QByteArray) -> None:
        """Remember it."""
        self._file.setValue(f"state/{name}", state)

    def recent(self, what: str) -> list[str]:
        """Models ("models") or data files ("data") used before, latest first."""
        found = self._file.value(f"recent/{what}", [])
        return [str(each) for each in (found if isinstance(found, list) else [found]) if each]

    def add_recent(self, what: str, value: str) -> None:
        """Put one at the front."""
        others = [each for each in self.recent(what) if each != value]
        self._file.setValue(f"recent/{what}", [value, *others][:MOST_RECENT])

    def forget_layout(self) -> None:
        """Drop all remembered sizes and places."""
        self._file.remove("state")

    def save(self) -> None:
        """Write the file now."""
        self._file.sync()
