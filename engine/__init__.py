"""Bozzetto's engine: everything that thinks. It knows nothing of windows.

Read in this order: `runner.py` (one run, from recipe to verdict), `technique.py` and
`techniques/quantize.py` (what a technique is), `runtimes/base.py` (how a folder is saved, loaded and
run), `measure/referee.py` (how it is measured), `run.py` and `events.py` (what comes out),
`serve.py` (what the window drives).
"""

import sys

# OpenVINO and NNCF send usage statistics unless this package cannot be imported; a tool that people
# give their own models and data to must not. Both fall back to a stub that sends nothing.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
