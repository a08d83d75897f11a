"""PySide6 6.12.0 takes a reference from `True` at every emit; the window survives more than it has."""

import subprocess
import sys
from pathlib import Path

CODE = """
import gui
from PySide6.QtCore import QObject, Signal
class Teller(QObject):
    told = Signal()
teller = Teller()
for _ in range(100_000):
    teller.told.emit()
print("alive")
"""


def test_a_hundred_thousand_emits_are_survived():
    root = Path(__file__).resolve().parents[2]
    ended = subprocess.run([sys.executable, "-c", CODE], cwd=root, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "alive\n"), ended.stderr
