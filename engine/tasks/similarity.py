"""Sentence similarity: how alike are two texts? And retrieval: which of many texts answers this one?

Answers are vectors: of the texts, then of the other sentences or of the corpus, [rows, dimensions].
Scored pairs are judged by Spearman's rank correlation of cosine and score; retrieval by recall@10,
recall@1 and the mean reciprocal rank (MRR) of the first right answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from engine.data.splits import Examples, Splits
from engine.run import Comparison, Difference, Measurement, Quality
from engine.statistics import mean_quality, paired_difference, rank_correlation, rank_correlation_difference
from engine.tasks import words
from engine.tasks.base import Done, Piece, Reader, Task, TaskName, TrainingBatch, Workload
from engine.tasks.encoding import Encoder
from engine.tasks.pooling import Pooling, SentenceEncoder, pooled, read_pooling

if TYPE_CHECKING:
    import torch
    from torch import nn

    from engine.models.profile import Profile
    from engine.runtimes import Runtime, Session

FOUND = 10
QUERIES_AT_ONCE = 256
ROUNDING = 1e-5
"""Likenesses that are no further apart are equal: the same text in another batch comes out a little different."""
CONTRAST = 20.0
"""Scale of cosines in the contrastive loss (as in sentence-transformers' MultipleNegativesRankingLoss)."""
MOVED = 0.05
"""How far the likeness of a scored pair must move to be called changed."""


@dataclass(frozen=True)
class PairBatch(TrainingBatch):
    """A batch that knows how its tokens become vectors (`Pooling.mode`)."""

    mode: str


class Embedder(Reader):
    """Vectors from a session's hidden states, pooled as the folder says."""

    def __init__(self, encoder: Encoder, session: Session, pooling: Pooling) -> None:
        self._encoder, self._session, self._pooling = encoder, session, pooling

    def answers(
        self, examples: Examples, done: Done, *, keep: Path | None = None, against: Path | None = None
    ) -> np.ndarray:
        """Vectors of the texts, then of the other sentences or the corpus."""
        texts, total = all_texts(examples), len(examples) + len(examples.corpus)
        tell = lambda count: done(count * total // len(texts))  # noqa: E731  # a pair is two texts and one example
        return words.outputs_of(self._session, self._encoder, texts, tell, self._pooled)

    def time(self, item: Any) -> float:
        """From texts to vectors."""
        return words.timed(lambda: self._vectors(item))

    def respond(self, text: str, piece: Piece, settings: dict[str, Any]) -> dict[str, Any]:
        """The ten texts of settings["corpus"] that are nearest.

        Their vectors stand in the .npy file settings["vectors"], behind settings["skip"] others.
        """
        self.time([text])
        vectors: list[np.ndarray] = []
        ms = words.timed(lambda: vectors.append(self._vectors([text])))
        kept = np.load(settings["vectors"], mmap_mode="r", allow_pickle=False)[settings["skip"] :]
        likeness = unit(np.asarray(kept, dtype=np.float32)) @ unit(vectors[0])[0]
        best = likeness.argsort()[::-1][:FOUND]
        choices = [[settings["corpus"][place], float(likeness[place])] for place in best.tolist()]
        return {"answer": choices[0][0], "confidence": choices[0][1], "ms": ms, "choices": choices}

    def _vectors(self, texts: list[str]) -> np.ndarray:
        batch = self._encoder.batch(texts)
        return self._pooled(self._session(batch), batch)

    def _pooled(self, states: np.ndarray, batch: Any) -> np.ndarray:
        return self._pooling(states, batch["attention_mask"])


class Similarity(Task):
    """How alike are two texts?"""

    name: ClassVar[TaskName] = "sentence similarity"
    title: ClassVar[str] = "Which texts mean the same?"
    technical: ClassVar[str] = "sentence similarity and retrieval"
    metric: ClassVar[str] = "recall@10"
    unit: ClassVar[str] = "points"
    kinds: ClassVar[tuple[str, ...]] = ("encoder",)
    auto_class: ClassVar[str] = "AutoModel"
    speeds: ClassVar[tuple[str, str]] = ("for one text", "in batches")
    parity: ClassVar[dict[int, float]] = {32: 0.01, 16: 0.2, 8: 0.6, 4: 1.0}

    def refusal(self, profile: Profile) -> str | None:
        """Refused for decoders, whose tokens see only what comes before them."""
        if profile.kind == "encoder":
            return None
        return (
            f"A {profile.family} model writes; it makes no vectors of texts. "
            "Choose an encoder (BERT, MiniLM, RoBERTa) or a sentence-transformers model, or give it plain text."
        )

    def encoder(self, folder: Path) -> SentenceEncoder:
        """Texts as they are, as long as the folder says."""
        encoder = SentenceEncoder(folder)
        _ = encoder.tokenizer
        return encoder

    def load(self, runtime: Runtime, folder: Path, threads: int, *, full_precision: bool) -> Reader:
        """A saved folder."""
        session = runtime.load(folder, threads, full_precision=full_precision)
        return Embedder(self.encoder(folder), session, read_pooling(folder))

    def in_memory(self, network: nn.Module, folder: Path, check: Callable[[], None]) -> Reader:
        """A network of torch's."""
        return Embedder(self.encoder(folder), words.network_session(network, check), read_pooling(folder))

    def workloads(self, examples: Examples, folder: Path) -> tuple[Workload, ...]:
        """One text, and batches of 32."""
        return words.text_workloads(examples)

    def qualities(self, answers: np.ndarray, examples: Examples, original: np.ndarray | None = None) -> list[Quality]:
        """Spearman for scored pairs; recall@10, recall@1 and MRR for retrieval."""
        if not examples.corpus:
            value, low, high = rank_correlation(_cosines(answers, examples), _scores(examples))
            return [Quality(metric="Spearman correlation", value=value, low=low, high=high, count=len(examples))]
        return [mean_quality(metric, values) for metric, values in _by_query(answers, examples).items()]

    def differences(self, original: np.ndarray, optimized: np.ndarray, examples: Examples) -> dict[str, Difference]:
        """Paired over pairs or queries."""
        if not examples.corpus:
            ours, theirs = _cosines(optimized, examples), _cosines(original, examples)
            return {"Spearman correlation": rank_correlation_difference(theirs, ours, _scores(examples))}
        before, after = _by_query(original, examples), _by_query(optimized, examples)
        return {metric: paired_difference(values, after[metric]) for metric, values in before.items()}

    def same(self, original: np.ndarray, optimized: np.ndarray, examples: Examples) -> tuple[int, int]:
        """Queries with the same first answer; pairs whose likeness moved by less than 0.05."""
        if not examples.corpus:
            moved = np.abs(_cosines(original, examples) - _cosines(optimized, examples))
            return int((moved < MOVED).sum()), len(examples)
        first, second = _ranked(original, examples)[1], _ranked(optimized, examples)[1]
        return int((first[:, 0] == second[:, 0]).sum()), len(examples)

    def changed(self, original: np.ndarray, optimized: np.ndarray, data: Splits) -> list[dict[str, Any]]:
        """Queries whose first answer changed, those whose right answer fell furthest first."""
        examples = data.test
        return _changed(original, optimized, examples) if examples.corpus else _moved(original, optimized, examples)

    def disparity(self, wanted: np.ndarray, given: np.ndarray) -> float:
        """Relative error of the vectors."""
        return words.disparity_of(wanted, given)

    def in_words(self, baseline: Measurement, optimized: Measurement, comparison: Comparison, meaning: str) -> str:
        """How many first answers are the same, and the metric before and after."""
        return words.share_in_words(baseline, optimized, comparison, meaning)

    def to_batch(self, examples: Examples, encoder: Encoder, progress: float, device: Any = "cpu") -> TrainingBatch:
        """Texts and then what each belongs to, in one batch; labels are scores, or -1 for "these belong together"."""
        import torch

        assert isinstance(encoder, SentenceEncoder)

        others, scores = _partners(examples)
        inputs = {
            name: torch.from_numpy(array).to(device)
            for name, array in encoder.batch([*examples.texts, *others]).items()
        }
        labels = torch.tensor(scores, dtype=torch.float32, device=device)
        return PairBatch(inputs, labels, progress, encoder.mode)

    def loss_of(self, outputs: Any, batch: TrainingBatch) -> torch.Tensor:
        """Cosine against score for scored pairs; in-batch contrast for queries and their answers.

        The latter is arXiv:1705.00652, with every other answer of the batch as a wrong one.
        """
        import torch
        from torch.nn import functional

        vectors = _vectors(outputs, batch)
        texts, others = vectors.chunk(2)
        if bool((batch.labels >= 0).all()):
            return functional.mse_loss((texts * others).sum(dim=-1), batch.labels)
        wanted = torch.arange(len(texts), device=texts.device)
        return functional.cross_entropy(CONTRAST * texts @ others.T, wanted)

    def disagreement(self, given: Any, wanted: Any, batch: TrainingBatch, temperature: float) -> torch.Tensor:
        """The difference of the likenesses within the batch, and 1 − cosine of student's and teacher's vectors.

        The latter is left out where the student's have another length.
        """
        from torch.nn import functional

        ours, theirs = _vectors(given, batch), _vectors(wanted, batch)
        likeness = 10.0 * functional.mse_loss(ours @ ours.T, theirs @ theirs.T)
        return likeness + (1.0 - (ours * theirs).sum(dim=-1)).mean() if ours.shape == theirs.shape else likeness


def all_texts(examples: Examples) -> list[str]:
    """The texts, then the other sentences or the corpus."""
    return [*examples.texts, *(examples.corpus or (other for other, _ in examples.labels))]


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1, so that a product is a cosine; one that holds anything but numbers becomes zero."""
    finite = np.where(np.isfinite(vectors).all(axis=1, keepdims=True), vectors, 0.0)
    return finite / np.maximum(np.linalg.norm(finite, axis=1, keepdims=True), 1e-12)


def _vectors(outputs: Any, batch: TrainingBatch) -> torch.Tensor:
    """Pooled as the folder says and of length 1; its dense layers are left out."""
    from torch.nn import functional

    assert isinstance(batch, PairBatch)
    return functional.normalize(pooled(outputs.last_hidden_state, batch.inputs["attention_mask"], batch.mode), dim=-1)


def _partners(examples: Examples) -> tuple[list[str], list[float]]:
    """What each text belongs to, and its score (-1 where it has none)."""
    if examples.corpus:
        return [examples.corpus[places[0]] for places in examples.labels], [-1.0] * len(examples)
    return [other for other, _ in examples.labels], [score for _, score in examples.labels]


def _scores(examples: Examples) -> np.ndarray:
    return np.asarray([score for _, score in examples.labels])


def _cosines(answers: np.ndarray, examples: Examples) -> np.ndarray:
    texts, others = unit(answers[: len(examples)]), unit(answers[len(examples) :])
    return (texts * others).sum(axis=1)


def _ranked(answers: np.ndarray, examples: Examples) -> tuple[np.ndarray, np.ndarray]:
    """Rank of the first right answer (1 is first) [queries], and the places of the best ten [queries, 10].

    Of equal likenesses (but for rounding) the wrong one counts as nearer: a model that finds all alike finds nothing.
    """
    queries, corpus = unit(answers[: len(examples)]), unit(answers[len(examples) :])
    ranks, best = np.zeros(len(queries), dtype=int), []
    top = min(FOUND, len(corpus))
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        likeness = queries[start : start + QUERIES_AT_ONCE] @ corpus.T
        nearest = np.argpartition(-likeness, top - 1, axis=1)[:, :top]
        order = np.take_along_axis(-likeness, nearest, axis=1).argsort(axis=1, kind="stable")
        best.append(np.take_along_axis(nearest, order, axis=1))
        for row, wanted in enumerate(examples.labels[start : start + QUERIES_AT_ONCE]):
            right = list(wanted)
            level = likeness[row, right].max() - ROUNDING
            ranks[start + row] = 1 + (likeness[row] >= level).sum() - (likeness[row, right] >= level).sum()
    return ranks, np.concatenate(best)


def _by_query(answers: np.ndarray, examples: Examples) -> dict[str, np.ndarray]:
    ranks = _ranked(answers, examples)[0]
    return {
        "recall@10": (ranks <= FOUND).astype(np.float64),
        "recall@1": (ranks == 1).astype(np.float64),
        "MRR": 1.0 / ranks,
    }


def _changed(original: np.ndarray, optimized: np.ndarray, examples: Examples) -> list[dict[str, Any]]:
    (before, first), (after, second) = _ranked(original, examples), _ranked(optimized, examples)
    rows = [
        {
            "text": examples.texts[index],
            "label": examples.corpus[examples.labels[index][0]],
            "original": {"answer": examples.corpus[first[index, 0]], "confidence": round(1.0 / before[index], 4)},
            "optimized": {"answer": examples.corpus[second[index, 0]], "confidence": round(1.0 / after[index], 4)},
            "worse": bool(after[index] > before[index]),
        }
        for index in np.flatnonzero(first[:, 0] != second[:, 0]).tolist()
    ]
    return sorted(rows, key=lambda row: row["optimized"]["confidence"] - row["original"]["confidence"])


def _moved(original: np.ndarray, optimized: np.ndarray, examples: Examples) -> list[dict[str, Any]]:
    before, after, wanted = _cosines(original, examples), _cosines(optimized, examples), _scores(examples)
    rows = [
        {
            "text": f"{examples.texts[index]} ↔ {examples.labels[index][0]}",
            "label": f"{wanted[index]:.2f}",
            "original": {"answer": f"{before[index]:.2f}", "confidence": round(float(max(before[index], 0.0)), 4)},
            "optimized": {"answer": f"{after[index]:.2f}", "confidence": round(float(max(after[index], 0.0)), 4)},
            "worse": bool(abs(after[index] - wanted[index]) > abs(before[index] - wanted[index])),
        }
        for index in np.argsort(-np.abs(after - before)).tolist()
        if abs(after[index] - before[index]) >= MOVED
    ]
    return sorted(rows, key=lambda row: not row["worse"])
