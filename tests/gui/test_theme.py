"""Light and dark: readable both, and every role of the style sheet known."""

import pytest
from PySide6.QtGui import QColor

from gui.theme import DARK, LIGHT, THEME, blend, colors, is_dark, use


def contrast(front, back):
    """The ratio of WCAG 2: 4.5 is enough for ordinary text, 3 for large text and signs."""

    def luminance(name):
        parts = [part / 255 for part in QColor(name).getRgb()[:3]]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(front), luminance(back)), reverse=True)
    return round((light + 0.05) / (dark + 0.05), 1)


@pytest.mark.parametrize("role", [LIGHT, DARK], ids=["light", "dark"])
def test_words_can_be_read_on_every_surface(role):
    for surface in (role.background, role.surface, role.raised):
        for words in (role.text, role.muted, role.good, role.warning, role.bad):
            assert contrast(words, surface) >= 4.5, (words, surface)
        assert contrast(role.accent, surface) >= 4.5
    assert contrast(role.on_accent, role.accent) >= 4.5


def test_switching_tells_those_who_follow(qtbot, qapp):
    with qtbot.waitSignal(THEME.changed):
        use(qapp, dark=True)
    assert colors() is DARK
    use(qapp, dark=is_dark("light"))
    assert colors() is LIGHT


def test_no_role_is_left_unfilled(qapp):
    for dark in (True, False):
        use(qapp, dark=dark)
        assert "$" not in qapp.styleSheet()


def test_a_blend_lies_between():
    assert blend("#ffffff", "#000000", 0.5) == "#808080"
    assert blend("#102030", "#ffffff", 1.0) == "#102030"
