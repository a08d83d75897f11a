"""The window: a client of the engine's command. Reading order: `__main__`, `window`, `session`."""
