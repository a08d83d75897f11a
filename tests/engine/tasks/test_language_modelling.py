"""Perplexity, accuracy and divergence against brute force over every token; speed's items; losses by hand."""

import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from engine.data.splits import Examples, Splits
from engine.errors import Cancelled, Refused
from engine.run import Comparison, Difference, Measurement, Quality
from engine.runtimes import runtime_of
from engine.tasks.language_modelling import KL, NLL, PLACES, RIGHT, SAME, TOKENS, WRITTEN, LanguageModelling
from engine.tasks.windows import WindowEncoder

TASK = LanguageModelling()


def reader_of(folder: Path):
    return TASK.load(runtime_of(folder), folder, 1, full_precision=True)


@pytest.mark.parametrize("family", ["gpt2", "llama", "qwen3"])
def test_perplexity_is_that_of_every_judged_token(family, tiny_model, some_windows, plain_network, answers_of, by_hand):
    folder, examples = tiny_model(family), some_windows(10)
    wanted = by_hand(plain_network(folder), folder, examples)
    found = answers_of(folder, examples)
    likelihoods = [shares[np.arange(len(ids)), ids] for shares, ids in wanted]
    np.testing.assert_allclose(found[:, NLL], [-row.sum() for row in likelihoods], rtol=1e-5)
    assert found[:, TOKENS].tolist() == [len(ids) for _, ids in wanted]
    assert found[:, RIGHT].tolist() == [(shares.argmax(axis=1) == ids).sum() for shares, ids in wanted]
    assert not found[:, [KL, PLACES, SAME]].any()
    perplexity, accuracy = TASK.qualities(found, examples)
    assert perplexity.value == pytest.approx(np.exp(-np.concatenate(likelihoods).mean()), rel=1e-5)
    assert perplexity.low < perplexity.value < perplexity.high
    right = np.concatenate([shares.argmax(axis=1) == ids for shares, ids in wanted])
    assert (accuracy.metric, accuracy.value) == ("next-token accuracy", pytest.approx(right.mean()))


def test_what_is_before_is_read_but_not_judged(tiny_model, some_windows, answers_of):
    folder, examples = tiny_model("gpt2"), some_windows(4)
    alone = Examples(examples.texts, ("",) * 4)
    with_context, without = answers_of(folder, examples), answers_of(folder, alone)
    assert with_context[:, TOKENS].tolist() == without[:, TOKENS].tolist()
    assert (with_context[1:, NLL] != without[1:, NLL]).all()
    assert with_context[0].tolist() == without[0].tolist()  # the first has nothing before it


def test_a_network_in_memory_answers_as_its_folder(tiny_model, some_windows, plain_network, answers_of):
    folder, examples, checks = tiny_model("llama"), some_windows(6), []
    network = plain_network(folder).train()
    found = TASK.in_memory(network, folder, lambda: checks.append(1)).answers(examples, lambda done: None)
    np.testing.assert_allclose(found, answers_of(folder, examples), rtol=1e-5)
    assert network.training
    assert len(checks) == 6


def test_windows_longer_than_the_model_are_judged_to_their_end(tiny_model, some_windows, plain_network, answers_of):
    folder, examples = tiny_model("llama", positions=48), some_windows(3, words=80, before=40)
    network, encoder = plain_network(folder), WindowEncoder(folder)
    found = answers_of(folder, examples)
    for row, before, judged in zip(found, examples.labels, examples.texts, strict=True):
        read, asked = [0, *encoder.ids(before)], encoder.ids(judged)
        everything = read + asked
        # Each half of 24 tokens is judged after as many as there is room for.
        wanted, right = 0.0, 0
        for start in range(len(read), len(everything), 24):
            end = min(start + 24, len(everything))
            with torch.no_grad():
                logits = network(torch.tensor([everything[max(0, end - 48) : end]])).logits[0].double()
            shares = torch.log_softmax(logits, dim=-1)[-(end - start) - 1 : -1]
            ids = torch.tensor(everything[start:end])
            wanted -= float(shares[range(len(ids)), ids].sum())
            right += int((shares.argmax(dim=1) == ids).sum())
        assert row[TOKENS] == len(asked) > 48
        assert row[NLL] == pytest.approx(wanted, rel=1e-5)
        assert row[RIGHT] == right


def test_another_tokenizer_is_counted_by_the_originals_tokens(tiny_model, some_windows, answers_of, fewer_tokens):
    folder, examples = tiny_model("gpt2"), some_windows(8)
    original, other = answers_of(folder, examples), answers_of(fewer_tokens(tiny_model("gpt2")), examples)
    assert (other[:, TOKENS] > 1.5 * original[:, TOKENS]).all()
    perplexity, accuracy, *_ = TASK.qualities(other, examples, original)
    assert perplexity.value == pytest.approx(np.exp(other[:, NLL].sum() / original[:, TOKENS].sum()))
    assert accuracy.value == pytest.approx(other[:, RIGHT].sum() / other[:, TOKENS].sum())
    found = TASK.differences(original, other, examples)
    assert list(found) == ["perplexity"]
    grown = np.exp((other[:, NLL].sum() - original[:, NLL].sum()) / original[:, TOKENS].sum())
    assert found["perplexity"].value == pytest.approx(1 - grown)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_model_that_gives_no_numbers_is_refused(value, tiny_model, some_windows, plain_network):
    folder = tiny_model("gpt2")
    network = plain_network(folder)
    with torch.no_grad():
        network.transformer.ln_f.bias[3] = value
    with pytest.raises(Refused, match="gives no numbers for what comes next"):
        TASK.in_memory(network, folder, lambda: None).answers(some_windows(2), lambda done: None)


def test_answering_can_be_stopped(tiny_model, some_windows):
    told: list[int] = []

    def done(count: int) -> None:
        told.append(count)
        if count == 2:
            raise Cancelled("Cancelled.")

    with pytest.raises(Cancelled):
        reader_of(tiny_model("gpt2")).answers(some_windows(5), done)
    assert told == [1, 2]


def test_differences_and_changed_windows():
    original = np.array([[10.0, 5, 3, 0, 0, 0], [20.0, 10, 4, 0, 0, 0], [6.0, 3, 1, 0, 0, 0]])
    optimized = original.copy()
    optimized[:, NLL] += [1.0, 0.1, -0.3]
    optimized[:, RIGHT] -= [1, 0, 0]
    examples = Examples(("one", " two\x1ethree ", "four"), ("", "", ""))
    found = TASK.differences(original, optimized, examples)
    assert found["perplexity"].value == pytest.approx(1 - math.exp(0.8 / 18))
    assert found["perplexity"].low <= found["perplexity"].value <= found["perplexity"].high
    assert found["next-token accuracy"].value == pytest.approx(-1 / 18)
    nothing = Examples((), ())
    rows = TASK.changed(original, optimized, Splits((), nothing, nothing, examples, key=""))
    assert [row["text"] for row in rows] == ["one", "two\nthree", "four"]
    assert [row["worse"] for row in rows] == [True, True, False]
    assert rows[0]["original"]["answer"] == f"perplexity {math.exp(2):.1f}"
    assert rows[0]["optimized"]["answer"] == f"perplexity {math.exp(2.2):.1f}"
    assert TASK.disparity(original, optimized) == pytest.approx((0.2 + 0.01 + 0.1) / 3)
    assert TASK.disparity(original, original) == 0.0


@pytest.mark.parametrize(
    ("value", "said"), [(-0.0123, "(+1.2 %)"), (0.0, "(+0.0 %)"), (0.0001, "(+0.0 %)"), (0.05, "(−5.0 %)")]
)
def test_in_words(value, said):
    def measured(perplexity: float) -> Measurement:
        return Measurement(
            runtime="torch",
            precision="32 bits",
            quality=Quality(metric="perplexity", value=perplexity, low=1.0, high=99.0, count=3),
        )

    difference = Difference(value=value, low=value, high=value, p_value=1.0)
    comparison = Comparison(quality=difference, same_answers=986, answers=1000)
    found = TASK.in_words(measured(18.594), measured(18.7), comparison, "within noise")
    assert (
        found
        == f"At 98.6 % of places it would write the same next token; perplexity 18.59 → 18.70 {said}, within noise."
    )
    alone = TASK.in_words(measured(18.594), measured(18.7), Comparison(quality=difference), "within noise")
    assert alone.startswith("Perplexity 18.59 → 18.70")


@pytest.mark.parametrize("positions", [8, 24, 48, 128, 1024])
@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_workloads_fit_the_longest_input(family, positions, tiny_model, some_windows):
    folder = tiny_model(family, positions=positions)
    works = TASK.workloads(some_windows(3, words=60), folder)
    assert works[0].name.startswith("writing after")
    assert works[1].name.startswith("reading")
    longest = min(positions, 1024)
    for work in works:
        json.dumps(work.items)  # they cross to another process
        (item,) = work.items
        assert 1 <= item["prompt"] <= max(1, longest - WRITTEN - 1)
        assert work.amount == (item["write"] or item["prompt"])
    if positions == 1024:
        names = [work.name for work in works]
        assert names == [
            "writing after 32 tokens",
            "reading 512 tokens",
            "reading 32 tokens",
            "writing after 512 tokens",
        ]
    if positions >= 24:
        reader = reader_of(folder)
        assert all(reader.time(work.items[0]) > 0 for work in works)


def test_only_writing_is_timed_where_writing_is_asked_for(tiny_model):
    class Writer:
        def __init__(self):
            self.asked = []

        def start(self, ids):
            self.asked.append(len(ids))
            return np.arange(5.0)

        def step(self, token):
            self.asked.append(token)
            return np.arange(5.0)

    from engine.tasks.language_modelling import LanguageReader

    writer = Writer()
    reader = LanguageReader(WindowEncoder(tiny_model("gpt2")), writer)
    reader.time({"text": "a dog", "prompt": 32, "write": 0})
    assert writer.asked == [32]
    reader.time({"text": "a dog", "prompt": 32, "write": 3})
    assert writer.asked == [32, 32, 4, 4, 4]


def test_prompts_are_beginnings_that_end_with_a_word():
    texts = (" word" * 60, "short one", "x" * 300, "first\x1esecond document", " ")
    found = TASK.prompts(Examples(texts * 4, ("",) * 20))
    assert len(found) == 12
    assert len(found[0]) <= 100
    assert found[0].endswith("word")
    assert set(found[0].split()) == {"word"}
    assert found[1] == "short"
    assert found[2] == "x" * 100
    assert found[3] == "first\nsecond"


def test_larger_models_are_judged_by_fewer_windows():
    budgets = [TASK.budget(parameters) for parameters in (0, 10**6, 10**8, 10**9, 10**12)]
    assert [each.test for each in budgets] == sorted((each.test for each in budgets), reverse=True)
    assert (budgets[0].test, budgets[-1].test, budgets[-1].validation) == (400, 48, 32)


def test_the_loss_is_that_of_transformers(tiny_model, some_windows, plain_network):
    folder, examples = tiny_model("llama"), some_windows(4)
    batch = TASK.to_batch(examples, TASK.encoder(folder), 0.5)
    network = plain_network(folder)
    assert (batch.labels == -100).equal(batch.inputs["attention_mask"] == 0)
    wanted = network(**batch.inputs, labels=batch.labels).loss.item()
    assert TASK.loss(network, batch).item() == pytest.approx(wanted, rel=1e-6)
    # Padding changes nothing: one at a time, weighted by tokens.
    sums, tokens = 0.0, 0
    for one in examples.batches(1):
        alone = TASK.to_batch(one, TASK.encoder(folder), 0.5)
        count = alone.labels.shape[1] - 1
        sums, tokens = sums + TASK.loss(network, alone).item() * count, tokens + count
    assert sums / tokens == pytest.approx(wanted, rel=1e-5)


def test_disagreement_by_hand():
    draw = np.random.default_rng(0)
    given, wanted = draw.normal(size=(2, 2, 3, 5))
    mask = torch.tensor([[1, 1, 1], [1, 0, 0]])
    batch = SimpleNamespace(inputs={"attention_mask": mask})
    total = 0.0
    for place in [(0, 0), (0, 1), (0, 2), (1, 0)]:
        ours, theirs = (np.exp(each[place] / 2) / np.exp(each[place] / 2).sum() for each in (given, wanted))
        total += (theirs * np.log(theirs / ours)).sum()
    found = TASK.disagreement(
        SimpleNamespace(logits=torch.tensor(given)), SimpleNamespace(logits=torch.tensor(wanted)), batch, 2.0
    )
    assert found.item() == pytest.approx(4 * total / 4)
