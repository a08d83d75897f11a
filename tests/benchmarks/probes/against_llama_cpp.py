"""How fast llama.cpp and OpenVINO write with the same weights, bits and threads, turn about.

Files go to the folder that is named. Prints one sentence, which says so where llama-cpp-python is not installed.
"""

import sys
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

PROMPT, WRITTEN, ROUNDS, WARM_UPS = 32, 32, 12, 2
SAME_BITS = {8: "Q8_0", 4: "Q4_0"}


def gguf_file(network: Any, path: Path, kind: str) -> Path:
    """The network's weights in llama.cpp's own format; it has no tokenizer, for it is fed with numbers."""
    import gguf

    config = network.config
    to = getattr(gguf.GGMLQuantizationType, kind)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("no_vocab")
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    for name, tensor in network.state_dict().items():
        if name == "lm_head.weight":  # tied
            continue
        array = tensor.numpy()
        if count := heads.get(name.split(".")[-2]):  # its rotary positions turn neighbours, ours turn halves
            array = array.reshape(count, 2, -1, array.shape[1]).swapaxes(1, 2).reshape(array.shape)
        ours = names.get_name(name, try_suffixes=(".weight",)) or name
        if array.ndim == 1:
            writer.add_tensor(ours, array)
        else:
            writer.add_tensor(ours, gguf.quants.quantize(np.ascontiguousarray(array), to), raw_dtype=to)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def compare(model: Any, bits: Any, folder: Path) -> str:
    """Tokens a second of both, and the interval of their ratio."""
    from engine.device import threads
    from engine.models.profile import Storage
    from engine.runtimes import runtime_named
    from engine.statistics import ratio_of_rounds

    storage = Storage(runtime="openvino", bits=bits, group_size=32, vocabulary_bits=4)
    place = folder / f"openvino-{bits}"
    place.mkdir()
    profile = model.profile.model_copy(update={"storage": storage})
    runtime_named("openvino").save(model.copy().with_profile(profile), place, [], lambda _: None)
    ours = runtime_named("openvino").load_writer(place, threads())
    file = gguf_file(model.network, folder / f"{bits}.gguf", SAME_BITS[bits])
    theirs = import_module("llama_cpp").Llama(
        str(file), n_ctx=512, n_threads=threads(), n_threads_batch=threads(), verbose=False
    )
    prompt = np.random.default_rng(0).integers(0, profile.vocabulary, PROMPT)
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(ROUNDS + WARM_UPS):
        theirs.reset()
        theirs.eval(prompt.tolist())
        ours.start(prompt)
        for side, write in enumerate((lambda token: theirs.eval([token]), ours.step)):
            begun = time.perf_counter()
            for token in range(WRITTEN):
                write(token)
            if number >= WARM_UPS:
                times[side].append((time.perf_counter() - begun) / WRITTEN * 1000)
    ratio = ratio_of_rounds(*times)
    medians = [1000 / float(np.median(side)) for side in times]
    return (
        f"at {bits} bits ({SAME_BITS[bits]}) {medians[0]:.0f} against {medians[1]:.0f} tokens a second, so OpenVINO "
        f"here is {ratio.value:.2f}× [{ratio.low:.2f}, {ratio.high:.2f}] as fast"
    )


def main() -> str:
    """The sentence."""
    if find_spec("llama_cpp") is None:
        return "Writing against llama.cpp: llama-cpp-python is not installed here, so nothing was compared."
    from random_llama import random_llama

    folder = Path(sys.argv[1])
    model = random_llama(folder)
    found = "; ".join(compare(model, bits, folder) for bits in SAME_BITS)
    return f"Writing after {PROMPT} tokens with that Llama, llama.cpp against the folder that is shipped here: {found}."


if __name__ == "__main__":
    print(main())
