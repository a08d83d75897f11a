"""A smaller tokenizer splits texts of tokens that stay exactly as before, and covers every other text."""

import json
import random
from collections import Counter

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from engine.errors import Cancelled, Refused
from engine.methods.tokenizer_definition import read_definition, write_tokenizer
from engine.methods.vocabulary import choose, count_tokens, fallout, shrink

TEXTS = [
    "the quick brown fox jumps over the lazy dog",
    "the queen quickly jumped over a brown log",
    "jumping foxes and dozing dogs, over and over again",
    "a lazy afternoon in the browning garden of the queen",
] * 5
SPECIAL = ["<pad>", "<unk>", "<s>", "</s>"]


def wordpiece() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=120, special_tokens=SPECIAL, show_progress=False)
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.post_processor = processors.BertProcessing(("</s>", 3), ("<s>", 2))
    return tokenizer


def byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=360,
        special_tokens=["<s>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.add_special_tokens(["<|end|>"])  # beyond the model's own vocabulary
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(
                single="$A <|end|>", special_tokens=[("<|end|>", tokenizer.token_to_id("<|end|>"))]
            ),
        ]
    )
    return tokenizer


def sentencepiece_bpe() -> Tokenizer:
    """As Llama 2's is converted: bytes to fall back on, and every split of a token is a merge."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    trained.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=120, show_progress=False))
    pieces = sorted(trained.get_vocab(), key=trained.get_vocab().__getitem__)
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *pieces]
    vocabulary = {token: place for place, token in enumerate(tokens)}
    splits = [(token[:cut], token[cut:]) for token in pieces for cut in range(1, len(token))]
    merges = [pair for pair in splits if pair[0] in vocabulary and pair[1] in vocabulary]
    tokenizer = Tokenizer(
        models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    return tokenizer


def unigram() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=90, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False, max_piece_length=8
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.enable_padding(pad_id=0, pad_token="<pad>")
    return tokenizer


MAKERS = {"wordpiece": wordpiece, "byte-level": byte_level, "sentencepiece": sentencepiece_bpe, "unigram": unigram}


@pytest.fixture(params=MAKERS, scope="module")
def definition(request) -> dict:
    return json.loads(MAKERS[request.param]().to_str())


def opened(definition: dict) -> Tokenizer:
    tokenizer = Tokenizer.from_str(json.dumps(definition))
    tokenizer.no_padding()
    return tokenizer


def random_texts(count: int = 3000, seed: int = 0) -> list[str]:
    """Texts like those learned from, words cut up and glued together anew, short so that some use few tokens."""
    draw = random.Random(seed)
    words = " ".join(TEXTS).split()
    found = []
    for _ in range(count):
        pieces = []
        for _ in range(draw.randint(1, 3)):
            word = draw.choice(words)
            start = draw.randint(0, len(word) - 1)
            pieces.append(word[start : start + draw.randint(1, 9)] if draw.random() < 0.5 else word)
        found.append(draw.choice(["", " "]).join(pieces))
    return found


@pytest.mark.parametrize("keep", [0.0, 0.7, 0.85, 0.95, 1.0])
def test_texts_of_tokens_that_stay_are_split_as_before(definition, keep):
    old = opened(definition)
    shrunk = shrink(definition, choose(definition, count_tokens(definition, TEXTS), keep))
    new, new_of = opened(shrunk.definition), shrunk.new_of
    compared = 0
    for text in random_texts():
        ids = old.encode(text, add_special_tokens=False).ids
        if all(token_id in new_of for token_id in ids):
            compared += 1
            assert new.encode(text, add_special_tokens=False).ids == [new_of[token_id] for token_id in ids], text
            whole = old.encode(text).ids
            assert new.encode(text).ids == [new_of[token_id] for token_id in whole]
    assert compared > 50 or keep < 0.8  # with little more than 256 bytes, hardly any text is left to compare
    if keep == 1.0:
        assert compared == 3000
        assert {**shrunk.definition, "model": None} == {**definition, "model": None}


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.8])
@pytest.mark.parametrize("name", ["byte-level", "sentencepiece"])
def test_with_bytes_every_text_comes_back_whole(name, keep):
    definition = json.loads(MAKERS[name]().to_str())
    new = opened(shrink(definition, choose(definition, count_tokens(definition, TEXTS), keep)).definition)
    for text in [*TEXTS, *random_texts(200), "naïve Ωmega – 漢字 🦊\n\ttabs", "Ünïcödé " * 3, "\x00\x7f"]:
        assert new.decode(new.encode(text, add_special_tokens=False).ids) == text


def test_ids_have_no_gaps_and_keep_their_order(definition):
    shrunk = shrink(definition, choose(definition, Counter(), 0.8))
    new, old = opened(shrunk.definition), opened(definition)
    assert sorted(new.get_vocab().values()) == list(range(len(shrunk.kept)))
    assert list(shrunk.kept) == sorted(shrunk.kept)
    assert all(new.id_to_token(place) == old.id_to_token(before) for place, before in enumerate(shrunk.kept))


def test_special_tokens_always_stay(definition):
    shrunk = shrink(definition, choose(definition, Counter(), 0.0))
    names = {token["content"] for token in definition["added_tokens"]}
    assert names
    assert {token["content"] for token in shrunk.definition["added_tokens"]} == names
    new = opened(shrunk.definition)
    for token in shrunk.definition["added_tokens"]:
        assert new.token_to_id(token["content"]) == token["id"]
    around = [token for token in opened(definition).encode("the").tokens if token in names]
    assert [token for token in new.encode("the").tokens if token in names] == around


@pytest.mark.parametrize("keep", [0.9, 0.97])
def test_a_share_of_the_vocabulary_is_met(definition, keep):
    kept = choose(definition, count_tokens(definition, TEXTS), keep)
    total = opened(definition).get_vocab_size()
    assert len(kept) == round(keep * total)


def test_the_most_used_stay():
    definition = json.loads(wordpiece().to_str())
    counts = count_tokens(definition, TEXTS)
    least = choose(definition, Counter(), 0.0)
    kept = choose(definition, counts, 0.8)
    optional = kept - least
    dropped = set(range(opened(definition).get_vocab_size())) - kept
    assert optional and dropped
    assert min(counts[token] for token in optional) >= max(counts[token] for token in dropped)


@pytest.mark.parametrize("keep", [0.5, 0.9, 1.0])
def test_a_share_of_use_is_covered(definition, keep):
    counts = count_tokens(definition, TEXTS)
    kept = choose(definition, counts, keep, "use")
    assert sum(counts[token] for token in kept) >= keep * sum(counts.values())
    assert len(kept) <= opened(definition).get_vocab_size()
    if keep == 1.0:
        assert fallout(definition, shrink(definition, kept), TEXTS).fallen_share == 0.0


def test_counting_is_what_encoding_gives(definition):
    tokenizer = opened(definition)
    wanted = Counter(i for text in TEXTS for i in tokenizer.encode(text, add_special_tokens=False).ids)
    assert count_tokens(definition, iter(TEXTS)) == wanted


def test_what_falls_out_is_counted():
    """By hand: the vocabulary loses 'cat' and '##s'; é was never in it."""
    vocabulary = ["[UNK]", *"acdogst", *(f"##{letter}" for letter in "acdogt"), "cat", "dog", "##s"]
    tokenizer = Tokenizer(models.WordPiece({token: place for place, token in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    definition = json.loads(tokenizer.to_str())
    tokens = ["[UNK]", *"acdogst", *(f"##{letter}" for letter in "acdogt"), "dog"]
    shrunk = shrink(definition, {vocabulary.index(token) for token in tokens})
    found = fallout(definition, shrunk, ["cat dog", "dogs é"])
    # Before: cat dog | dog ##s [UNK]. After: c ##a ##t dog | [UNK] [UNK], for no continuing s is left.
    assert found.texts == 2
    assert found.fallen_share == pytest.approx(2 / 5)
    assert found.unknown_share_before == pytest.approx(1 / 5)
    assert found.unknown_share_after == pytest.approx(2 / 6)
    assert (found.tokens_per_text_before, found.tokens_per_text_after) == (2.5, 3.0)


def test_what_must_stay_keeps_words_spelled_rather_than_unknown():
    definition = json.loads(wordpiece().to_str())
    shrunk = shrink(definition, choose(definition, Counter(), 0.0))
    found = fallout(definition, shrunk, TEXTS)
    assert found.unknown_share_after == 0.0
    assert found.fallen_share > 0.3
    assert found.tokens_per_text_after > found.tokens_per_text_before


def test_a_token_stays_only_with_what_it_is_merged_from():
    definition = json.loads(byte_level().to_str())
    kept = choose(definition, count_tokens(definition, TEXTS), 0.85)
    names = {token for token, token_id in definition["model"]["vocab"].items() if token_id in kept}
    made = {left + right: (left, right) for left, right in definition["model"]["merges"]}
    for token in names & made.keys():
        assert set(made[token]) <= names
    shrunk = shrink(definition, kept).definition["model"]["merges"]
    assert {left + right for left, right in shrunk} == names & made.keys()


def test_merges_written_as_strings_are_read_too():
    definition = json.loads(byte_level().to_str())
    older = json.loads(json.dumps(definition))
    older["model"]["merges"] = [" ".join(pair) for pair in definition["model"]["merges"]]
    counts = count_tokens(older, TEXTS)
    assert choose(older, counts, 0.8) == choose(definition, counts, 0.8)
    kept = choose(older, counts, 0.8)
    assert shrink(older, kept).definition == shrink(definition, kept).definition


def test_the_files_are_written_with_new_ids(tmp_path):
    definition = json.loads(byte_level().to_str())
    source, folder = tmp_path / "source", tmp_path / "smaller"
    source.mkdir()
    end = next(token["id"] for token in definition["added_tokens"] if token["content"] == "<|end|>")
    (source / "tokenizer.json").write_text(json.dumps(definition), encoding="utf-8")
    settings = {"added_tokens_decoder": {str(end): {"content": "<|end|>"}}, "model_max_length": 12}
    (source / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    (source / "special_tokens_map.json").write_text('{"eos_token": "<|end|>"}', encoding="utf-8")
    (source / "merges.txt").write_text("old", encoding="utf-8")
    shrunk = shrink(read_definition(source), choose(definition, Counter(), 0.8))
    write_tokenizer(source, folder, shrunk.definition, shrunk.new_of)
    written = Tokenizer.from_file(str(folder / "tokenizer.json"))
    now = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert now == {
        "added_tokens_decoder": {str(written.token_to_id("<|end|>")): {"content": "<|end|>"}},
        "model_max_length": 12,
    }
    assert {path.name for path in folder.iterdir()} == {
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
    }


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "missing"),
        ("[", "cannot be read"),
        ("{}", "cannot be read"),
        ('{"model": {"type": "WordLevel"}}', "WordLevel"),
        ('{"model": {"type": "BPE", "end_of_word_suffix": "</w>"}}', "ends of words"),
    ],
)
def test_a_tokenizer_that_cannot_be_pruned_is_refused(tmp_path, content, says):
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content, encoding="utf-8")
    with pytest.raises(Refused, match=says):
        read_definition(tmp_path)


def test_a_tokenizer_that_cannot_be_opened_is_refused():
    with pytest.raises(Refused, match="cannot be opened"):
        count_tokens({"model": {"type": "BPE", "vocab": {}, "merges": [["a", "b"]]}}, ["a"])


def test_counting_can_be_cancelled():
    def cancel() -> None:
        raise Cancelled("stop")

    definition = json.loads(wordpiece().to_str())
    with pytest.raises(Cancelled):
        count_tokens(definition, TEXTS, check=cancel)
    with pytest.raises(Cancelled):
        fallout(definition, shrink(definition, choose(definition, Counter(), 1.0)), TEXTS, check=cancel)
