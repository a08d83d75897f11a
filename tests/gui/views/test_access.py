"""Every control says what it does, has a name for a screen reader, and can be reached by keyboard."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QHeaderView,
    QLineEdit,
    QProgressBar,
    QWidget,
)

from gui.plots.live import LivePlots
from gui.plots.runs_map import RunsMap
from gui.runs.changed import ChangedAnswers
from gui.runs.compare import Compare
from gui.runs.table import RunsTable
from gui.tabs.layers import Layers
from gui.tabs.log import Log
from gui.tabs.try_it import TryIt
from gui.theme import use
from gui.verdict import Verdict

VIEWS = (LivePlots, RunsMap, Verdict, RunsTable, Compare, ChangedAnswers, TryIt, Layers, Log)
CONTROLS = (QAbstractButton, QLineEdit, QAbstractScrollArea, QProgressBar)


def is_ours(widget: QWidget) -> bool:
    """Not the pieces that Qt puts into its own widgets (corner and clear buttons), nor a plot's canvas."""
    from gui.plots.canvas import Canvas

    parent = widget.parentWidget()
    within = (QLineEdit, QAbstractScrollArea, QAbstractSpinBox)
    inner = isinstance(widget, (QHeaderView, Canvas)) or isinstance(parent, within)
    return isinstance(widget, CONTROLS) and not inner


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
def test_every_control_explains_itself(shown, view):
    made = shown(view())
    for control in filter(is_ours, made.findChildren(QWidget)):
        assert control.accessibleName(), control
        assert control.toolTip(), control
        if isinstance(control, (QAbstractButton, QLineEdit)):
            assert control.focusPolicy() & Qt.FocusPolicy.TabFocus, control


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
def test_a_constructor_takes_only_a_parent(qtbot, view):
    parent = QWidget()
    qtbot.addWidget(parent)
    assert view(parent).parent() is parent


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
def test_the_theme_may_change_at_any_time(shown, qapp, sample, view):
    made = shown(view())
    if hasattr(made, "set_runs"):
        made.set_runs([sample.run("a"), sample.failed()])
    use(qapp, dark=True)
    dark = made.grab().toImage()
    use(qapp, dark=False)
    assert made.grab().toImage() != dark
