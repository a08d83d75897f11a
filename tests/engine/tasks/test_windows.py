"""Windows as ids: every token is judged once, after what precedes it, within what the model can take."""

import json
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, processors

from engine.data.splits import Examples
from engine.data.windows import END_OF_DOCUMENT
from engine.errors import Refused
from engine.tasks.windows import LONGEST_WINDOW, WindowEncoder, tiled

BEFORE = "a dog near the old river and some bread"
JUDGED = " the quiet king once kept many sheep in winter"


def changed(folder: Path, **values: object) -> WindowEncoder:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | values))
    return WindowEncoder(folder)


@pytest.fixture
def encoder(tiny_model) -> WindowEncoder:
    return WindowEncoder(tiny_model("gpt2"))


def test_a_window_is_its_end_token_what_is_before_and_what_is_judged(encoder):
    plain = Tokenizer.from_file(str(encoder.folder / "tokenizer.json"))
    before, judged = plain.encode(BEFORE).ids, plain.encode(JUDGED).ids
    assert encoder.window(BEFORE, JUDGED) == ([0, *before, *judged], 1 + len(before))
    assert encoder.pieces(BEFORE, JUDGED) == [([0, *before, *judged], 1 + len(before))]
    assert encoder.window("", JUDGED) == ([0, *judged], 1)


def test_documents_are_parted_by_the_end_token(encoder):
    one, other = encoder.ids("a dog"), encoder.ids("the king")
    assert encoder.ids(f"a dog{END_OF_DOCUMENT}the king") == [*one, 0, *other]
    assert encoder.ids(f"a dog{END_OF_DOCUMENT}") == [*one, 0]


def test_without_an_end_token_a_new_line_parts_documents(tiny_model):
    encoder = changed(tiny_model("gpt2"), eos_token_id=None)
    assert (encoder.end, encoder.prefix) == (None, [])
    assert encoder.ids(f"a{END_OF_DOCUMENT}b") == [*encoder.ids("a"), *encoder.ids("\n"), *encoder.ids("b")]
    ids, first = encoder.window("", JUDGED)
    assert (ids, first) == (encoder.ids(JUDGED), 1)  # there is nothing to foretell the first token from


@pytest.mark.parametrize(("given", "end"), [([0, 5], 0), (7, 7), (10**6, None), (None, None)])
def test_the_end_token_is_one_the_model_has(tiny_model, given, end):
    assert changed(tiny_model("gpt2"), eos_token_id=given).end == end


def test_what_the_tokenizer_puts_first_comes_first(tiny_model):
    folder = tiny_model("llama")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.post_processor = processors.TemplateProcessing(single="b $A", special_tokens=[("b", 66)])
    tokenizer.save(str(folder / "tokenizer.json"))
    encoder = WindowEncoder(folder)
    assert encoder.prefix == [66]
    assert encoder.window("", "a dog")[0] == [66, *encoder.ids("a dog")]
    assert 66 not in encoder.ids(f"a dog{END_OF_DOCUMENT}a king")


@pytest.mark.parametrize(("positions", "longest"), [(128, 128), (4096, LONGEST_WINDOW), (2, 2)])
def test_the_longest_window_is_what_the_model_takes(tiny_model, positions, longest):
    assert changed(tiny_model("gpt2"), n_positions=positions).longest == longest


def test_a_sliding_window_is_no_longer_than_it_slides(tiny_model):
    assert changed(tiny_model("mistral"), max_position_embeddings=512, sliding_window=64).longest == 64


def test_a_config_without_positions_is_refused(tiny_model):
    with pytest.raises(Refused, match="positions"):
        _ = changed(tiny_model("gpt2"), n_positions=None).longest


@pytest.mark.parametrize("longest", [2, 3, 7, 16, 33, 128])
@pytest.mark.parametrize(("before", "judged"), [(0, 1), (0, 100), (3, 5), (40, 1), (40, 60), (200, 200), (5, 0)])
def test_pieces_judge_every_token_once_after_what_precedes_it(tiny_model, longest, before, judged):
    encoder = changed(tiny_model("gpt2"), n_positions=longest)
    read, asked = "dog king river " * (before // 3 + 1), " bread sheep" * judged
    everything = [0, *encoder.ids(read), *encoder.ids(asked)]
    place = 1 + len(encoder.ids(read))
    for ids, first in encoder.pieces(read, asked):
        assert 1 <= first < len(ids) <= longest
        end = place + len(ids) - first
        assert everything[end - len(ids) : end] == ids
        # Nothing that precedes is left out, but for want of room.
        assert len(ids) == end or len(ids) == longest
        place = end
    assert place == len(everything)


def test_a_text_is_not_cut_at_its_end(encoder):
    text = "dog king river bread " * 200
    assert len(encoder.ids(text)) > encoder.longest
    ids, first = encoder.window(text, JUDGED)
    assert len(ids) == encoder.longest
    assert ids[:first] == encoder.ids(text)[-first:]


def test_rows_and_padding(encoder):
    examples = Examples((JUDGED, " sheep"), (BEFORE, ""))
    rows, firsts = encoder.rows(examples)
    batch = encoder.batch_of(examples)
    assert batch["input_ids"].shape == batch["attention_mask"].shape == (2, max(map(len, rows)))
    for row, ids, mask in zip(rows, batch["input_ids"], batch["attention_mask"], strict=True):
        assert ids[: len(row)].tolist() == row
        assert mask.tolist() == [1] * len(row) + [0] * (len(mask) - len(row))
    assert firsts == [1 + len(encoder.ids(BEFORE)), 1]
    assert encoder.batch([JUDGED])["input_ids"].tolist() == [[0, *encoder.ids(JUDGED)]]


@pytest.mark.parametrize("length", [1, 3, 10])
def test_ids_again_and_again(length):
    assert tiled([4, 5, 6], length).tolist() == ([4, 5, 6] * 4)[:length]
    assert tiled([4, 5, 6], length).dtype == np.int64
