"""Trying a run's two models on a text: each in its own fresh process, kept while the same run is asked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.artifact import answers_file
from engine.baseline import baseline_of, load_again
from engine.errors import Refused
from engine.measure.client import BenchProcess
from engine.measure.referee import Baseline
from engine.recipe import recipe_from
from engine.run import Run

Told = Callable[[str, str], None]
"""Told ("original" or "optimized", a piece of what it writes)."""


class Trier:
    """Holds two processes, for the run asked last; `close` ends them."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._stack = contextlib.ExitStack()
        self._run_id = ""

    def ask(
        self, run: Run, text: str, told: Told = lambda side, piece: None, settings: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """{"original": Answer, "optimized": Answer}; see `engine.serve`. Raises `Refused`."""
        if not text.strip():
            raise Refused("There is no text to try. Type a sentence first.")
        try:
            if run.id != self._run_id:
                self._open(run)
            return {
                side: bench.respond(text, (settings or {}) | own, lambda piece, side=side: told(side, piece))
                for side, (bench, own) in self._sides.items()
            }
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
        baseline = baseline_of(run)
        task = baseline.measurement.task
        settings = self._searched(run, baseline) if task == "sentence similarity" else {}
        folders = {"original": (baseline.folder, True), "optimized": (run.model_path, False)}
        vectors = {"original": baseline.folder.parent / "test.npy", "optimized": answers_file(Path(run.folder))}
        self._sides = {
            side: (
                self._stack.enter_context(BenchProcess(folder, task, self._check, full_precision=full)),
                settings | {"vectors": str(vectors[side])},
            )
            for side, (folder, full) in folders.items()
        }
        self._run_id = run.id

    def _searched(self, run: Run, baseline: Baseline) -> dict[str, Any]:
        """The texts whose vectors were kept, in their order: queries first, then what is searched."""
        data = load_again(baseline, recipe_from(run.recipe), None)
        if not data.test.corpus:
            raise Refused("These data are scored pairs: there is nothing to search in. Choose queries and answers.")
        return {"corpus": data.test.corpus, "skip": len(data.test)}
