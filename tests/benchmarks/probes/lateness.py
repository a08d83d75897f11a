"""How late the window's 16 ms timer is from Run to verdict, in milliseconds."""

import json
import statistics
import time

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication

from gui.recipe_panel.run_bar import State
from gui.window import MainWindow

INTERVAL = 16.0
GIVE_UP_SECONDS = 400

app = QApplication([])
app.setStyle("Fusion")
window = MainWindow()
window.show()
QTimer.singleShot(0, window.begin)
late: list[float] = []
state = {"last": 0.0, "running": False, "started": time.monotonic()}


def tick() -> None:
    """Note the lateness while the run goes; press Run once it can be; stop at the verdict."""
    now = time.perf_counter() * 1000.0
    bar = window.recipe.run_bar
    going = bar.state in (State.RUNNING, State.CANCELLING)
    if going and state["running"]:
        late.append(max(0.0, now - state["last"] - INTERVAL))
    if not going and state["running"] and len(late) > 500:
        app.quit()
    if not going and not state["running"] and bar.state is State.READY and window.session.profile is not None:
        bar.button.click()
    state["running"], state["last"] = going, now
    if time.monotonic() - state["started"] > GIVE_UP_SECONDS:
        app.quit()


timer = QTimer()
timer.setTimerType(Qt.TimerType.PreciseTimer)
timer.timeout.connect(tick)
timer.start(int(INTERVAL))
app.exec()
window.close()
ordered = sorted(late)
print(
    json.dumps(
        {
            "ticks": len(late),
            "p99": ordered[int(0.99 * len(ordered))],
            "median": statistics.median(ordered),
            "worst": ordered[-1],
        }
    )
)
