"""Trying a run's two models on a text: each in its own fresh process, kept while the same run is asked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.baseline import baseline_of
from engine.errors import Refused
from engine.measure.client import BenchProcess
from engine.models.profile import labels_of, read_config
from engine.run import Run
from engine.tasks import classification

CHOICES = 5


class Trier:
    """Holds two processes, for the run asked last; `close` ends them."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._stack = contextlib.ExitStack()
        self._run_id = ""

    def ask(self, run: Run, text: str) -> dict[str, Any]:
        """{"original": Answer, "optimized": Answer}; see `engine.serve`. Raises `Refused`."""
        if not text.strip():
            raise Refused("There is no text to try. Type a sentence first.")
        try:
            if run.id != self._run_id:
                self._open(run)
            return {"original": self._answer(self._original, text), "optimized": self._answer(self._optimized, text)}
        except BaseException:
            # A process that died stays dead, and one that was left in mid-answer would give it to the next question.
            self.close()
            raise

    def close(self) -> None:
        """End both processes."""
        self._stack.close()
        self._run_id = ""

    def _open(self, run: Run) -> None:
        self.close()
        if not run.verified:
            raise Refused(f"Run {run.id} has no verified model to try. Choose another run.")
        original = baseline_of(run).folder
        self._labels = labels_of(read_config(original))
        self._original = self._stack.enter_context(BenchProcess(original, self._check, full_precision=True))
        self._optimized = self._stack.enter_context(BenchProcess(run.model_path, self._check))
        self._run_id = run.id

    def _answer(self, bench: BenchProcess, text: str) -> dict[str, Any]:
        logits, ms = bench.answer(text)
        shares = classification.confidences(np.asarray([logits]))[0]
        order = shares.argsort()[::-1][:CHOICES]
        choices = [[self._labels[index], float(shares[index])] for index in order]
        return {"answer": choices[0][0], "confidence": choices[0][1], "ms": ms, "choices": choices}
