"""The window: a client of the engine's command. Reading order: `__main__`, `window`, `session`."""

import pydantic.fields  # noqa: F401  # before Qt: its import hook looks into every module, and pydantic's stumble over it
