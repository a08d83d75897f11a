"""GGUF headers: what is read, and what of a hostile or damaged file is refused without being believed."""

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from engine.errors import Refused
from engine.models.gguf_header import GROUPS, read_gguf


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def tensor(name: str = "a", shape: tuple[int, ...] = (8,), kind: int = 0, offset: int = 0) -> bytes:
    """One row of the table; `shape` with the columns first, as the file has it."""
    return text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape) + struct.pack("<IQ", kind, offset)


def file(*tensors: bytes, keys: tuple[bytes, ...] = (), data: int = 32, counts: tuple[int, int] | None = None) -> bytes:
    """A whole file with `data` bytes of weights."""
    count, key_count = counts or (len(tensors), len(keys))
    head = b"GGUF" + struct.pack("<IQQ", 3, count, key_count) + b"".join(keys) + b"".join(tensors)
    return head + b"\0" * (-len(head) % 32) + b"\0" * data


def key(name: str, kind: int, value: bytes) -> bytes:
    return text(name) + struct.pack("<I", kind) + value


def read(tmp_path: Path, raw: bytes):
    path = tmp_path / "model.gguf"
    path.write_bytes(raw)
    return read_gguf(path)


def test_settings_and_places_are_read_without_the_weights(tmp_path: Path):
    keys = (
        key("general.architecture", 8, text("llama")),
        key("one", 6, struct.pack("<f", 1.5)),
        key("yes", 7, b"\1"),
        key("numbers", 9, struct.pack("<IQ3i", 5, 3, 1, -2, 3)),
        key("words", 9, struct.pack("<IQ", 8, 2) + text("a") + text("ß")),
    )
    packed = tensor("b", (64, 3), 2, 32)  # Q4_0: 18 bytes for 32 weights
    found = read(tmp_path, file(tensor(), packed, keys=keys, data=32 + 6 * 18))
    assert found.architecture == "llama"
    assert (found.metadata["one"], found.metadata["yes"], found.metadata["words"]) == (1.5, True, ["a", "ß"])
    assert found.metadata["numbers"].tolist() == [1, -2, 3]
    b = found.tensors["b"]
    assert (b.kind, b.shape, b.bytes, b.count) == ("Q4_0", (3, 64), 108, 192)
    assert b.start + b.bytes == found.path.stat().st_size
    assert found.kinds() == {"Q4_0": pytest.approx(0.96), "F32": pytest.approx(0.04)}


def test_bits_and_groups_are_those_of_the_package():
    """A packed type of b bits in groups of g takes b bits a weight and at most 16 + 16 more a group."""
    import gguf

    for name, (bits, group) in GROUPS.items():
        weights, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]
        assert weights % group == 0
        assert bits - 0.4 <= 8 * size / weights <= bits + 32 / group


def test_a_real_file_agrees_with_the_package(tmp_path: Path, tiny_models, write_gguf):
    import gguf

    write_gguf(tiny_models.build_decoder(tmp_path / "tiny", "llama", hidden=64), tmp_path / "model.gguf", "Q8_0")
    found, wanted = read_gguf(tmp_path / "model.gguf"), gguf.GGUFReader(tmp_path / "model.gguf")
    assert list(found.tensors) == [tensor.name for tensor in wanted.tensors]
    for tensor in wanted.tensors:
        mine = found.tensors[tensor.name]
        assert (mine.start, mine.bytes, mine.kind) == (tensor.data_offset, tensor.n_bytes, tensor.tensor_type.name)
        assert mine.shape == tuple(reversed(tensor.shape.tolist()))
    for name, field in wanted.fields.items():
        if not name.startswith("GGUF."):
            assert np.array_equal(found.metadata[name], field.contents())


ENDLESS = struct.pack("<IQ", 0, 2**60)
HOSTILE = {
    "cut short": file(tensor())[:-1],
    "tensors without end": file(tensor(), counts=(2**60, 0)),
    "keys without end": file(tensor(), counts=(1, 2**60)),
    "more tensors than are there": file(tensor(), counts=(50_000, 0)),
    "a text without end": file(counts=(0, 1), keys=(struct.pack("<Q", 2**63) + b"a",)),
    "an array without end": file(tensor(), keys=(key("a", 9, ENDLESS),)),
    "an array of texts without end": file(tensor(), keys=(key("a", 9, struct.pack("<IQ", 8, 2**40)),)),
    "an array of arrays": file(tensor(), keys=(key("a", 9, struct.pack("<IQ", 9, 1) + ENDLESS),)),
    "a value of no type": file(tensor(), keys=(key("a", 99, b""),)),
    "a key twice": file(tensor(), keys=(key("a", 0, b"\1"), key("a", 0, b"\1"))),
    "a name that is no text": file(struct.pack("<Q", 1) + b"\xff" + tensor()[9:]),
    "a tensor twice": file(tensor(), tensor()),
    "one over another": file(tensor("a"), tensor("b", offset=16), data=64),
    "a tensor behind the end": file(tensor(offset=2**62)),
    "a shape without end": file(tensor(shape=(2**60,))),
    "a shape whose product overflows": file(tensor(shape=(2**33, 2**33, 2**33))),
    "a shape of nothing": file(tensor(shape=(0, 4))),
    "too many dimensions": file(tensor(shape=(1,) * 9)),
    "no dimensions": file(tensor(shape=())),
    "a type that there is not": file(tensor(kind=4242)),
    "half a block": file(tensor(shape=(16,), kind=2)),
    "no tensors": file(),
    "absurd alignment": file(tensor(), keys=(key("general.alignment", 10, struct.pack("<Q", 2**60)),)),
    "alignment of nothing": file(tensor(), keys=(key("general.alignment", 4, struct.pack("<I", 0)),)),
    "alignment in words": file(tensor(), keys=(key("general.alignment", 8, text("x")),)),
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_damaged_or_absurd_is_refused_without_room_for_it(tmp_path: Path, raw: bytes):
    tracemalloc.start()
    with pytest.raises(Refused, match=r"damaged or was not copied to its end.*again"):
        read(tmp_path, raw)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_every_place_to_cut_a_file_is_noticed(tmp_path: Path):
    whole = file(tensor(), keys=(key("words", 9, struct.pack("<IQ", 8, 2) + text("a") + text("b")),))
    for length in range(len(whole)):
        with pytest.raises(Refused):
            read(tmp_path, whole[:length])


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        pytest.param(b"GGML" + file(tensor())[4:], "is no GGUF file", id="another magic"),
        pytest.param(b"GGUF" + struct.pack("<I", 1) + file(tensor())[8:], "version 1", id="an old version"),
        pytest.param(b"GGUF" + struct.pack(">I", 3) + file(tensor())[8:], "big-endian", id="big-endian"),
        pytest.param(file(tensor(kind=24)), "of type I8", id="whole numbers"),
        pytest.param(b"", "damaged", id="empty"),
    ],
)
def test_what_is_not_read_here_is_said(tmp_path: Path, raw: bytes, sentence: str):
    with pytest.raises(Refused, match=sentence):
        read(tmp_path, raw)
