"""Language modelling: what comes next? Judged by held-out text; answers are sums over windows.

Answers [windows, 6]: negative log-likelihood in nats, tokens judged, tokens guessed rightly; and, at a few
places of each window where the original's whole distribution was kept: the sum of KL(original ‖ model)
in nats, how many places, and at how many both would write the same token.

Perplexity is exp(total negative log-likelihood / tokens), the tokens counted by the *original's*
tokenizer, so that a smaller vocabulary, which needs more of them, gains nothing by it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from engine.data.splits import Budget, Examples, Splits
from engine.errors import Refused
from engine.run import Comparison, Difference, Measurement, Quality
from engine.statistics import mean_of_sums, relative_growth, weighted_difference
from engine.tasks.base import Done, Piece, Reader, Task, TaskName, TrainingBatch, Workload
from engine.tasks.divergence import Kept, log_softmax, spread
from engine.tasks.windows import WindowEncoder, tiled
from engine.tasks.words import network_session
from engine.tasks.writing import write

if TYPE_CHECKING:
    import torch
    from torch import nn

    from engine.models.profile import Profile
    from engine.runtimes import Runtime
    from engine.tasks.encoding import Encoder

NLL, TOKENS, RIGHT, KL, PLACES, SAME = range(6)
PROMPTS = (32, 512)
WRITTEN = 16
"""Tokens that are written in one timing."""
WATCHED = 12
"""Windows whose beginning is continued, to see whether the model falls into a loop."""
PROMPT_CHARACTERS = 100
JUDGED_WORK = 40e9
"""Multiplications that judging one split may take, over the model's parameters: how many windows are kept."""


class LanguageReader(Reader):
    """Scores windows with a `writer`: a runtime's, or a network in memory that only scores."""

    def __init__(self, encoder: WindowEncoder, writer: Any) -> None:
        self._encoder, self._writer = encoder, writer

    def answers(
        self, examples: Examples, done: Done, *, keep: Path | None = None, against: Path | None = None
    ) -> np.ndarray:
        """Answers [windows, 6] as in the module's docstring."""
        kept = Kept(keep, against, len(examples))
        found = np.zeros((len(examples), 6))
        for number, (before, judged) in enumerate(zip(examples.labels, examples.texts, strict=True)):
            if pieces := self._encoder.pieces(before, judged):
                found[number] = self._judged(number, pieces, kept)
            done(number + 1)
        return found

    def _judged(self, window: int, pieces: list[tuple[list[int], int]], kept: Kept) -> list[float]:
        total = sum(len(ids) - first for ids, first in pieces)
        likelihood, right, begun = 0.0, 0, 0
        seen: list[np.ndarray] = []
        for ids, first in pieces:
            wanted = np.asarray(ids[first:], dtype=np.int64)
            logits = self._writer.logits(np.asarray([ids], dtype=np.int64))[0][first - 1 : -1]
            with np.errstate(invalid="ignore"):  # looked at below
                shares = log_softmax(logits)
            likelihood += float(shares[np.arange(len(wanted)), wanted].sum(dtype=np.float64))
            right += int((shares.argmax(axis=1) == wanted).sum())
            at = spread(total, kept.places(shares.shape[1])) - begun
            seen.append(shares[at[(at >= 0) & (at < len(wanted))]])
            begun += len(wanted)
        if not math.isfinite(likelihood):
            raise Refused(
                "The model gives no numbers for what comes next: its weights were damaged, or are too large for the "
                "precision it computes in. Choose a gentler setting, or more bits."
            )
        return [-likelihood, total, right, *kept.compare(window, np.concatenate(seen))]

    def time(self, item: Any) -> float:
        """Milliseconds to read a prompt of item["prompt"] tokens, or to write item["write"] tokens after it."""
        import time

        ids = tiled(self._encoder.ids(item["text"]), item["prompt"])
        start = time.perf_counter()
        logits = self._writer.start(ids)
        if item["write"]:
            start = time.perf_counter()
            for _ in range(item["write"]):
                logits = self._writer.step(int(logits.argmax()))
        return (time.perf_counter() - start) * 1000.0

    def respond(self, text: str, piece: Piece, settings: dict[str, Any]) -> dict[str, Any]:
        """A continuation of `text`; see `engine.tasks.writing`."""
        return write(self._encoder, self._writer, text, piece, settings)


class LanguageModelling(Task):
    """What comes next?"""

    name: ClassVar[TaskName] = "language modelling"
    title: ClassVar[str] = "What comes next in this text?"
    technical: ClassVar[str] = "causal language modelling"
    metric: ClassVar[str] = "perplexity"
    unit: ClassVar[str] = "%"
    kinds: ClassVar[tuple[str, ...]] = ("decoder",)
    auto_class: ClassVar[str] = "AutoModelForCausalLM"
    speeds: ClassVar[tuple[str, str]] = ("at writing", "at reading")
    nouns: ClassVar[str] = "windows"
    batch_size: ClassVar[int] = 8
    parity: ClassVar[dict[int, float]] = {32: 0.002, 16: 0.05, 8: 0.3, 4: 1.5}
    """In nats a token."""

    def refusal(self, profile: Profile) -> str | None:
        """Refused for encoders, which see the whole text at once."""
        if profile.kind == "decoder":
            return None
        return (
            f"A {profile.family} model reads whole texts and cannot write, so plain text is no task for it. "
            "Choose a language model (GPT-2, Llama, Qwen, Mistral), or data with labels or pairs."
        )

    def budget(self, parameters: int) -> Budget:
        """Fewer windows for a larger model: each is some 500 tokens to read."""
        windows = round(min(400, max(48, JUDGED_WORK / max(parameters, 1) / 4)))
        return Budget(train=20_000, validation=max(32, windows // 3), test=windows)

    def encoder(self, folder: Path) -> WindowEncoder:
        """Windows of text."""
        encoder = WindowEncoder(folder)
        _ = encoder.tokenizer
        return encoder

    def load(self, runtime: Runtime, folder: Path, threads: int, *, full_precision: bool) -> Reader:
        """A saved folder, with its cache."""
        return LanguageReader(self.encoder(folder), runtime.load_writer(folder, threads, full_precision=full_precision))

    def in_memory(self, network: nn.Module, folder: Path, check: Callable[[], None]) -> Reader:
        """A network of torch's: it scores, but does not write."""
        return LanguageReader(self.encoder(folder), _Network(network, check))

    def workloads(self, examples: Examples, folder: Path) -> tuple[Workload, ...]:
        """Writing and reading, apart, after prompts of 32 and 512 tokens (or as many as the model takes)."""
        room = max(1, self.encoder(folder).longest - WRITTEN - 1)
        text = "".join(examples.texts[:8])
        found = []
        for prompt in dict.fromkeys(min(prompt, room) for prompt in PROMPTS):
            read = {"text": text, "prompt": prompt, "write": 0}
            written = {"text": text, "prompt": prompt, "write": WRITTEN}
            few = {"warm_ups": 3, "rounds": 9, "size": 2}
            found.append(Workload(f"writing after {prompt} tokens", "tokens", WRITTEN, (written,), **few))
            found.append(Workload(f"reading {prompt} tokens", "tokens", prompt, (read,), **few))
        # The two that matter most come first: writing after a short prompt, reading a long one.
        return (found[0], found[-1], *found[1:-1])

    def qualities(self, answers: np.ndarray, examples: Examples, original: np.ndarray | None = None) -> list[Quality]:
        """Perplexity, next-token accuracy and KL divergence with bootstrap intervals over windows."""
        tokens = (answers if original is None else original)[:, TOKENS]
        value, low, high = mean_of_sums(answers[:, NLL], tokens)
        count = len(answers)
        found = [Quality(metric=self.metric, value=_exp(value), low=_exp(low), high=_exp(high), count=count)]
        value, low, high = mean_of_sums(answers[:, RIGHT], answers[:, TOKENS])
        found.append(Quality(metric="next-token accuracy", value=value, low=low, high=high, count=count))
        if original is not None and answers[:, PLACES].sum():
            value, low, high = mean_of_sums(answers[:, KL], answers[:, PLACES])
            found.append(Quality(metric="KL divergence", value=value, low=low, high=high, count=count))
        return found

    def differences(self, original: np.ndarray, optimized: np.ndarray, examples: Examples) -> dict[str, Difference]:
        """Perplexity as the share it fell by (−0.01 is one percent worse); accuracy as it is."""
        growth = relative_growth(original[:, NLL], optimized[:, NLL], original[:, TOKENS])
        found = {self.metric: growth}
        if np.array_equal(original[:, TOKENS], optimized[:, TOKENS]):
            accuracy = weighted_difference(original[:, RIGHT], optimized[:, RIGHT], original[:, TOKENS])
            found["next-token accuracy"] = accuracy
        return found

    def same(self, original: np.ndarray, optimized: np.ndarray, examples: Examples) -> tuple[int, int]:
        """Places where both would write the same token."""
        return int(optimized[:, SAME].sum()), int(optimized[:, PLACES].sum())

    def changed(self, original: np.ndarray, optimized: np.ndarray, data: Splits) -> list[dict[str, Any]]:
        """Every window, the one that lost most first."""
        examples = data.test
        lost = (optimized[:, NLL] - original[:, NLL]) / np.maximum(original[:, TOKENS], 1)
        return [
            {
                "text": examples.texts[index].replace("\x1e", "\n").strip(),
                "label": "",
                "original": _window_answer(original[index], original[index]),
                "optimized": _window_answer(optimized[index], original[index]),
                "worse": bool(lost[index] > 0),
            }
            for index in np.argsort(-lost).tolist()
        ]

    def disparity(self, wanted: np.ndarray, given: np.ndarray) -> float:
        """Mean difference of a window's likelihood, in nats a token."""
        return float((np.abs(given[:, NLL] - wanted[:, NLL]) / np.maximum(wanted[:, TOKENS], 1)).mean())

    def in_words(self, baseline: Measurement, optimized: Measurement, comparison: Comparison, meaning: str) -> str:
        """Perplexity before and after, and how often both would write the same."""
        assert baseline.quality and optimized.quality and comparison.quality
        same = ""
        if comparison.answers:
            share = f"{comparison.same_answers / comparison.answers:.1%}".replace("%", " %")
            same = f"At {share} of places it would write the same next token; "
        grown = f"{-100 * comparison.quality.value:+z.1f} %".replace("-", "−")
        text = f"perplexity {baseline.quality.value:.2f} → {optimized.quality.value:.2f} ({grown}), {meaning}."
        return same + text if same else text[0].upper() + text[1:]

    def prompts(self, examples: Examples) -> list[str]:
        """The beginnings of a few windows."""
        beginnings = (text.replace("\x1e", "\n").strip()[:PROMPT_CHARACTERS] for text in examples.texts[:WATCHED])
        return [text.rpartition(" ")[0] or text for text in beginnings]

    def to_batch(self, examples: Examples, encoder: Encoder, progress: float, device: Any = "cpu") -> TrainingBatch:
        """Labels [windows, tokens]: the ids themselves, -100 at padding. All of a window is learned from."""
        import torch

        inputs = {name: torch.from_numpy(array).to(device) for name, array in encoder.batch_of(examples).items()}
        labels = inputs["input_ids"].masked_fill(inputs["attention_mask"] == 0, -100)
        return TrainingBatch(inputs, labels, progress)

    def loss_of(self, outputs: Any, batch: TrainingBatch) -> torch.Tensor:
        """Cross-entropy of the next token, averaged over tokens."""
        from torch.nn import functional

        return functional.cross_entropy(
            outputs.logits[:, :-1].flatten(0, 1), batch.labels[:, 1:].flatten(), ignore_index=-100
        )

    def disagreement(self, given: Any, wanted: Any, batch: TrainingBatch, temperature: float) -> torch.Tensor:
        """T² · KL(teacher ‖ student) of the next token's distribution, averaged over real tokens.

        Over the rows that both output heads have: some models have more than there are tokens.
        """
        from torch.nn import functional

        real = batch.inputs["attention_mask"].bool()
        rows = min(given.logits.shape[-1], wanted.logits.shape[-1])
        return temperature**2 * functional.kl_div(
            functional.log_softmax(given.logits[real][:, :rows] / temperature, dim=-1),
            functional.log_softmax(wanted.logits[real][:, :rows] / temperature, dim=-1),
            log_target=True,
            reduction="batchmean",
        )


class _Network:
    """A network in memory as something that scores."""

    def __init__(self, network: nn.Module, check: Callable[[], None]) -> None:
        self._session = network_session(network, check, use_cache=False)

    def logits(self, ids: np.ndarray) -> np.ndarray:
        """[windows, tokens] → [windows, tokens, vocabulary]."""
        return self._session({"input_ids": ids})


def _exp(value: float) -> float:
    return math.exp(min(value, 700.0))


def _window_answer(answers: np.ndarray, original: np.ndarray) -> dict[str, Any]:
    perplexity = _exp(answers[NLL] / max(original[TOKENS], 1))
    right = answers[RIGHT] / max(answers[TOKENS], 1)
    return {"answer": f"perplexity {perplexity:,.1f}", "confidence": round(float(right), 4)}
