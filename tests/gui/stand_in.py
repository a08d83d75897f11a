"""An engine that is not one: speaks `engine.serve`'s protocol as the window's tests need it.

The recipe's model says how a run behaves: "quick" finishes, "slow" goes on until cancelled, "deaf"
goes on and ignores a cancel, "dies" ends the process. "writer" is a language model, and data that end
in .txt are running text, in .pairs pairs of texts; a run's figures are of the task of its data. A text to
try is answered in the manner of the run's task; a language model asked to go on from "on and on" writes
until it is stopped.
"""

import json
import os
import sys
import threading
import time

import psutil

from engine import store
from engine.events import CurvePoint, Event, Measured, Note, Piece, Progress, Reply, RunFinished, StepStarted
from engine.models.profile import Part, Profile, Storage
from engine.run import (
    Comparison,
    Difference,
    Latency,
    Measurement,
    Quality,
    Ratio,
    Run,
    Speed,
    Status,
    Throughput,
    Written,
)

CANCELLED = threading.Event()


def profile(*, has_head: bool = True) -> Profile:
    """A BERT of 6 layers and 384 numbers, as the starter is."""
    found = Profile(
        family="BERT",
        model_type="bert",
        labels=("animal", "plant") if has_head else (),
        layers=6,
        heads=12,
        hidden=384,
        feed_forward_width=1536,
        vocabulary=30522,
        embeddings=Part(matrices=11_917_824, rows=31_036, vectors=768, tensors=5),
        attention=Part(matrices=3_538_944, rows=9216, vectors=9216, tensors=48),
        feed_forward=Part(matrices=7_077_888, rows=11_520, vectors=11_520, tensors=24),
        norms=Part(vectors=9216, tensors=24),
        head=Part(matrices=148_224, rows=386, vectors=386, tensors=4),
        tokenizer_bytes=700_000,
        storage=Storage(),
        has_head=has_head,
    )
    return found.model_copy(update={"original_bytes": 4 * found.parameters + 700_000, "original_work": found.work})


def writer() -> Profile:
    """A GPT-2 of 6 layers and 256 numbers, whose head reads the embeddings."""
    found = Profile(
        family="GPT-2",
        model_type="gpt2",
        kind="decoder",
        writes=True,
        tied=True,
        has_head=False,
        labels=(),
        layers=6,
        heads=8,
        hidden=256,
        feed_forward_width=1024,
        vocabulary=16000,
        embeddings=Part(matrices=4_161_536, rows=16_256, tensors=2),
        attention=Part(matrices=1_572_864, rows=6144, vectors=6144, tensors=24),
        feed_forward=Part(matrices=3_145_728, rows=7680, vectors=7680, tensors=24),
        norms=Part(vectors=6144, tensors=24),
        final_norm=Part(vectors=512, tensors=2),
        head=Part(),
        tokenizer_bytes=900_000,
        storage=Storage(),
    )
    return found.model_copy(update={"original_bytes": 4 * found.parameters + 900_000, "original_work": found.work})


def task_of(recipe: dict) -> str:
    """As the data's name says."""
    path = str(recipe["data"] if isinstance(recipe["data"], str) else recipe["data"]["path"])
    if path.endswith(".txt") or path == "starter:definitions":
        return "language modelling"
    return "sentence similarity" if path.endswith(".pairs") or path == "starter:reverse" else "classification"


def measurement(size: int, accuracy: float, ms: float) -> Measurement:
    """Figures of a whole measurement."""
    return Measurement(
        runtime="openvino",
        precision="8 bits",
        size_bytes=size,
        quality=Quality(metric="accuracy", value=accuracy, low=accuracy - 0.01, high=accuracy + 0.01, count=1000),
        latency=Latency(median_ms=ms, p95_ms=ms * 1.2, repeats=30),
        throughput=Throughput(batch=32, per_second=1000 / ms, low=990 / ms, high=1010 / ms, repeats=10),
        threads=2,
    )


def written(size: int, perplexity: float, ms: float) -> Measurement:
    """A language model's figures."""

    def found(metric: str, value: float) -> Quality:
        return Quality(metric=metric, value=value, low=value * 0.97, high=value * 1.03, count=120)

    def speed(name: str, rate: float) -> Speed:
        ends = {"low": rate * 0.95, "high": rate * 1.05}
        return Speed(
            name=name, unit="tokens", per_second=rate, **ends, median_ms=1e3 / rate, p95_ms=2e3 / rate, repeats=9
        )

    qualities = (found("perplexity", perplexity), found("next-token accuracy", 0.412), found("KL divergence", 0.021))
    rates = (
        ("writing after 32 tokens", 1),
        ("reading 512 tokens", 24),
        ("writing after 512 tokens", 0.8),
        ("reading 32 tokens", 18),
    )
    return measurement(size, 0.5, ms).model_copy(
        update={
            "task": "language modelling",
            "quality": qualities[0],
            "qualities": qualities,
            "throughput": Throughput(batch=512, per_second=24e3 / ms, low=23e3 / ms, high=25e3 / ms, repeats=9),
            "speeds": tuple(speed(name, times * 1000 / ms) for name, times in rates),
            "written": Written(distinct=(0.61, 0.9, 0.97), repeated=0.03, samples=("a small sketch",), tokens=700),
        }
    )


def finished_writer(run: Run) -> Run:
    """A language model's run: 1.2 % more perplexity, twice as fast at writing."""
    worse = Difference(value=-0.012, low=-0.016, high=-0.008, p_value=0.0002)
    accuracy = Difference(value=-0.003, low=-0.007, high=0.001, p_value=0.2)
    first, second = Ratio(value=2.1, low=1.9, high=2.3), Ratio(value=1.4, low=1.3, high=1.5)
    names = [speed.name for speed in written(1, 1, 1).speeds]
    compared = Comparison(
        size=3.4,
        latency=first,
        throughput=second,
        quality=worse,
        qualities={"perplexity": worse, "next-token accuracy": accuracy},
        speeds=dict(zip(names, (first, second, first, second), strict=True)),
        same_answers=1789,
        answers=1920,
        verdict="3.4× smaller, 2.1× faster at writing, 1.4× faster at reading. At 93.2 % of places it would write "
        "the same next token; perplexity 31.40 → 31.78 (+1.2 %), a real difference.",
    )
    figures = {"baseline": written(36_500_000, 31.4, 4.2), "optimized": written(10_700_000, 31.78, 2.0)}
    done = {"status": Status.FINISHED, "verified": True, "seconds": 1.0, "comparison": compared}
    return run.model_copy(update=figures | done)


def finished_finder(run: Run) -> Run:
    """A sentence embedder's run: nearly all found as before."""
    lost = Difference(value=-0.004, low=-0.011, high=0.003, p_value=0.3)

    def found(size: int, recall: float, ms: float) -> Measurement:
        values = (("recall@10", recall), ("recall@1", recall / 2.4), ("MRR", recall / 1.8))
        qualities = tuple(Quality(metric=m, value=v, low=v - 0.02, high=v + 0.02, count=1500) for m, v in values)
        new = {"task": "sentence similarity", "quality": qualities[0], "qualities": qualities}
        return measurement(size, 0.5, ms).model_copy(update=new)

    run = finished(run)
    compared = run.comparison.model_copy(
        update={
            "quality": lost,
            "qualities": {"recall@10": lost, "recall@1": lost, "MRR": lost},
            "same_answers": 1390,
            "answers": 1500,
            "verdict": "4.0× smaller, 2.7× faster for one text, 2.7× faster in batches. 1,390 of 1,500 answers are "
            "the same; recall@10 57.0 % → 56.6 %, within noise.",
        }
    )
    figures = {"baseline": found(91_000_000, 0.57, 8.0), "optimized": found(23_000_000, 0.566, 3.0)}
    return run.model_copy(update=figures | {"comparison": compared})


def finished(run: Run) -> Run:
    """The run with figures, as a verified one has them."""
    return run.model_copy(
        update={
            "status": Status.FINISHED,
            "verified": True,
            "baseline": measurement(91_000_000, 0.912, 8.0),
            "optimized": measurement(23_000_000, 0.910, 3.0),
            "comparison": Comparison(
                size=4.0,
                latency=Ratio(value=2.7, low=2.5, high=2.9),
                throughput=Ratio(value=2.7, low=2.5, high=2.9),
                quality=Difference(value=-0.002, low=-0.006, high=0.002, p_value=0.4),
                same_answers=996,
                answers=1000,
                verdict="4.0× smaller and 2.7× faster. 996 of 1,000 answers are the same.",
            ),
            "seconds": 1.0,
        }
    )


def begin(recipe: dict) -> Run:
    """A new run, recorded as going."""
    run_id, folder = store.new_run_folder()
    me = psutil.Process()
    run = Run(
        id=run_id, recipe=recipe, environment={}, folder=str(folder), started=time.time(),
        process=os.getpid(), process_started=me.create_time(),
    )  # fmt: skip
    run.save()
    return run


def carry_out(recipe: dict) -> None:
    """One run, as the model's name says."""
    run = begin(recipe)
    say(StepStarted(step=0, steps=2, name="original", title="The original"))
    how = recipe["model"]
    if how == "dies":
        print("a traceback for the log", file=sys.stderr)
        os._exit(3)
    done = 0
    while how in ("slow", "deaf") and not (how == "slow" and CANCELLED.wait(0.02)):
        done += 1
        say(Progress(step=0, done=done, total=100_000, message="waiting"))
        time.sleep(0.002)
    if CANCELLED.is_set():
        run = run.model_copy(update={"status": Status.CANCELLED, "reason": "Cancelled."})
    else:
        task = task_of(recipe)
        run = {"language modelling": finished_writer, "sentence similarity": finished_finder}.get(task, finished)(run)
        for layer in range(6):
            say(CurvePoint(curve="sensitivity", x=layer, y=0.02 / (layer + 1)))
        say(Measured(subject="original", label="", measurement=run.baseline))
        say(Note(level="info", text="measuring"))
        say(Measured(subject="optimized", label="", measurement=run.optimized, comparison=run.comparison))
    run.save()
    say(RunFinished(run=run))


ANSWER = {"answer": "animal", "confidence": 0.9, "ms": 2.0, "choices": [["animal", 0.9], ["plant", 0.1]]}
VALUES = {
    "data": {
        "task": "classification",
        "columns": ["text", "label"],
        "text": "text",
        "label": "label",
        "labels": {"animal": 6, "plant": 4},
        "rows": 10,
        "examples": [["a small bird", "animal"]],
        "notes": [],
        "is_sample": False,
    },
    "preflight": {"seconds": 40.0, "memory_bytes": 1_500_000_000, "disk_bytes": 300_000_000, "problems": []},
    "try": {"original": ANSWER, "optimized": ANSWER | {"ms": 1.0}},
    "export": {"folder": "", "size_bytes": 23_000_000, "loads_plainly": False, "note": "Copied."},
}


TEXT = {"task": "language modelling", "columns": [], "text": "", "label": "", "labels": {}, "is_sample": True}
PAIRS = {
    "task": "sentence similarity",
    "columns": ["one", "two", "points"],
    "text": "one",
    "label": "",
    "other": "two",
    "score": "points",
    "labels": {},
    "examples": [["a cat sat", "a cat was sitting"]],
}
FOUND = ("owl", "hawk", "eagle", "nightjar", "buzzard", "kite", "falcon", "harrier", "osprey", "vulture")
WORDS = (" a", " small", " sketch", " or", " model", " in", " clay", " for", " a", " larger", " work")


def continued(request: dict, task: str) -> dict | str:
    """Both answers, in the manner of the task; a language model's come piece by piece."""
    if task == "sentence similarity":
        sides = {"original": FOUND, "optimized": ("hawk", "owl", *FOUND[2:8], "bat", "vulture")}
        return {
            side: {
                "answer": names[0],
                "confidence": 0.8,
                "ms": 3.0,
                "choices": [[name, 0.8 - 0.03 * place] for place, name in enumerate(names)],
            }
            for side, names in sides.items()
        }
    if task == "classification":
        return VALUES["try"]
    answers = {}
    for side, rate in (("original", 95.0), ("optimized", 210.0)):
        words = list(WORDS) if side == "original" else [*WORDS[:6], " wax", ", made", " quickly"]
        while request["text"] == "on and on":
            say(Piece(id=request["id"], side=side, text=" on"))
            if CANCELLED.wait(0.02):
                return "Cancelled."
        for word in words:
            say(Piece(id=request["id"], side=side, text=word))
        told = {"text": "".join(words), "ids": list(range(len(words))), "prompt_tokens": 4, "prompt_ms": 3.0}
        answers[side] = told | {"ms": 1000 * len(words) / rate, "per_second": rate}
    return answers


def reply_to(request: dict) -> dict | str:
    """The value of a reply, or the sentence of a refusal."""
    if request["do"] == "profile":
        return read_profile(request["model"])
    if request["do"] == "data":
        kinds = {"language modelling": TEXT, "sentence similarity": PAIRS}
        return VALUES["data"] | kinds.get(task_of({"data": request["data"]}), {})
    if request["do"] == "try":
        return continued(request, task_of(store.read_run(request["run"]).recipe))
    if request["do"] not in VALUES:
        return f"The engine knows no request '{request['do']}'."
    return VALUES[request["do"]] | ({"folder": request["folder"]} if "folder" in request else {})


def read_profile(model: str) -> dict | str:
    """As the model's name says."""
    if model == "no such model":
        return "There is no model called 'no such model'."
    if model == "writer":
        note = "The weights already lie on a 4-bit grid: fewer bits than that cost quality, 4 cost none."
        return {"folder": "/", "profile": writer().model_dump(mode="json"), "notes": [note]}
    headless = model in ("headless", "starter:minilm")
    return {"folder": "/", "profile": profile(has_head=not headless).model_dump(mode="json"), "notes": []}


def say(event: Event) -> None:
    """One line on the output."""
    sys.stdout.write(event.model_dump_json() + "\n")
    sys.stdout.flush()


def main() -> None:
    """Read in this thread, run in others, so that a cancel is seen."""
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "quit":
            return
        if request["do"] == "cancel":
            CANCELLED.set()
        elif request["do"] in ("run", "try"):
            CANCELLED.clear()
            told = (carry_out, request["recipe"]) if request["do"] == "run" else (answer, request)
            threading.Thread(target=told[0], args=[told[1]], daemon=True).start()
        else:
            answer(request)


def answer(request: dict) -> None:
    """The one reply to a request."""
    found = reply_to(request)
    refused = found if isinstance(found, str) else ""
    value = None if isinstance(found, str) else found
    say(Reply(id=request["id"], value=value, refused=refused))


if __name__ == "__main__":
    main()
