"""Runs, figures and events as a run of the starter model leaves them, made by hand."""

import json
from pathlib import Path

import pytest

from engine.events import CurvePoint, Measured, Progress, RunFinished, StepStarted
from engine.models.profile import Part, Profile, Storage
from engine.run import (
    Comparison,
    Difference,
    Latency,
    Measurement,
    Memory,
    Quality,
    Ratio,
    Run,
    Speed,
    Status,
    Throughput,
    Written,
)
from engine.technique import Estimate, Forecast

ENVIRONMENT = {"machine": "two cores", "torch": "2.13.0", "memory_gb": "8.2"}


class Sample:
    """Makes what the widgets show; sizes in MB, times in ms."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.original = self.measurement(91.6, 0.894, 9.0, 212.0)

    def measurement(self, size: float, accuracy: float, latency: float, per_second: float) -> Measurement:
        return Measurement(
            runtime="openvino",
            precision="int8",
            size_bytes=round(size * 1e6),
            quality=Quality(metric="accuracy", value=accuracy, low=accuracy - 0.013, high=accuracy + 0.013, count=2000),
            latency=Latency(median_ms=latency, p95_ms=1.4 * latency, repeats=200),
            throughput=Throughput(
                batch=32, per_second=per_second, low=0.95 * per_second, high=1.05 * per_second, repeats=20
            ),
            memory=Memory(peak_bytes=410_000_000, libraries_bytes=250_000_000),
        )

    def comparison(self, measured: Measurement, p_value: float = 0.3) -> Comparison:
        speed = self.original.latency.median_ms / measured.latency.median_ms
        batch = measured.throughput.per_second / self.original.throughput.per_second
        lost = measured.quality.value - self.original.quality.value
        return Comparison(
            size=self.original.size_bytes / measured.size_bytes,
            latency=Ratio(value=speed, low=0.95 * speed, high=1.05 * speed),
            throughput=Ratio(value=batch, low=0.95 * batch, high=1.05 * batch),
            quality=Difference(value=lost, low=lost - 0.006, high=lost + 0.006, p_value=p_value),
            same_answers=1980,
            answers=2000,
            verdict=f"{speed:.1f}× faster. 1,980 of 2,000 answers are the same; accuracy within noise.",
        )

    def run(self, run_id: str = "a", size: float = 23.7, accuracy: float = 0.891, latency: float = 2.2, **changes):
        measured = self.measurement(size, accuracy, latency, 640.0)
        fields = {
            "id": run_id,
            "recipe": {"model": "starter:kinds-minilm", "data": "starter:kinds", "steps": [{"quantize": {"bits": 8}}]},
            "environment": ENVIRONMENT,
            "status": Status.FINISHED,
            "verified": True,
            "baseline": self.original,
            "optimized": measured,
            "comparison": self.comparison(measured),
            "folder": str(self.folder),
            "started": 1_763_790_000.0,
            "seconds": 43.0,
        }
        return Run(**(fields | changes))

    def failed(self, run_id: str = "f", status: Status = Status.FAILED, reason: str = "It was too large.") -> Run:
        return self.run(run_id, status=status, reason=reason, verified=False, optimized=None, comparison=None)

    def events(self):
        run = self.run()
        check = Comparison(quality=Difference(value=-0.011, low=-0.021, high=-0.001, p_value=0.03))
        quick = Quality(metric="accuracy", value=0.871, low=0.85, high=0.89, count=500)
        yield StepStarted(step=0, steps=3, name="original", title="The original")
        yield Measured(subject="original", label="original", measurement=self.original)
        yield StepStarted(step=1, steps=3, name="quantize", title="Smaller numbers")
        yield Progress(step=1, done=40, total=128, message="calibrating")
        yield CurvePoint(curve="loss", x=10, y=0.5)
        yield Measured(
            subject="after a step",
            label="Smaller numbers",
            measurement=Measurement(runtime="torch", precision="fp32", quality=quick),
            comparison=check,
        )
        yield StepStarted(step=2, steps=3, name="measure", title="Measuring")
        yield Measured(subject="optimized", label="", measurement=run.optimized, comparison=run.comparison)
        yield RunFinished(run=run)

    def writer(self, size: float, perplexity: float, latency: float, per_second: float) -> Measurement:
        """What is measured of a language model."""

        def found(metric: str, value: float, share: float) -> Quality:
            return Quality(metric=metric, value=value, low=value * (1 - share), high=value * (1 + share), count=120)

        speeds = (("writing after 32 tokens", 1000 / latency), ("reading 512 tokens", per_second))
        qualities = (found("perplexity", perplexity, 0.02), found("next-token accuracy", 0.38, 0.03))
        return self.measurement(size, 0.5, latency, per_second).model_copy(
            update={
                "task": "language modelling",
                "quality": qualities[0],
                "qualities": qualities,
                "speeds": tuple(
                    Speed(
                        name=name,
                        unit="tokens",
                        per_second=rate,
                        low=0.9 * rate,
                        high=1.1 * rate,
                        median_ms=1000 / rate,
                        p95_ms=1400 / rate,
                        repeats=18,
                    )
                    for name, rate in speeds
                ),
                "written": Written(distinct=(0.6, 0.9, 0.97), repeated=0.02, samples=("a",), tokens=700),
            }
        )

    def writer_run(self, run_id: str = "w", size: float = 10.0, perplexity: float = 31.7, **changes) -> Run:
        """A language model's run: `perplexity` against the original's 31.4."""
        original, optimized = self.writer(38.0, 31.4, 4.0, 5200.0), self.writer(size, perplexity, 2.0, 6240.0)
        fell = 1.0 - perplexity / 31.4
        difference = Difference(value=fell, low=fell - 0.004, high=fell + 0.002, p_value=0.001)
        compared = Comparison(
            size=38.0 / size,
            latency=Ratio(value=2.0, low=1.8, high=2.2),
            throughput=Ratio(value=1.2, low=1.1, high=1.3),
            quality=difference,
            qualities={
                "perplexity": difference,
                "next-token accuracy": Difference(value=-0.002, low=-0.004, high=0.001, p_value=0.2),
            },
            speeds={
                "writing after 32 tokens": Ratio(value=2.0, low=1.8, high=2.2),
                "reading 512 tokens": Ratio(value=1.2, low=1.1, high=1.3),
            },
            same_answers=1790,
            answers=1920,
            verdict="3.8× smaller, 2.0× faster at writing, 1.2× faster at reading. "
            "At 93.2 % of places it would write the same next token; perplexity 31.40 → 31.70 (+1.0 %), "
            "a real difference.",
        )
        recipe = {"model": "starter:definition-writer", "data": "starter:definitions", "steps": [{"quantize": {}}]}
        fields = {"recipe": recipe, "baseline": original, "optimized": optimized, "comparison": compared}
        return self.run(run_id, **(fields | changes))

    def finder_run(self, run_id: str = "s", **changes) -> Run:
        """A sentence embedder's run."""

        def measured(size: float, recall: float, latency: float) -> Measurement:
            qualities = tuple(
                Quality(metric=metric, value=value, low=value - 0.02, high=value + 0.02, count=1500)
                for metric, value in (("recall@10", recall), ("recall@1", recall / 2), ("MRR", recall / 1.6))
            )
            base = self.measurement(size, 0.5, latency, 640.0)
            new = {"task": "sentence similarity", "quality": qualities[0], "qualities": qualities}
            return base.model_copy(update=new)

        lost = Difference(value=-0.004, low=-0.011, high=0.003, p_value=0.2)
        optimized = measured(23.4, 0.566, 2.4)
        compared = self.comparison(optimized).model_copy(
            update={
                "quality": lost,
                "qualities": {"recall@10": lost, "recall@1": lost, "MRR": lost},
                "same_answers": 1390,
                "answers": 1500,
                "verdict": "3.9× smaller, 3.8× faster for one text, 3.0× faster in batches. "
                "1,390 of 1,500 answers are the same; recall@10 57.0 % → 56.6 %, within noise.",
            }
        )
        recipe = {"model": "starter:minilm", "data": "starter:reverse", "steps": [{"quantize": {}}]}
        fields = {
            "recipe": recipe,
            "baseline": measured(91.0, 0.570, 9.0),
            "optimized": optimized,
            "comparison": compared,
        }
        return self.run(run_id, **(fields | changes))

    def estimate(self, size: float = 23.9) -> Estimate:
        return Estimate(
            size_bytes=round(size * 1e6),
            size_error=0.02,
            speed=Forecast(low=2.0, high=4.0, certainty="estimated", basis="8 bits in OpenVINO"),
            quality="Only measuring will tell.",
            line="A quarter of the digits.",
            loads_plainly=False,
        )

    def profile(self, layers: int = 6, bits: int = 32, original_bytes: int = 91_500_000) -> Profile:
        return Profile(
            family="BERT",
            model_type="bert",
            labels=("animal", "plant"),
            layers=layers,
            heads=12,
            hidden=384,
            feed_forward_width=1536,
            vocabulary=30522,
            embeddings=Part(matrices=11_917_440, rows=31036, vectors=768, tensors=5),
            attention=Part(matrices=590_000 * layers, rows=1536 * layers, vectors=1536 * layers, tensors=8 * layers),
            feed_forward=Part(matrices=1_180_000 * layers, rows=1920 * layers, vectors=1920 * layers, tensors=4),
            norms=Part(vectors=9216, tensors=24),
            head=Part(matrices=152_064, rows=396, vectors=396, tensors=4),
            tokenizer_bytes=700_000,
            storage=Storage(bits=bits),
            original_bytes=original_bytes,
        )

    def write(self) -> None:
        """The run's folder, as the engine leaves it."""
        (self.folder / "run.json").write_text(self.run().model_dump_json(), encoding="utf-8")
        lines = "\n".join(event.model_dump_json() for event in self.events())
        (self.folder / "events.jsonl").write_text(lines, encoding="utf-8")

    def write_lines(self, rows: list[dict]) -> None:
        """`changed.jsonl` with exactly these rows."""
        (self.folder / "changed.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")

    def write_changes(self, rows: int, extra: str = "") -> None:
        """`changed.jsonl`: a third became wrong, a third became right, a third differently wrong."""
        answers = (("animal", "plant"), ("plant", "animal"), ("plant", "place"))
        lines = []
        for row in range(rows):
            before, after = answers[row % 3]
            change = {
                "text": f"a definition, number {row}",
                "label": "animal",
                "original": {"answer": before, "confidence": 0.9},
                "optimized": {"answer": after, "confidence": 0.6},
                "worse": row % 3 == 0,
            }
            lines.append(json.dumps(change))
        (self.folder / "changed.jsonl").write_text("\n".join(lines) + extra, encoding="utf-8")


@pytest.fixture
def sample(tmp_path):
    return Sample(tmp_path)


@pytest.fixture
def shown(qtbot):
    """Shows a widget, and takes care of its end."""

    def show(widget):
        qtbot.addWidget(widget)
        widget.resize(900, 500)
        widget.show()
        qtbot.waitExposed(widget)
        return widget

    return show
