"""Writes a random-weight Llama of SmolLM2-135M's shape at 8 bits for OpenVINO in the folder that is named.

Prints one sentence: seconds, and the peak of this process beside the weights in 32 bits.
"""

import sys
import time
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from engine.measure.bench import peak_memory
from engine.models.families import family_of
from engine.models.model import Model
from engine.models.profile import Storage, read_profile
from engine.runtimes import runtime_named

folder = Path(sys.argv[1])
config = LlamaConfig(
    hidden_size=576,
    num_hidden_layers=30,
    num_attention_heads=9,
    num_key_value_heads=3,
    intermediate_size=1536,
    vocab_size=49152,
    tie_word_embeddings=True,
    max_position_embeddings=8192,
    pad_token_id=None,
)
torch.manual_seed(0)
network = LlamaForCausalLM(config).eval()
network.save_pretrained(folder / "plain")
(folder / "plain" / "tokenizer.json").write_text("{}", encoding="utf-8")
profile = read_profile(folder / "plain").model_copy(update={"storage": Storage(runtime="openvino", bits=8)})
model = Model(network, profile, family_of("llama"), folder / "plain")
(folder / "saved").mkdir()
before, start = peak_memory(), time.monotonic()
runtime_named("openvino").save(model, folder / "saved", [], lambda _: None)
seconds, peak = time.monotonic() - start, peak_memory()
weights = 4 * profile.parameters
size = sum(path.stat().st_size for path in (folder / "saved").iterdir())
print(
    f"Export of a random-weight Llama of {profile.parameters / 1e6:.0f} M parameters at 8 bits to OpenVINO: "
    f"{seconds:.1f} s, {size / 1e6:.0f} MB; peak of the process {peak / 1e6:.0f} MB, {peak / weights:.2f}× the weights "
    f"in 32 bits ({weights / 1e6:.0f} MB; before the export it was {before / 1e6:.0f} MB)."
)
