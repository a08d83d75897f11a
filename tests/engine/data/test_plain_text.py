"""A text file of any size and shape as blocks of text, and what is said of a file that is none."""

import gzip
import time
import tracemalloc
from pathlib import Path

import pytest

from engine.data.plain_text import CHUNK, is_plain_text, text_blocks
from engine.data.windows import BLOCK, END_OF_DOCUMENT
from engine.errors import Refused

LINE = "Some words of a line that is followed by others, and this one has the number {}.\n"


def write(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(path: Path) -> str:
    with pytest.raises(Refused) as caught:
        list(text_blocks(path))
    return str(caught.value)


@pytest.mark.parametrize("name", ["a.txt", "A.TXT", "b.md", "c.rst", "d.text", "e.txt.gz"])
def test_what_is_running_text(name):
    assert is_plain_text(Path(name))


@pytest.mark.parametrize("name", ["a.csv", "txt", "a.txt.csv", "a.gz", "a.jsonl.gz"])
def test_what_is_not(name):
    assert not is_plain_text(Path(name))


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "".join(LINE.format(n) for n in range(30_000)),
        "word " * 300_000,
        "x" * (2 * CHUNK + 7),
        "字" * CHUNK,
        "line\r\n" * 20_000,
    ],
)
def test_blocks_together_are_the_text(tmp_path, text):
    found = list(text_blocks(write(tmp_path / "a.txt", text)))
    assert "".join(found) == text
    assert all(BLOCK // 2 <= len(block) <= BLOCK for block in found[:-1])
    assert len(found[-1]) <= 2 * BLOCK


def test_blocks_begin_at_lines(tmp_path):
    found = list(text_blocks(write(tmp_path / "a.txt", "".join(LINE.format(n) for n in range(1000)))))
    assert len(found) > 10
    assert all(block.startswith("Some words") for block in found)


def test_without_lines_blocks_begin_at_words(tmp_path):
    found = list(text_blocks(write(tmp_path / "a.txt", "abcdefg " * 9000)))
    assert all(block.startswith("abcdefg ") for block in found)


def test_white_space_makes_no_blocks(tmp_path):
    found = list(text_blocks(write(tmp_path / "a.txt", "begin" + "\n" * 50_000 + "end")))
    assert all(block.strip() for block in found)
    assert "".join(found).split() == ["begin", "end"]


def test_the_mark_between_documents_is_no_part_of_a_text(tmp_path):
    assert list(text_blocks(write(tmp_path / "a.txt", f"a{END_OF_DOCUMENT}b"))) == ["a b"]


def test_a_byte_order_mark_is_dropped(tmp_path):
    assert list(text_blocks(write(tmp_path / "a.txt", b"\xef\xbb\xbfhello"))) == ["hello"]


def test_gzip(tmp_path):
    text = "".join(LINE.format(n) for n in range(1000))
    assert "".join(text_blocks(write(tmp_path / "a.txt.gz", gzip.compress(text.encode())))) == text
    cut = gzip.compress(text.encode())[:-30]
    assert "damaged" in refusal(write(tmp_path / "b.txt.gz", cut))
    assert "damaged" in refusal(write(tmp_path / "c.txt.gz", b"no gzip"))


def test_a_character_across_two_pieces_of_the_file(tmp_path):
    for shift in range(4):
        text = "x" * (CHUNK - shift) + "😀" + "y" * 100
        assert "".join(text_blocks(write(tmp_path / "a.txt", text))) == text


@pytest.mark.parametrize("content", [b"", b" \n\t \n", b"\n" * 50_000, b"\xef\xbb\xbf"])
def test_nothing_in_it(tmp_path, content):
    assert "holds no text" in refusal(write(tmp_path / "a.txt", content))


def test_what_is_no_file(tmp_path):
    assert "There is no file" in refusal(tmp_path / "a.txt")
    (tmp_path / "b.txt").mkdir()
    assert "is a folder" in refusal(tmp_path / "b.txt")
    assert "cannot be opened" in refusal(tmp_path / ("x" * 300 + ".txt"))


@pytest.mark.parametrize("place", [0, 5, CHUNK - 1, CHUNK, CHUNK + 5])
def test_a_nul_byte_is_placed(tmp_path, place):
    raw = bytearray(b"x" * (CHUNK + 10))
    raw[place] = 0
    assert f"holds a NUL byte (byte {place + 1:,})" in refusal(write(tmp_path / "a.txt", bytes(raw)))


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("place", [3, 500, CHUNK - 1, CHUNK, CHUNK + 5])
def test_what_is_not_utf8_is_placed(tmp_path, place, mark):
    raw = bytearray(mark + b"x" * (CHUNK + 10))
    raw[place] = 0xE9
    assert f"byte {place + 1:,} is 0xE9" in refusal(write(tmp_path / "a.txt", bytes(raw)))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_other_encodings(tmp_path, encoding):
    mark = "\ufeff" if encoding.endswith("be") else ""
    said = refusal(write(tmp_path / "a.txt", (mark + "some words").encode(encoding)))
    assert "UTF-16" in said or "NUL" in said


@pytest.mark.parametrize("left", [1, 2, 3])
def test_an_end_in_the_middle_of_a_character(tmp_path, left):
    said = refusal(write(tmp_path / "a.txt", b"some words " + "😀".encode()[:left]))
    assert "ends in the middle of a character" in said


def test_a_large_file_takes_little_memory_and_little_time(tmp_path):
    piece = "".join(LINE.format(n) for n in range(12_000)).encode()
    with (tmp_path / "a.txt").open("wb") as file:
        while file.tell() < 200_000_000:
            file.write(piece)
    begun, characters = time.perf_counter(), 0
    tracemalloc.start()
    try:
        for block in text_blocks(tmp_path / "a.txt"):
            characters += len(block)
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - begun < 20.0
    assert characters == (tmp_path / "a.txt").stat().st_size
