"""How far a model's download is, with a way to stop it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QWidget

from gui.numbers import count


class Download(QWidget):
    """A bar and a button; hidden while nothing is downloaded."""

    stopped = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bar = QProgressBar()
        self.bar.setAccessibleName(self.tr("Progress of the download"))
        self.stop = QPushButton(self.tr("Stop"))
        self.stop.setToolTip(self.tr("Goes back to the model before. What has come is kept for the next time."))
        self.stop.setAccessibleName(self.tr("Stop the download"))
        self.stop.clicked.connect(self.stopped)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.bar, 1)
        row.addWidget(self.stop)
        self.setVisible(False)

    def show_progress(self, done: float, total: float) -> None:
        """Megabytes; a total of 0 is not known yet."""
        self.bar.setMaximum(round(total))
        self.bar.setValue(round(done))
        self.bar.setFormat(self.tr("{0} of {1} MB").format(count(done), count(total)))
        self.setVisible(True)

    def end(self) -> None:
        """It is there, or will not come."""
        self.setVisible(False)
