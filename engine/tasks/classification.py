"""Text classification: which label fits this text? Answers are logits [texts, labels]."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from engine.data.splits import Examples, Splits
from engine.run import Comparison, Difference, Measurement, Quality
from engine.statistics import paired_difference, share_interval
from engine.tasks import words
from engine.tasks.base import Done, Piece, Reader, Task, TaskName, TrainingBatch, Workload
from engine.tasks.encoding import Encoder

if TYPE_CHECKING:
    import torch
    from torch import nn

    from engine.models.profile import Profile
    from engine.runtimes import Runtime, Session

CHOICES = 5


class Classifier(Reader):
    """Logits from a session; `labels` are the names of its outputs."""

    def __init__(self, encoder: Encoder, session: Session, labels: tuple[str, ...]) -> None:
        self._encoder, self._session, self._labels = encoder, session, labels

    def answers(
        self, examples: Examples, done: Done, *, keep: Path | None = None, against: Path | None = None
    ) -> np.ndarray:
        """Logits [texts, labels]."""
        return words.outputs_of(self._session, self._encoder, examples.texts, done, lambda logits, _: logits)

    def time(self, item: Any) -> float:
        """From texts to logits."""
        return words.timed(lambda: self._session(self._encoder.batch(item)))

    def respond(self, text: str, piece: Piece, settings: dict[str, Any]) -> dict[str, Any]:
        """The likeliest labels (answered once unseen, so that the time is a warm one)."""
        self.time([text])
        logits: list[np.ndarray] = []
        ms = words.timed(lambda: logits.append(self._session(self._encoder.batch([text]))))
        shares = confidences(logits[0])[0]
        choices = [[self._labels[index], float(shares[index])] for index in shares.argsort()[::-1][:CHOICES]]
        return {"answer": choices[0][0], "confidence": choices[0][1], "ms": ms, "choices": choices}


class Classification(Task):
    """Which kind is this text?"""

    name: ClassVar[TaskName] = "classification"
    title: ClassVar[str] = "Which kind is this text?"
    technical: ClassVar[str] = "text classification"
    metric: ClassVar[str] = "accuracy"
    unit: ClassVar[str] = "points"
    kinds: ClassVar[tuple[str, ...]] = ("encoder", "decoder")
    auto_class: ClassVar[str] = "AutoModelForSequenceClassification"
    speeds: ClassVar[tuple[str, str]] = ("for one text", "in batches")
    parity: ClassVar[dict[int, float]] = {32: 0.01, 16: 0.2, 8: 0.6, 4: 1.0}
    """Seen: 1e-6, 2 % and 8 to 17 %."""

    def refusal(self, profile: Profile) -> str | None:
        """Refused without a head: what it would answer is chance."""
        if profile.has_head:
            return None
        return (
            "The model has no classification head, so it cannot answer yet. Add the step train_head "
            '("A head that learns your labels"): what it learns then counts as the original.'
        )

    def encoder(self, folder: Path) -> Encoder:
        """Texts as they are."""
        return words.folder_encoder(folder)

    def load(self, runtime: Runtime, folder: Path, threads: int, *, full_precision: bool) -> Reader:
        """A saved folder."""
        from engine.models.profile import labels_of, read_config

        session = runtime.load(folder, threads, full_precision=full_precision)
        return Classifier(self.encoder(folder), session, labels_of(read_config(folder)))

    def in_memory(self, network: nn.Module, folder: Path, check: Callable[[], None]) -> Reader:
        """A network of torch's."""
        return Classifier(self.encoder(folder), words.network_session(network, check), ())

    def workloads(self, examples: Examples, folder: Path) -> tuple[Workload, ...]:
        """One text, and batches of 32."""
        return words.text_workloads(examples)

    def qualities(self, answers: np.ndarray, examples: Examples, original: np.ndarray | None = None) -> list[Quality]:
        """Accuracy with Wilson's interval."""
        right = scores(answers, examples)
        low, high = share_interval(int(right.sum()), len(right))
        return [Quality(metric=self.metric, value=float(right.mean()), low=low, high=high, count=len(right))]

    def differences(self, original: np.ndarray, optimized: np.ndarray, examples: Examples) -> dict[str, Difference]:
        """Paired over texts, McNemar's exact test."""
        return {self.metric: paired_difference(scores(original, examples), scores(optimized, examples))}

    def same(self, original: np.ndarray, optimized: np.ndarray, examples: Examples) -> tuple[int, int]:
        """Texts that get the same label."""
        return int((original.argmax(axis=1) == optimized.argmax(axis=1)).sum()), len(examples)

    def changed(self, original: np.ndarray, optimized: np.ndarray, data: Splits) -> list[dict[str, Any]]:
        """What became wrong first, by how sure the original was."""
        names, examples = data.label_names, data.test
        before, after = confidences(original), confidences(optimized)
        first, second = before.argmax(axis=1), after.argmax(axis=1)
        rows = [
            {
                "text": examples.texts[index],
                "label": names[examples.labels[index]],
                "original": _choice(names, before[index]),
                "optimized": _choice(names, after[index]),
                "worse": bool(first[index] == examples.labels[index]),
            }
            for index in np.flatnonzero(first != second).tolist()
        ]

        def worst_first(row: dict[str, Any]) -> tuple[bool, bool, float]:
            return not row["worse"], row["optimized"]["answer"] == row["label"], -row["original"]["confidence"]

        return sorted(rows, key=worst_first)

    def disparity(self, wanted: np.ndarray, given: np.ndarray) -> float:
        """Relative error of the logits."""
        return words.disparity_of(wanted, given)

    def in_words(self, baseline: Measurement, optimized: Measurement, comparison: Comparison, meaning: str) -> str:
        """How many answers are the same, and accuracy before and after."""
        return words.share_in_words(baseline, optimized, comparison, meaning)

    def to_batch(self, examples: Examples, encoder: Encoder, progress: float, device: Any = "cpu") -> TrainingBatch:
        """Labels [texts]."""
        import torch

        inputs = {name: torch.from_numpy(array).to(device) for name, array in encoder.batch_of(examples).items()}
        return TrainingBatch(inputs, torch.tensor(examples.labels, device=device), progress)

    def loss_of(self, outputs: Any, batch: TrainingBatch) -> torch.Tensor:
        """Cross-entropy, averaged over the batch."""
        from torch.nn import functional

        return functional.cross_entropy(outputs.logits, batch.labels)

    def disagreement(self, given: Any, wanted: Any, batch: TrainingBatch, temperature: float) -> torch.Tensor:
        """T² · KL(teacher ‖ student) of the logits softened by T (arXiv:1503.02531)."""
        from torch.nn import functional

        return temperature**2 * functional.kl_div(
            functional.log_softmax(given.logits / temperature, dim=-1),
            functional.log_softmax(wanted.logits / temperature, dim=-1),
            log_target=True,
            reduction="batchmean",
        )


def scores(logits: np.ndarray, examples: Examples) -> np.ndarray:
    """1.0 where the answer is right, else 0.0, [texts]."""
    return (logits.argmax(axis=1) == np.asarray(examples.labels)).astype(np.float64)


def confidences(logits: np.ndarray) -> np.ndarray:
    """Softmax over labels, [texts, labels]."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def _choice(names: tuple[str, ...], shares: np.ndarray) -> dict[str, Any]:
    best = int(shares.argmax())
    return {"answer": names[best], "confidence": round(float(shares[best]), 4)}
