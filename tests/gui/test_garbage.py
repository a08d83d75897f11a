"""Cycles are collected in the window's thread, and nowhere else."""

import gc
import threading
from typing import ClassVar

from PySide6.QtCore import QObject

from gui.garbage import GarbageCollector, collect_what_is_due


class Cycle:
    """Refers to itself, and notes the thread in which it is destroyed."""

    ended_in: ClassVar[list[str]] = []

    def __init__(self):
        self.me = self

    def __del__(self):
        self.ended_in.append(threading.current_thread().name)


def test_another_thread_collects_nothing(qtbot):
    Cycle.ended_in.clear()
    keeper = QObject()
    GarbageCollector(keeper)
    Cycle()

    kept = []
    thread = threading.Thread(target=lambda: kept.extend([number] for number in range(20_000)), name="reader")
    thread.start()
    thread.join()
    assert not Cycle.ended_in
    qtbot.waitUntil(lambda: bool(Cycle.ended_in), timeout=5000)
    assert set(Cycle.ended_in) == {threading.main_thread().name}


def test_what_is_due_is_what_the_interpreter_would_collect():
    gc.collect()
    Cycle.ended_in.clear()
    Cycle()
    collect_what_is_due()
    assert not Cycle.ended_in
    made = [[number] for number in range(gc.get_threshold()[0] + 100)]
    collect_what_is_due()
    assert made and Cycle.ended_in
