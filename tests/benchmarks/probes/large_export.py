"""Writes a random-weight Llama of SmolLM2-135M's shape at 8 bits for OpenVINO in the folder that is named.

Prints one sentence: seconds, and the peak of this process beside the weights in 32 bits.
"""

import sys
import time
from pathlib import Path

from random_llama import random_llama

from engine.measure.bench import peak_memory
from engine.models.profile import Storage
from engine.runtimes import runtime_named

folder = Path(sys.argv[1])
model = random_llama(folder)
model = model.with_profile(model.profile.model_copy(update={"storage": Storage(runtime="openvino", bits=8)}))
(folder / "saved").mkdir()
before, start = peak_memory(), time.monotonic()
runtime_named("openvino").save(model, folder / "saved", [], lambda _: None)
seconds, peak = time.monotonic() - start, peak_memory()
weights = 4 * model.profile.parameters
size = sum(path.stat().st_size for path in (folder / "saved").iterdir())
print(
    f"Export of a random-weight Llama of {model.profile.parameters / 1e6:.0f} M parameters at 8 bits to OpenVINO: "
    f"{seconds:.1f} s, {size / 1e6:.0f} MB; peak of the process {peak / 1e6:.0f} MB, {peak / weights:.2f}× the weights "
    f"in 32 bits ({weights / 1e6:.0f} MB; before the export it was {before / 1e6:.0f} MB)."
)
