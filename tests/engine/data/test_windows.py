"""Running text cut into blocks and windows: nothing is lost, nothing is joined that does not belong together."""

import random
import time
from itertools import pairwise

import pytest

from engine.data.windows import BEFORE, BLOCK, END_OF_DOCUMENT, STRIDE, blocks, cut, windows


def words(count: int, seed: int = 0, between: str = " ") -> str:
    draw = random.Random(seed)
    return between.join("x" * draw.randint(1, 12) + str(n) for n in range(count))


TEXTS = [
    "",
    "short",
    words(3000),
    words(3000, between="\n"),
    words(2000, between=END_OF_DOCUMENT),
    "字" * 9_500,
    "x" * BLOCK + " " + "y" * BLOCK,
    " " * 5_000,
    "end " * 1000 + "\n" * 900,
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("width", [10, STRIDE, BLOCK])
def test_pieces_together_are_the_text(text, width):
    pieces = cut(text, width)
    assert "".join(pieces) == text
    assert all(0 < len(piece) <= width for piece in pieces[:-1])
    assert len(pieces[-1]) <= width * 1.25
    assert all(len(piece) >= width // 4 for piece in pieces[1:])


@pytest.mark.parametrize("between", [" ", "\n", END_OF_DOCUMENT])
def test_pieces_end_before_white_space(between):
    pieces = cut(words(3000, between=between), 500)
    assert len(pieces) > 10
    assert all(piece.startswith(between) for piece in pieces[1:])


def test_a_long_text_is_cut_in_linear_time():
    text = words(1) * 4_000_000
    begun = time.perf_counter()
    assert len(cut(text, BLOCK)) > 2_000
    assert time.perf_counter() - begun < 2.0


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_judged_is_the_block_and_what_is_before_precedes_it(text):
    found = windows(text)
    assert "".join(judged for _, judged in found) == text
    place = 0
    for before, judged in found:
        assert text[:place].endswith(before)
        assert len(before) <= BEFORE
        place += len(judged)
    assert found[0][0] == ""


def test_what_is_before_is_nearly_a_stride_and_begins_at_a_word():
    text = words(3000)
    place = 0
    for before, judged in windows(text):
        assert len(before) >= min(place, BEFORE - 20)
        assert before == text[:place] or before.startswith(" ")
        place += len(judged)


def documents_of(found: list[str]) -> list[str]:
    return [document for block in found for document in block.split(END_OF_DOCUMENT)]


def test_short_documents_are_gathered_and_kept_apart():
    documents = [words(count % 40 + 1, seed=count) for count in range(500)]
    found = list(blocks(documents))
    assert documents_of(found) == documents
    assert all(BLOCK * 3 // 4 <= len(block) <= BLOCK * 5 // 4 for block in found[:-1])


@pytest.mark.parametrize("seed", range(20))
def test_a_document_is_never_parted_inside_a_block(seed):
    # Long words: a document may be cut in the middle of a block, where its pieces must not be made documents.
    draw = random.Random(seed)
    long = " ".join(str(draw.random()) * draw.randint(1, 120) for _ in range(40))
    found = list(blocks(["first", long, "last"]))
    assert "".join(found).replace(END_OF_DOCUMENT, "") == f"first{long}last"
    # The mark stands at the document's two ends only, or a block ends there.
    assert sum(block.count(END_OF_DOCUMENT) for block in found) <= 2


def test_documents_with_nothing_in_them_and_the_mark_itself():
    assert list(blocks(["", "  \n", f"a{END_OF_DOCUMENT}b", " c "])) == [f"a b{END_OF_DOCUMENT}c"]
    assert list(blocks([])) == []


def test_blocks_are_made_as_documents_come():
    seen: list[int] = []

    def documents():
        for number in range(1000):
            seen.append(number)
            yield words(20, seed=number)

    next(blocks(documents()))
    assert len(seen) < 60
    assert all(b - a == 1 for a, b in pairwise(seen))
