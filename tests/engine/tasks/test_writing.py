"""Writing as transformers writes, whole characters streamed, and loops told from prose."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from engine.errors import Cancelled
from engine.run import Written
from engine.runtimes.torch_writer import TorchWriter
from engine.tasks.windows import WindowEncoder
from engine.tasks.writing import LONGEST_SPAN, collapse, looked_at, write

PROMPT = "the quiet king once kept many"
PROSE = (
    "The river rises in the hills behind the old town, where two smaller streams meet under a bridge of stone. For "
    "most of the year it is slow and shallow, and children wade across it on their way to school. In spring, when "
    "the snow melts, the water turns brown and fast, and the farmers move their sheep to higher ground until it "
    "falls again. The mill, which once ground all the grain of the valley, has stood still since the last miller "
    "died; its wheel is green with moss, and swallows nest in the loft where the sacks used to be kept."
)


class Scripted:
    """A writer that wants to write given tokens, then the end."""

    vocabulary, longest = 400, 128

    def __init__(self, tokens: Sequence[int], end: int = 0) -> None:
        self._tokens, self.read = [*tokens, end], []

    def start(self, ids: np.ndarray) -> np.ndarray:
        self.read = ids.tolist()
        return self._next()

    def step(self, token: int) -> np.ndarray:
        self.read.append(token)
        return self._next()

    def _next(self) -> np.ndarray:
        return np.eye(400, dtype=np.float32)[self._tokens.pop(0)]


@pytest.fixture
def encoder(tiny_model) -> WindowEncoder:
    return WindowEncoder(tiny_model("gpt2"))


def told_of(encoder: WindowEncoder, writer, text: str = PROMPT, **settings: float) -> tuple[dict, list[str]]:
    pieces: list[str] = []
    return write(encoder, writer, text, pieces.append, settings), pieces


@pytest.mark.parametrize("family", ["gpt2", "llama"])
@pytest.mark.parametrize("tokens", [1, 20])
def test_the_likeliest_tokens_are_those_of_transformers(family, tokens, tiny_model, plain_network):
    folder = tiny_model(family)
    encoder = WindowEncoder(folder)
    found, pieces = told_of(encoder, TorchWriter(folder, 1, full_precision=True), tokens=tokens)
    network = plain_network(folder)
    ids = torch.tensor([[0, *encoder.ids(PROMPT)]])
    network.generation_config.pad_token_id = 0
    wanted = network.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=tokens)
    wanted = wanted[0, ids.shape[1] :].tolist()
    assert found["ids"] == [token for token in wanted if token != 0]
    assert found["text"] == "".join(pieces)
    assert found["prompt_tokens"] == ids.shape[1]
    assert min(found["prompt_ms"], found["ms"], found["per_second"]) > 0


def test_it_ends_at_the_end_of_a_document(encoder):
    ids = encoder.ids(" sheep and bread")
    found, pieces = told_of(encoder, Scripted(ids))
    assert (found["ids"], found["text"]) == (ids, " sheep and bread")
    assert len(pieces) == len(ids)
    assert told_of(encoder, Scripted([]))[0]["ids"] == []


def test_it_reads_each_token_once_and_none_in_vain(encoder):
    ids = encoder.ids(" sheep and bread and cheese")
    writer = Scripted(ids)
    told_of(encoder, writer, tokens=4)
    assert writer.read == [0, *encoder.ids(PROMPT), *ids[:3]]


@pytest.mark.parametrize("text", ["é", "naïve 字 and 😀", "😀😀", "字字字"])
def test_characters_are_streamed_whole(encoder, text):
    ids = encoder.ids(text)
    assert len(ids) > len(text) or text.isascii()  # several tokens a character
    found, pieces = told_of(encoder, Scripted(ids))
    assert found["text"] == text
    assert not any("\ufffd" in piece for piece in pieces)
    assert "".join(pieces) == text
    half, _ = told_of(encoder, Scripted(ids), tokens=len(ids) - 1)
    assert text.startswith(half["text"])
    assert len(half["text"]) == len(text) - 1


def test_a_prompt_that_ends_with_a_character_of_several_tokens(encoder):
    found, pieces = told_of(encoder, Scripted(encoder.ids("é, 字")), text="名字")
    assert found["text"] == "".join(pieces) == "é, 字"


def test_bytes_that_make_no_character_hold_nothing_up(encoder):
    stray = encoder.ids("字")[1]  # the middle of a character
    found, pieces = told_of(encoder, Scripted([stray, *encoder.ids(" bread")]))
    assert found["text"] == "".join(pieces)
    assert found["text"].endswith(" bread")


def test_words_keep_the_space_before_them(tmp_path: Path, tiny_model):
    """As Llama's first tokenizers have it: the decoder drops a text's first space."""
    folder = tiny_model("llama")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=120, special_tokens=["</s>"], show_progress=False)
    tokenizer.train_from_iterator([PROSE], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    encoder = WindowEncoder(folder)
    ids = encoder.ids("the old river town")
    assert encoder.tokenizer.decode(ids) == "the old river town"
    found, pieces = told_of(encoder, Scripted(ids), text="In the hills behind")
    assert found["text"] == "".join(pieces) == " the old river town"


@pytest.mark.parametrize("tokens", [5, 127, 128, 500])
@pytest.mark.parametrize("words", [1, 400])
def test_prompt_and_text_fit_the_model(tokens, words, tiny_model):
    folder = tiny_model("llama")
    encoder = WindowEncoder(folder)
    prompt = " ".join(f"dog{number}" for number in range(words))
    found, _ = told_of(encoder, TorchWriter(folder, 1), text=prompt, tokens=tokens)
    assert 1 <= found["prompt_tokens"] <= 128 - min(tokens, 127)
    assert found["prompt_tokens"] + len(found["ids"]) <= 128


def test_of_a_long_prompt_the_end_is_read(encoder):
    writer = Scripted([5])
    text = "dog " * 300 + "and the last words"
    told_of(encoder, writer, text=text, tokens=20)
    assert len(writer.read) == 128 - 20 + 1
    assert encoder.tokenizer.decode(writer.read[:-1]).endswith("and the last words")


def test_chance_follows_the_seed_and_the_distribution(encoder):
    class Even(Scripted):
        def _next(self) -> np.ndarray:
            return np.log(np.array([0.0001, 0.6, 0.3, *[0.0999 / 397] * 397]), dtype=np.float32)

    one, same, other = (
        told_of(encoder, Even([]), temperature=1.0, seed=seed, tokens=100)[0]["ids"] for seed in (1, 1, 2)
    )
    assert one == same != other
    many = [
        token
        for seed in range(20)
        for token in told_of(encoder, Even([]), temperature=1.0, seed=seed, tokens=100)[0]["ids"]
    ]
    assert np.mean(np.array(many) == 1) == pytest.approx(0.6, abs=0.05)
    cold = [
        token
        for seed in range(5)
        for token in told_of(encoder, Even([]), temperature=0.1, seed=seed, tokens=100)[0]["ids"]
    ]
    assert np.mean(np.array(cold) == 1) > 0.99


def test_writing_can_be_stopped(encoder):
    def piece(_: str) -> None:
        raise Cancelled("Cancelled.")

    with pytest.raises(Cancelled):
        write(encoder, Scripted(encoder.ids("a dog")), PROMPT, piece, {})


def brute_distinct(rows: list[list[int]], size: int) -> float:
    grams = [[tuple(row[at : at + size]) for at in range(len(row) - size + 1)] for row in rows]
    return sum(len(set(each)) for each in grams) / sum(len(each) for each in grams)


def brute_repeated(row: list[int]) -> int:
    """Every stretch that is one span again and again (three times where the span is one or two tokens long)."""
    covered = set()
    for span in range(1, LONGEST_SPAN + 1):
        least = 3 if span < 3 else 2
        for start in range(len(row)):
            for end in range(start + span * least, len(row) + 1):
                if all(row[at] == row[at - span] for at in range(start + span, end)):
                    covered |= set(range(start + span, end))
    return len(covered)


@pytest.mark.parametrize("seed", range(30))
def test_repetition_and_variety_by_brute_force(seed):
    draw = np.random.default_rng(seed)
    rows = [draw.integers(0, 2 + seed % 5, size=draw.integers(5, 28)).tolist() for _ in range(3)]
    found = looked_at(["a", "b", "c"], rows)
    assert found.distinct == pytest.approx([brute_distinct(rows, size) for size in (1, 2, 3)])
    assert found.repeated == pytest.approx(sum(map(brute_repeated, rows)) / sum(map(len, rows)))
    assert found.tokens == sum(map(len, rows))


@pytest.mark.parametrize(
    ("row", "repeated"),
    [
        ([1, 2, 3, 4, 5, 6], 0),
        ([1, 1, 2, 3], 0),  # said twice
        ([1, 1, 1, 2], 2),
        ([1, 2, 1, 2], 0),
        ([1, 2, 1, 2, 1, 2], 4),
        ([1, 2, 3, 1, 2, 3], 3),
        ([1, 2, 3, 9, 1, 2, 3], 0),  # not just before
        ([*range(20), *range(20)], 20),
        ([*range(21), *range(21)], 0),
        ([], 0),
    ],
)
def test_what_repeats(row, repeated):
    assert looked_at([""], [row]).repeated == pytest.approx(repeated / max(len(row), 1))


def seen(encoder: WindowEncoder, *texts: str) -> Written:
    return looked_at(texts, [encoder.ids(text) for text in texts])


def test_ordinary_prose_is_no_loop(encoder):
    sentences = PROSE.split(". ")
    prose = seen(encoder, *sentences)
    assert prose.repeated < 0.05
    assert prose.distinct[2] > 0.95
    assert prose.samples == tuple(sentences[:3])
    for other in (seen(encoder, *sentences[1:]), seen(encoder, sentences[0], sentences[2]), prose):
        assert collapse(prose, other) == ""


@pytest.mark.parametrize(
    "loop",
    ["the the the " * 20, "of the river, " * 20, "and then he said that it was " * 8, "x" * 60, "\n" * 60],
)
def test_a_loop_is_called_one(encoder, loop):
    prose, looped = seen(encoder, PROSE), seen(encoder, loop, loop)
    assert "falls into a loop" in collapse(prose, looped)
    assert " %" in collapse(prose, looped)
    assert collapse(looped, looped) == ""  # the original does it, too


def test_some_loops_among_others_are_noticed(encoder):
    sentences = PROSE.split(". ")
    original = seen(encoder, *sentences)
    assert "falls into a loop" in collapse(
        original, seen(encoder, *sentences[:2], "and so on " * 20, "to the end, " * 20)
    )


def test_silence_is_no_loop(encoder):
    prose = seen(encoder, PROSE)
    nothing = looked_at(["", ""], [[], []])
    assert (nothing.tokens, nothing.repeated) == (0, 0.0)
    assert (
        collapse(prose, nothing)
        == collapse(prose, looked_at(["a"], [[5, 6]]))
        == ("It stops writing far sooner than the original.")
    )
    assert collapse(nothing, nothing) == collapse(nothing, prose) == ""
