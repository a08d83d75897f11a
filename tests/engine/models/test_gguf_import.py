"""A GGUF file answers as the network that it was written from."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from engine.errors import Refused
from engine.models.gguf_header import read_gguf
from engine.models.gguf_import import import_gguf
from engine.models.gguf_weights import values_of
from engine.models.headers import read_headers
from engine.models.resolve import resolve

FAMILIES = ("gpt2", "llama", "llama-untied", "mistral", "qwen2", "qwen3")
TEXTS = ("the quick dog", " In 1234 there  were 42 wild whales!", "naïve café ☃ 数", "<|endoftext|>a b<|endoftext|>")
LLAMA_3 = {
    "rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0,
    "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192,
}  # fmt: skip


@pytest.fixture
def tiny(tiny_models, tmp_path: Path):
    def make(family: str, **sizes: int) -> Path:
        return tiny_models.build_decoder(tmp_path / f"tiny-{family}", family, hidden=64, layers=2, **sizes)

    return make


def logits(folder: Path, weights: dict | None = None) -> np.ndarray:
    """What the network in `folder` answers to a few tokens."""
    import torch
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    if weights:
        network.load_state_dict(weights, strict=False)
        network.tie_weights()
    with torch.inference_mode():
        return network(torch.arange(5, 25)[None]).logits.numpy()


def unpacked(path: Path, tmp_path: Path) -> Path:
    folder, _ = import_gguf(read_gguf(path), tmp_path / "cache")
    return folder


@pytest.mark.parametrize("family", FAMILIES)
def test_plain_weights_come_back_exactly(tiny, write_gguf, tmp_path: Path, family: str):
    from safetensors.torch import load_file

    folder = tiny(family)
    write_gguf(folder, tmp_path / "model.gguf")
    found = unpacked(tmp_path / "model.gguf", tmp_path)
    wanted, given = (load_file(place / "model.safetensors") for place in (folder, found))
    assert given.keys() == wanted.keys()
    assert all((given[name] == value).all() for name, value in wanted.items())
    assert np.allclose(logits(found), logits(folder), atol=1e-5)


@pytest.mark.parametrize("kind", ["F16", "BF16", "Q8_0", "Q5_0", "Q4_0", "Q4_1"])
@pytest.mark.parametrize("family", ["gpt2", "llama-untied"])
def test_packed_weights_answer_as_what_they_stand_for(tiny, write_gguf, tmp_path: Path, family: str, kind: str):
    """The same network with each weight packed and unpacked where the file has it, and no further off."""
    import torch

    folder = tiny(family)
    meant = write_gguf(folder, tmp_path / "model.gguf", kind)
    weights = {name: torch.from_numpy(value) for name, value in meant.items()}
    wanted, given = logits(folder, weights), logits(unpacked(tmp_path / "model.gguf", tmp_path))
    assert np.abs(given - wanted).max() < 2e-3 * np.abs(wanted).max()
    original = logits(folder)
    assert np.abs(original - wanted).max() > 2 * np.abs(given - wanted).max() or kind in ("F16", "BF16")


def test_packed_weights_are_written_in_16_bits_and_vectors_as_they_were(tiny, write_gguf, tmp_path: Path):
    write_gguf(tiny("llama"), tmp_path / "model.gguf", "Q4_0")
    tensors = read_headers(unpacked(tmp_path / "model.gguf", tmp_path))
    assert {tensor.dtype for tensor in tensors.values() if len(tensor.shape) == 2} == {"F16"}
    assert {tensor.dtype for tensor in tensors.values() if len(tensor.shape) == 1} == {"F32"}


@pytest.mark.parametrize("kind", ["Q4_K", "Q6_K", "Q5_K", "Q3_K", "Q2_K", "IQ4_XS"])
def test_finer_packings_are_unpacked_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str):
    import gguf

    packed = gguf.GGMLQuantizationType[kind]
    elements, size = gguf.GGML_QUANT_SIZES[packed]
    draw = np.random.default_rng(0)
    raw = draw.integers(0, 60, (40, 2 * size), np.uint8)  # bytes under 60 make no NaN, wherever the scale lies
    writer = gguf.GGUFWriter(tmp_path / "a.gguf", "llama")
    writer.add_tensor("a", raw, raw_dtype=packed)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    monkeypatch.setattr("engine.models.gguf_weights.PIECE", 7 * 2 * elements)
    header = read_gguf(tmp_path / "a.gguf")
    wanted = gguf.dequantize(raw, packed)
    assert header.tensors["a"].shape == (40, 2 * elements)
    assert (values_of(header, header.tensors["a"]) == wanted.astype(np.float16)).all()


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_texts_become_the_same_tokens(tiny, write_gguf, tmp_path: Path, family: str):
    from transformers import AutoTokenizer

    folder = tiny(family)
    write_gguf(folder, tmp_path / "model.gguf")
    wanted = AutoTokenizer.from_pretrained(folder)
    given = AutoTokenizer.from_pretrained(unpacked(tmp_path / "model.gguf", tmp_path))
    assert len(given) == len(wanted)
    for text in TEXTS:
        assert given(text).input_ids == wanted(text).input_ids
        assert given.decode(given(text).input_ids) == text
    assert (given.eos_token, given.bos_token) == (wanted.eos_token, wanted.bos_token)


def test_the_start_token_and_the_chat_template_are_kept(tiny, write_gguf, tmp_path: Path):
    from transformers import AutoTokenizer

    def more(writer) -> None:
        writer.add_add_bos_token(True)
        writer.add_chat_template("{{ messages[0]['content'] }}!")

    write_gguf(tiny("llama"), tmp_path / "model.gguf", more=more)
    tokenizer = AutoTokenizer.from_pretrained(unpacked(tmp_path / "model.gguf", tmp_path))
    plain = tokenizer("the dog", add_special_tokens=False).input_ids
    assert tokenizer("the dog").input_ids == [0, *plain]
    said = [{"role": "user", "content": "hello"}]
    assert tokenizer.apply_chat_template(said, tokenize=False) == "hello!"


def test_digits_are_cut_apart_where_the_file_says_so(tiny, write_gguf, tmp_path: Path):
    from tokenizers import Tokenizer

    write_gguf(tiny("llama"), tmp_path / "model.gguf", more=lambda writer: _again(writer, "smollm"))
    tokenizer = Tokenizer.from_file(str(unpacked(tmp_path / "model.gguf", tmp_path) / "tokenizer.json"))
    assert [text for text, _ in tokenizer.pre_tokenizer.pre_tokenize_str("in 123")] == ["in", "Ġ", "1", "2", "3"]


def test_an_unknown_way_to_cut_texts_is_told(tiny, write_gguf, tmp_path: Path):
    write_gguf(tiny("llama"), tmp_path / "model.gguf", more=lambda writer: _again(writer, "of-my-own"))
    _, notes = import_gguf(read_gguf(tmp_path / "model.gguf"), tmp_path / "cache")
    assert "of-my-own" in notes[-1]


def _again(writer, way: str) -> None:
    """Say anew how texts are cut."""
    _unsay(writer, "tokenizer.ggml.pre")
    writer.add_tokenizer_pre(way)


def test_a_sentencepiece_vocabulary_is_read(tmp_path: Path):
    """Merges are found from the scores, bytes stand in for unknown letters, texts begin with the start token."""
    from tokenizers import Tokenizer

    from engine.models.gguf_header import GgufHeader
    from engine.models.gguf_tokenizer import write_tokenizer

    pieces = ["▁the", "▁", "t", "h", "e", "▁t", "he", "d", "o", "g", "og", "▁d", "▁dog"]
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *pieces]
    scores = [0.0] * 259 + [-float(place) for place in range(len(pieces))]
    metadata = {
        "general.architecture": "llama",
        "llama.context_length": 64,
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.scores": np.array(scores, np.float32),
        "tokenizer.ggml.token_type": np.array([2, 3, 3] + [6] * 256 + [1] * len(pieces)),
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
    }
    write_tokenizer(GgufHeader(tmp_path / "model.gguf", metadata, {}), tmp_path)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert tokenizer.encode("the dog").tokens == ["<s>", "▁the", "▁dog"]
    assert tokenizer.encode("é").tokens == ["<s>", "▁", "<0xC3>", "<0xA9>"]
    assert tokenizer.decode(tokenizer.encode("the dogé").ids) == "the dogé"


def test_llama_3_s_stretched_positions_are_recognized(tiny, write_gguf, tmp_path: Path):
    """The file keeps only the factors; from them the settings are found again, and any others are refused."""
    from transformers import AutoConfig

    folder = tiny("llama", heads=1, kv_heads=1)

    def with_factors(values: np.ndarray):
        def more(writer) -> None:
            _unsay(writer, "llama.rope.freq_base")
            writer.add_rope_freq_base(500000.0)
            writer.add_tensor("rope_freqs.weight", values)

        return more

    half = _llama3(64)
    write_gguf(folder, tmp_path / "model.gguf", more=with_factors(half))
    found = AutoConfig.from_pretrained(unpacked(tmp_path / "model.gguf", tmp_path)).rope_parameters
    assert found == {**LLAMA_3, "factor": pytest.approx(8.0, rel=1e-5)}
    write_gguf(folder, tmp_path / "other.gguf", more=with_factors(half * np.linspace(1, 2, 32, dtype=np.float32)))
    with pytest.raises(Refused, match="stretches positions"):
        unpacked(tmp_path / "other.gguf", tmp_path)


def _llama3(size: int) -> np.ndarray:
    """The factors for heads of `size`, from transformers' own code."""
    from transformers import LlamaConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    config = LlamaConfig(hidden_size=size, num_attention_heads=1, rope_parameters=LLAMA_3)
    turned, _ = ROPE_INIT_FUNCTIONS["llama3"](config, "cpu")
    return (500000.0 ** (-np.arange(0, size, 2) / size) / turned.numpy()).astype(np.float32)


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_file_is_a_model(tiny, write_gguf, tmp_path: Path, family: str):
    write_gguf(tiny(family), tmp_path / "my model.gguf", "Q4_1")
    found = resolve(str(tmp_path / "my model.gguf"), cache=tmp_path / "cache")
    assert found.folder.parent == tmp_path / "cache"
    (note,) = found.notes
    assert "my model.gguf" in note
    assert "are Q4_1" in note
    assert "4-bit grid (groups of 32, at most 16 distinct values)" in note
    size = sum(tensor.bytes for tensor in read_headers(found.folder).values())
    assert f"{size / 1e6:,.1f} MB" in note
    assert resolve(str(tmp_path / "my model.gguf"), cache=tmp_path / "cache") == found


def test_what_was_packed_once_and_is_plain_now_is_told(tiny, write_gguf, tmp_path: Path):
    """As when someone unpacked a 4-bit file to 16 bits and passed it on."""
    import torch
    from safetensors.torch import load_file, save_file

    folder = tiny("llama")
    meant = write_gguf(folder, tmp_path / "packed.gguf", "Q4_0")
    kept = {name: torch.from_numpy(value) for name, value in meant.items()}
    assert kept.keys() == load_file(folder / "model.safetensors").keys()
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    write_gguf(folder, tmp_path / "plain.gguf", "F16")
    (note,) = resolve(str(tmp_path / "plain.gguf"), cache=tmp_path / "cache").notes
    assert "are F16" in note
    assert "4-bit grid (groups of 32" in note


def test_a_folder_with_one_file_is_a_model_and_with_two_is_none(tiny, write_gguf, tmp_path: Path):
    place = tmp_path / "place"
    place.mkdir()
    write_gguf(tiny("llama"), place / "a.gguf")
    before = sorted(place.iterdir())
    assert resolve(str(place), cache=tmp_path / "cache").profile.model_type == "llama"
    assert sorted(place.iterdir()) == before
    shutil.copy(place / "a.gguf", place / "b.gguf")
    with pytest.raises(Refused, match=r"several GGUF files \(a\.gguf, b\.gguf\)"):
        resolve(str(place), cache=tmp_path / "cache")


def test_safetensors_beside_a_file_are_what_counts(tiny, write_gguf, tmp_path: Path):
    folder = tiny("llama")
    write_gguf(folder, folder / "a.gguf")
    assert resolve(str(folder), cache=tmp_path / "cache").folder == folder


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param(lambda w: w.add_expert_count(8), "mixture of experts", id="experts"),
        pytest.param(lambda w: w.add_uint16("split.count", 3), "one of 3 parts", id="one part of many"),
        pytest.param(lambda w: _unsay(w, "llama.block_count"), "does not say its 'llama.block_count'", id="no layers"),
        pytest.param(lambda w: w.add_tensor("blk.0.odd", np.ones(4, np.float32)), "does not have", id="odd tensor"),
        pytest.param(lambda w: w.tensors[0].pop("blk.1.attn_q.weight"), "lacks the weights of", id="tensor missing"),
        pytest.param(lambda w: _drop(w, "blk.1."), "2 layers but holds 1", id="layer missing"),
        pytest.param(lambda w: w.add_rope_dimension_count(8), "turns only 8 of each head's 16", id="partly turned"),
        pytest.param(lambda w: _unsay(w, "tokenizer.ggml.tokens"), "tokenizer in .* could not be read", id="no tokens"),
    ],
)
def test_what_is_no_whole_model_is_refused(tiny, write_gguf, tmp_path: Path, change, sentence: str):
    write_gguf(tiny("llama"), tmp_path / "model.gguf", more=change)
    with pytest.raises(Refused, match=sentence) as caught:
        resolve(str(tmp_path / "model.gguf"), cache=tmp_path / "cache")
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "cache").glob("*"))


def _unsay(writer, key: str) -> None:
    del writer.kv_data[0][key]


def _drop(writer, begin: str) -> None:
    for name in [name for name in writer.tensors[0] if name.startswith(begin)]:
        del writer.tensors[0][name]


def test_no_room_on_the_disk_is_told_before_anything_is_written(tiny, write_gguf, tmp_path: Path, monkeypatch):
    write_gguf(tiny("llama"), tmp_path / "model.gguf", "Q4_0")
    monkeypatch.setattr("engine.models.gguf_import.free_disk", lambda _: 1000)
    with pytest.raises(Refused, match="BOZZETTO_HOME"):
        resolve(str(tmp_path / "model.gguf"), cache=tmp_path / "cache")


def test_damaged_files_are_refused_in_a_sentence(tiny, write_gguf, tmp_path: Path):
    """Bytes of the header changed at random: the file opens or is refused, and nothing else."""
    write_gguf(tiny("llama"), tmp_path / "model.gguf", "Q4_0")
    whole = bytearray((tmp_path / "model.gguf").read_bytes())
    header = min(tensor.start for tensor in read_gguf(tmp_path / "model.gguf").tensors.values())
    draw = np.random.default_rng(0)
    refused = 0
    for place in range(40):
        changed = whole.copy()
        changed[int(draw.integers(24, header))] ^= 1 << int(draw.integers(8))
        (tmp_path / f"{place}.gguf").write_bytes(changed)
        try:
            resolve(str(tmp_path / f"{place}.gguf"), cache=tmp_path / "cache")
        except Refused:
            refused += 1
    assert refused
