"""The window: a client of the engine's command. Reading order: `__main__`, `window`, `session`."""

from gui.emits import keep_true_alive

keep_true_alive()
