"""Ranks, correlations and their differences by brute force; losses by hand; a real folder that answers."""

import random
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from transformers import AutoModel

from engine.data.splits import Examples, Splits
from engine.runtimes import runtime_of
from engine.tasks.similarity import CONTRAST, FOUND, Similarity, all_texts, unit

TASK = Similarity()
Outputs = SimpleNamespace


def retrieval(queries: int, corpus: int, seed: int = 0, dimensions: int = 4) -> tuple[np.ndarray, Examples]:
    """Whole numbers as vectors, so that there are many equal likenesses; queries have one to three answers."""
    draw = np.random.default_rng(seed)
    vectors = draw.integers(-1, 2, size=(queries + corpus, dimensions)).astype(np.float32)
    vectors[np.abs(vectors).sum(axis=1) == 0, 0] = 1.0
    places = [tuple(draw.choice(corpus, size=draw.integers(1, 4), replace=False).tolist()) for _ in range(queries)]
    texts = tuple(f"query {n}" for n in range(queries))
    return vectors, Examples(texts, tuple(places), tuple(f"text {n}" for n in range(corpus)))


def brute_ranks(vectors: np.ndarray, examples: Examples) -> list[int]:
    """The first right answer's place in the worst of all orders that the likenesses allow."""
    found = []
    for number, places in enumerate(examples.labels):
        query = vectors[number]
        likeness = [
            float(query @ row) / np.sqrt(float(query @ query) * float(row @ row)) for row in vectors[len(examples) :]
        ]
        order = sorted(range(len(likeness)), key=lambda place: (-round(likeness[place], 5), place in places))
        found.append(1 + min(order.index(place) for place in places))
    return found


def scored(count: int, seed: int = 0, noise: float = 0.5) -> tuple[np.ndarray, Examples]:
    """Vectors whose cosines follow the scores, more or less."""
    draw = np.random.default_rng(seed)
    scores = draw.random(count)
    angles = np.arccos(np.clip(scores + noise * draw.normal(size=count), -1, 1))
    texts = np.stack([np.ones(count), np.zeros(count)], axis=1)
    others = 3.0 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    labels = tuple((f"other {n}", float(score)) for n, score in enumerate(scores))
    return np.concatenate([texts, others]).astype(np.float32), Examples(
        tuple(f"text {n}" for n in range(count)), labels
    )


def splits(test: Examples) -> Splits:
    nothing = Examples((), ())
    return Splits((), nothing, nothing, test, key="", task=TASK.name)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(("queries", "corpus"), [(30, 60), (300, 15), (5, 3), (20, 10)])
def test_recall_and_reciprocal_ranks_by_brute_force(queries, corpus, seed):
    vectors, examples = retrieval(queries, corpus, seed)
    ranks = np.array(brute_ranks(vectors, examples))
    found = {quality.metric: quality for quality in TASK.qualities(vectors, examples)}
    assert list(found) == ["recall@10", "recall@1", "MRR"]
    assert found["recall@10"].value == pytest.approx((ranks <= 10).mean())
    assert found["recall@1"].value == pytest.approx((ranks == 1).mean())
    assert found["MRR"].value == pytest.approx((1 / ranks).mean())
    for quality in found.values():
        assert quality.count == queries
        assert quality.low <= quality.value <= quality.high


def test_a_model_that_finds_all_alike_finds_nothing():
    _, examples = retrieval(40, 100)
    alike = np.ones((140, 4), dtype=np.float32)
    answers = max(len(places) for places in examples.labels)
    assert {quality.metric: quality.value for quality in TASK.qualities(alike, examples)}["recall@10"] == 0.0
    assert all(quality.value <= 1 / (100 - answers) for quality in TASK.qualities(alike, examples))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("everywhere", [True, False])
def test_a_model_that_gives_no_numbers_finds_nothing(bad, everywhere):
    vectors, examples = retrieval(40, 100)
    if everywhere:
        vectors[:] = bad
    else:
        vectors[:40, 2] = bad
    assert TASK.qualities(vectors, examples)[0].value == 0.0
    pairs, examples = scored(50)
    pairs[:, 1] = bad
    assert TASK.qualities(pairs, examples)[0].value == 0.0


@pytest.mark.parametrize("noise", [0.0, 0.3, 3.0])
def test_scored_pairs_are_judged_by_spearman(noise):
    vectors, examples = scored(200, noise=noise)
    cosines = (unit(vectors[:200]) * unit(vectors[200:])).sum(axis=1)
    (found,) = TASK.qualities(vectors, examples)
    assert found.metric == "Spearman correlation"
    assert found.value == pytest.approx(spearmanr(cosines, [score for _, score in examples.labels]).statistic)
    assert found.low <= found.value <= found.high
    assert found.count == 200


def test_the_difference_is_paired():
    vectors, examples = scored(200)
    same = TASK.differences(vectors, 2 * vectors, examples)["Spearman correlation"]
    assert (same.value, same.low, same.high, same.p_value) == (0.0, 0.0, 0.0, 1.0)
    other, _ = scored(200, noise=2.0)
    found = TASK.differences(vectors, other, examples)["Spearman correlation"]
    before, after = (TASK.qualities(each, examples)[0].value for each in (vectors, other))
    assert found.value == pytest.approx(after - before)
    assert found.low <= found.value <= found.high < 0
    assert found.p_value < 0.05
    queries, examples = retrieval(100, 60)
    again = TASK.differences(queries, queries, examples)
    assert list(again) == ["recall@10", "recall@1", "MRR"]
    assert all((each.value, each.p_value) == (0.0, 1.0) for each in again.values())
    worse = TASK.differences(queries, np.ones_like(queries), examples)["MRR"]
    ranks = np.array(brute_ranks(queries, examples)), np.array(brute_ranks(np.ones_like(queries), examples))
    assert worse.value == pytest.approx((1 / ranks[1] - 1 / ranks[0]).mean())
    assert worse.high < 0


def test_changed_queries_come_worst_first():
    corpus = np.eye(3, dtype=np.float32)
    examples = Examples(("lost", "kept", "mended", "other"), ((0,), (1,), (2,), (2,)), ("a", "b", "c"))
    before = np.concatenate([[[3, 2, 1], [0, 3, 1], [3, 1, 2], [3, 2, 1]], corpus]).astype(np.float32)
    after = np.concatenate([[[1, 2, 3], [0, 2, 1], [1, 2, 3], [2, 3, 1]], corpus]).astype(np.float32)
    rows = TASK.changed(before, after, splits(examples))
    assert [row["text"] for row in rows] == ["lost", "other", "mended"]
    assert [row["worse"] for row in rows] == [True, False, False]
    assert rows[0]["original"] == {"answer": "a", "confidence": 1.0}
    assert rows[0]["optimized"] == {"answer": "c", "confidence": 0.3333}
    assert rows[0]["label"] == "a"
    assert TASK.same(before, after, examples) == (1, 4)


def test_moved_pairs_come_worst_first():
    labels = (("b", 1.0), ("d", 0.0), ("f", 0.5), ("h", 0.9))
    examples = Examples(("a", "c", "e", "g"), labels)
    turned = lambda cosines: np.array([[c, np.sqrt(1 - c * c)] for c in cosines])  # noqa: E731
    first = turned([1.0] * 4)
    before, after = (np.concatenate([first, turned(c)]) for c in ([0.9, 0.5, 0.5, 0.9], [0.7, 0.1, 0.52, 0.5]))
    rows = TASK.changed(before, after, splits(examples))
    assert [row["text"] for row in rows] == ["g ↔ h", "a ↔ b", "c ↔ d"]
    assert [row["worse"] for row in rows] == [True, True, False]
    assert rows[1]["original"] == {"answer": "0.90", "confidence": 0.9}
    assert rows[1]["label"] == "1.00"
    assert TASK.same(before, after, examples) == (1, 4)


@pytest.mark.parametrize("mode", ["mean", "cls"])
def test_the_contrastive_loss_by_hand(mode):
    draw = np.random.default_rng(0)
    states, mask = draw.normal(size=(6, 4, 5)), np.ones((6, 4), dtype=int)
    mask[1, 2:] = mask[4, 1:] = 0
    vectors = np.stack(
        [row[: real.sum()].mean(axis=0) if mode == "mean" else row[0] for row, real in zip(states, mask, strict=True)]
    )
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    likeness = CONTRAST * vectors[:3] @ vectors[3:].T
    wanted = -np.mean([likeness[n, n] - np.log(np.exp(likeness[n]).sum()) for n in range(3)])
    inputs = {"attention_mask": torch.tensor(mask)}
    outputs = Outputs(last_hidden_state=torch.tensor(states))
    batch = SimilarityBatch(inputs, torch.full((3,), -1.0), mode)
    assert TASK.loss_of(outputs, batch).item() == pytest.approx(wanted, rel=1e-5)
    scores = np.array([0.2, 0.9, 0.0])
    batch = SimilarityBatch(inputs, torch.tensor(scores), mode)
    cosines = (vectors[:3] * vectors[3:]).sum(axis=1)
    assert TASK.loss_of(outputs, batch).item() == pytest.approx(((cosines - scores) ** 2).mean(), rel=1e-5)


def SimilarityBatch(inputs: dict[str, torch.Tensor], labels: torch.Tensor, mode: str):  # reads as the class
    from engine.tasks.similarity import PairBatch

    return PairBatch(inputs, labels, 0.0, mode)


def test_the_contrastive_loss_is_that_of_sentence_transformers():
    losses = pytest.importorskip("sentence_transformers.sentence_transformer.losses")
    states = torch.randn(8, 1, 5, generator=torch.Generator().manual_seed(0))
    theirs = losses.MultipleNegativesRankingLoss(model=None)
    wanted = theirs.compute_loss_from_embeddings([states[:4, 0], states[4:, 0]], None)
    batch = SimilarityBatch({"attention_mask": torch.ones(8, 1, dtype=torch.long)}, torch.full((4,), -1.0), "mean")
    found = TASK.loss_of(Outputs(last_hidden_state=states), batch)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)


def test_disagreement_by_hand():
    draw = np.random.default_rng(0)
    ours, theirs = draw.normal(size=(2, 4, 5))
    inputs = {"attention_mask": torch.ones(4, 1, dtype=torch.long)}
    batch = SimilarityBatch(inputs, torch.full((2,), -1.0), "mean")

    def outputs(vectors: np.ndarray) -> SimpleNamespace:
        return Outputs(last_hidden_state=torch.tensor(vectors)[:, None])

    a, b = unit(ours), unit(theirs)
    wanted = 10 * ((a @ a.T - b @ b.T) ** 2).mean() + (1 - (a * b).sum(axis=1)).mean()
    assert TASK.disagreement(outputs(ours), outputs(theirs), batch, 2.0).item() == pytest.approx(wanted)
    assert TASK.disagreement(outputs(ours), outputs(3 * ours), batch, 2.0).item() == pytest.approx(0.0, abs=1e-9)
    narrow = unit(ours[:, :3])  # a student of another width: only likenesses can be compared
    wanted = 10 * ((narrow @ narrow.T - b @ b.T) ** 2).mean()
    assert TASK.disagreement(outputs(ours[:, :3]), outputs(theirs), batch, 2.0).item() == pytest.approx(wanted)


@pytest.fixture
def folder(tiny_model) -> Path:
    return tiny_model("bert", head=False)


def wanted_vectors(folder: Path, texts: list[str]) -> np.ndarray:
    """The mean over a text's tokens, one text at a time, of length 1."""
    network = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    encoder = TASK.encoder(folder)
    with torch.no_grad():
        states = [
            network(**{name: torch.tensor(array) for name, array in encoder.batch([text]).items()})[0][0].numpy()
            for text in texts
        ]
    return unit(np.stack([each.mean(axis=0) for each in states]))


@pytest.mark.parametrize("corpus", [True, False])
def test_a_folder_answers(corpus, folder, tiny_models):
    texts = [text for text, _ in tiny_models.texts(60)]
    if corpus:
        examples = Examples(tuple(texts[:20]), ((0,),) * 20, tuple(texts[20:]))
    else:
        examples = Examples(tuple(texts[:30]), tuple((other, 0.5) for other in texts[30:]))
    assert all_texts(examples) == texts
    told: list[int] = []
    found = TASK.load(runtime_of(folder), folder, 1, full_precision=True).answers(examples, told.append)
    np.testing.assert_allclose(found, wanted_vectors(folder, texts), atol=1e-5)
    assert max(told) <= len(examples) + len(examples.corpus)
    network = AutoModel.from_pretrained(folder, local_files_only=True).train()
    inside = TASK.in_memory(network, folder, lambda: None).answers(examples, told.append)
    np.testing.assert_allclose(inside, found, atol=1e-5)
    assert network.training
    assert TASK.disparity(found, found) == 0.0
    assert TASK.disparity(found, inside) < 1e-4


def test_a_description_finds_its_texts(folder, tiny_models, tmp_path):
    texts = [text for text, _ in tiny_models.texts(60)]
    examples = Examples(tuple(texts[:10]), ((0,),) * 10, tuple(texts[10:]))
    reader = TASK.load(runtime_of(folder), folder, 1, full_precision=True)
    np.save(tmp_path / "vectors.npy", reader.answers(examples, lambda done: None))
    settings = {"vectors": str(tmp_path / "vectors.npy"), "skip": 10, "corpus": list(examples.corpus)}
    found = reader.respond(texts[17], lambda piece: None, settings)
    assert found["answer"] == texts[17]
    assert found["confidence"] == pytest.approx(1.0, abs=1e-4)
    vectors = wanted_vectors(folder, texts)
    likeness = vectors[10:] @ vectors[17]
    assert [choice[0] for choice in found["choices"]] == [texts[10 + n] for n in likeness.argsort()[::-1][:FOUND]]
    assert found["ms"] > 0


def test_a_batch_for_training(folder):
    draw = random.Random(0)
    corpus = tuple(f"bread {n}" for n in range(9))
    examples = Examples(("a dog", "the old king"), ((4, 2), (7,)), corpus)
    encoder = TASK.encoder(folder)
    batch = TASK.to_batch(examples, encoder, draw.random())
    assert batch.labels.tolist() == [-1.0, -1.0]
    wanted = encoder.batch(["a dog", "the old king", "bread 4", "bread 7"])
    assert {name: array.tolist() for name, array in batch.inputs.items()} == {k: v.tolist() for k, v in wanted.items()}
    scored_batch = TASK.to_batch(Examples(("a dog",), (("a king", 0.25),)), encoder, 0.0)
    assert scored_batch.labels.tolist() == [0.25]
    network = AutoModel.from_pretrained(folder, local_files_only=True)
    loss = TASK.loss(network, batch)
    loss.backward()
    assert loss.item() > 0


def test_a_loss_falls_with_training(folder, tiny_models):
    pairs = tiny_models.texts(16)
    examples = Examples(
        tuple(text for text, _ in pairs), tuple((n,) for n in range(16)), tuple(t[::-1] for t, _ in pairs)
    )
    network = AutoModel.from_pretrained(folder, local_files_only=True)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    batch, losses = TASK.to_batch(examples, TASK.encoder(folder), 0.0), []
    for _ in range(15):
        losses.append(TASK.loss(network, batch))
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < 0.7 * losses[0]
