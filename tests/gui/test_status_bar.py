"""The foot of the window: the machine in words."""

from engine.device import this_machine
from gui.status_bar import StatusBar


def test_it_names_the_machine_and_its_load(qtbot, home):
    bar = StatusBar()
    qtbot.addWidget(bar)
    bar.begin()
    qtbot.waitUntil(lambda: bar.device.text() != "", timeout=10_000)
    bar.end()
    assert str(this_machine().cores) in bar.device.text()
    assert "CPU" in bar.load.text() and "GB" in bar.memory.text()


def test_a_machine_without_a_gpu_says_so(qtbot, home):
    bar = StatusBar()
    qtbot.addWidget(bar)
    bar.show_device(this_machine().model_copy(update={"gpu": ""}))
    assert bar.gpu.text() == "no GPU"
    bar.show_device(this_machine().model_copy(update={"gpu": "RTX 9000"}))
    assert bar.gpu.text() == "RTX 9000"
