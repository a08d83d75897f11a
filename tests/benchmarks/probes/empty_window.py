"""An empty PySide6 window with one pyqtgraph plot: seconds from the process's start to its first paint."""

import json
import time

import psutil
import pyqtgraph
from PySide6.QtWidgets import QApplication, QMainWindow

app = QApplication([])
window = QMainWindow()
window.setCentralWidget(pyqtgraph.PlotWidget())
window.resize(1280, 800)
window.show()
app.processEvents()
print(json.dumps({"seconds": time.time() - psutil.Process().create_time()}))
