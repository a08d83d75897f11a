"""The foot of the window: what this machine is and how busy it is."""

from __future__ import annotations

import psutil
from PySide6.QtCore import QThread, QTimer, Signal
from PySide6.QtWidgets import QLabel, QStatusBar, QWidget

from engine.device import Device, this_machine

LOOK_MS = 2000


class StatusBar(QStatusBar):
    """Processor, its load, memory, GPU. Looked at every two seconds; each look costs well under 1 ms."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self.device = self._label(self.tr("The processor that everything is measured on."))
        self.load = self._label(self.tr("How busy all cores together are, every program included."))
        self.memory = self._label(self.tr("Memory in use by all programs, of what there is."))
        self.gpu = self._label(self.tr("The graphics processor that training can use, if there is one."))
        self.addWidget(self.device, 1)
        for label in (self.load, self.memory, self.gpu):
            self.addPermanentWidget(label)
        self._timer = QTimer(self, interval=LOOK_MS)
        self._timer.timeout.connect(self.look)
        self._finder = _Finder(self)
        self._finder.found.connect(self.show_device)

    def begin(self) -> None:
        """Start to look. Finding the GPU may take a second, so a thread does it."""
        psutil.cpu_percent()  # the first call only starts counting
        self._timer.start()
        self._finder.start()
        self.look()

    def end(self) -> None:
        """Stop looking; waits for the thread."""
        self._timer.stop()
        self._finder.wait()

    def look(self) -> None:
        """Read load and memory."""
        memory = psutil.virtual_memory()
        used, total = (memory.total - memory.available) / 1e9, memory.total / 1e9
        self.load.setText(self.tr("CPU {0:.0f} %").format(psutil.cpu_percent()))
        self.memory.setText(self.tr("Memory {0:.1f} of {1:.1f} GB").format(used, total))

    def show_device(self, device: Device) -> None:
        """Name the machine."""
        cores = self.tr("{0} · {1} cores").format(device.name, device.cores)
        fast = self.tr(" · 8-bit instructions") if device.runs_int8 else ""
        self.device.setText(cores + fast)
        self.gpu.setText(device.gpu or self.tr("no GPU"))

    def _label(self, help: str) -> QLabel:
        label = QLabel()
        label.setToolTip(help)
        return label


class _Finder(QThread):
    """Asks what this machine is."""

    found = Signal(Device)

    def run(self) -> None:
        self.found.emit(this_machine())
