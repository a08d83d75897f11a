"""Colours, fonts and spacing; light and dark. Every widget asks here, none names a colour itself.

`style.qss` beside this file holds the look of the stock widgets, with the roles below in place of
colours. A widget that differs says so in its object name or in a dynamic property (`class`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib.resources import files
from string import Template

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontInfo, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QWidget

CHOICES = ("light", "dark", "system")
FAMILIES = ("Inter", "Segoe UI", "SF Pro Text", "Helvetica Neue", "Cantarell", "Noto Sans", "Open Sans")


@dataclass(frozen=True)
class Colors:
    """Roles, not hues. Hex strings."""

    dark: bool
    background: str
    surface: str
    raised: str
    border: str
    text: str
    muted: str
    accent: str
    on_accent: str
    original: str
    optimized: str
    estimate: str
    good: str
    warning: str
    bad: str


LIGHT = Colors(
    dark=False,
    background="#f5f3ef",
    surface="#ffffff",
    raised="#faf8f5",
    border="#ddd7cd",
    text="#24211d",
    muted="#6f675c",
    accent="#b4532a",
    on_accent="#ffffff",
    original="#6f675c",
    optimized="#b4532a",
    estimate="#c9916f",
    good="#2f7d4f",
    warning="#946200",
    bad="#b3261e",
)
DARK = Colors(
    dark=True,
    background="#1d1b19",
    surface="#262320",
    raised="#2f2b27",
    border="#433d36",
    text="#f0ebe4",
    muted="#a89f93",
    accent="#e07a4b",
    on_accent="#1d1b19",
    original="#a89f93",
    optimized="#e07a4b",
    estimate="#9c6a4f",
    good="#63b885",
    warning="#d9a441",
    bad="#f2736a",
)


class _Theme(QObject):
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.colors = LIGHT


THEME = _Theme()


def colors() -> Colors:
    """The colours in force; connect to `THEME.changed` to follow."""
    return THEME.colors


def use(app: QApplication, *, dark: bool) -> None:
    """Switch the whole application to light or dark."""
    prepare(app, dark=dark)
    dress(app)
    THEME.changed.emit()


def prepare(app: QApplication, *, dark: bool) -> None:
    """Colours and font, which widgets ask for while they are made."""
    THEME.colors = DARK if dark else LIGHT
    app.setFont(_font(app))
    app.setPalette(_palette(THEME.colors))


def dress(app: QApplication) -> None:
    """The style sheet. At the start it comes last: each widget put into another is styled again."""
    app.setStyleSheet(_style_sheet(THEME.colors, QFontInfo(app.font()).pixelSize()))


def is_dark(choice: str) -> bool:
    """What a choice of "light", "dark" or "system" (as the desktop says) comes to."""
    return choice == "dark" or (choice == "system" and system_is_dark())


def system_is_dark() -> bool:
    """Whether the desktop asks for dark windows; light where it does not say."""
    return QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark


def blend(front: str, back: str, share: float) -> str:
    """A colour between two: `share` of `front` over `back`."""
    a, b = QColor(front), QColor(back)
    channels = ((a.red(), b.red()), (a.green(), b.green()), (a.blue(), b.blue()))
    return QColor(*(round(x * share + y * (1 - share)) for x, y in channels)).name()


def restyle(widget: QWidget) -> None:
    """Look again at a widget's style after one of its dynamic properties changed."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def _font(app: QApplication) -> QFont:
    """The first of the faces we like that is installed, else the system's own."""
    font = app.font()
    own = [family for family in font.families() if family not in FAMILIES]
    font.setFamilies([*FAMILIES, *own])
    font.setHintingPreference(QFont.HintingPreference.PreferVerticalHinting)
    return font


def _palette(role: Colors) -> QPalette:
    """For what a style sheet does not reach: plots' menus, selections, placeholder texts."""
    palette = QPalette()
    pairs = {
        QPalette.ColorRole.Window: role.background,
        QPalette.ColorRole.Base: role.surface,
        QPalette.ColorRole.AlternateBase: role.raised,
        QPalette.ColorRole.Button: role.surface,
        QPalette.ColorRole.Text: role.text,
        QPalette.ColorRole.WindowText: role.text,
        QPalette.ColorRole.ButtonText: role.text,
        QPalette.ColorRole.ToolTipBase: role.text,
        QPalette.ColorRole.ToolTipText: role.background,
        QPalette.ColorRole.PlaceholderText: role.muted,
        QPalette.ColorRole.Highlight: role.accent,
        QPalette.ColorRole.HighlightedText: role.on_accent,
        QPalette.ColorRole.Link: role.accent,
        QPalette.ColorRole.Mid: role.border,
    }
    for place, color in pairs.items():
        palette.setColor(place, QColor(color))
    faded = QColor(blend(role.muted, role.background, 0.6))
    for place in (QPalette.ColorRole.Text, QPalette.ColorRole.WindowText, QPalette.ColorRole.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, place, faded)
    return palette


def _style_sheet(role: Colors, pixels: int) -> str:
    template = Template(files("gui").joinpath("style.qss").read_text(encoding="utf-8"))
    icons = str(files("resources").joinpath("icons")).replace("\\", "/")
    made = {
        "icons": icons,
        "small": str(max(9, round(pixels * 0.9))),
        "large": str(round(pixels * 1.15)),
        "shade": "dark" if role.dark else "light",
        "wash": blend(role.accent, role.surface, 0.12),
        "hover": blend(role.text, role.surface, 0.06),
        "pressed": blend(role.text, role.surface, 0.12),
        "accent_hover": blend(role.text, role.accent, 0.12),
        "accent_ring": blend(role.text, role.accent, 0.55),
        "faded": blend(role.muted, role.background, 0.55),
        "groove": blend(role.text, role.surface, 0.14),
        "bad_wash": blend(role.bad, role.surface, 0.12),
        "warning_wash": blend(role.warning, role.surface, 0.12),
        "good_wash": blend(role.good, role.surface, 0.12),
    }
    return template.substitute(asdict(role) | made)
