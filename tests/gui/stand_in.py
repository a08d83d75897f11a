"""An engine that is not one: speaks `engine.serve`'s protocol as the window's tests need it.

The recipe's model says how a run behaves: "quick" finishes, "slow" goes on until cancelled, "deaf"
goes on and ignores a cancel, "dies" ends the process. A text to try is answered by its echo.
"""

import json
import os
import sys
import threading
import time

import psutil

from engine import store
from engine.events import Event, Measured, Note, Progress, Reply, RunFinished, StepStarted
from engine.models.profile import Part, Profile, Storage
from engine.run import Comparison, Difference, Latency, Measurement, Quality, Ratio, Run, Status, Throughput

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
        run = finished(run)
        say(Measured(subject="original", label="", measurement=run.baseline))
        say(Note(level="info", text="measuring"))
        say(Measured(subject="optimized", label="", measurement=run.optimized, comparison=run.comparison))
    run.save()
    say(RunFinished(run=run))


ANSWER = {"answer": "animal", "confidence": 0.9, "ms": 2.0, "choices": [["animal", 0.9], ["plant", 0.1]]}
VALUES = {
    "data": {
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


def reply_to(request: dict) -> dict | str:
    """The value of a reply, or the sentence of a refusal."""
    if request["do"] == "profile":
        if request["model"] == "no such model":
            return "There is no model called 'no such model'."
        headless = request["model"] == "headless"
        return {"folder": "/", "profile": profile(has_head=not headless).model_dump(mode="json"), "notes": []}
    if request["do"] not in VALUES:
        return f"The engine knows no request '{request['do']}'."
    return VALUES[request["do"]] | ({"folder": request["folder"]} if "folder" in request else {})


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
        elif request["do"] == "run":
            CANCELLED.clear()
            threading.Thread(target=carry_out, args=[request["recipe"]], daemon=True).start()
        else:
            found = reply_to(request)
            refused = found if isinstance(found, str) else ""
            value = None if isinstance(found, str) else found
            say(Reply(id=request["id"], value=value, refused=refused))


if __name__ == "__main__":
    main()
