"""Each line of the list of faults: one sentence, nothing lost, and the same engine goes on with the next."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

Damage = Callable[[Path], None]


def _edit_config(**changes: object) -> Damage:
    def edit(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, **changes}))

    return edit


def _weights(change: Callable[[bytes], bytes]) -> Damage:
    def edit(folder: Path) -> None:
        path = folder / "model.safetensors"
        path.write_bytes(change(path.read_bytes()))

    return edit


def _pickled(content: Callable[[], object]) -> Damage:
    def pickle(folder: Path) -> None:
        import torch

        (folder / "model.safetensors").unlink()
        torch.save(content(), folder / "pytorch_model.bin")

    return pickle


class Evil:
    """Would leave a file behind if it were unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, ("/tmp/bozzetto-was-here", "w")


MODELS: dict[str, tuple[Damage, str]] = {
    "a folder that is not a model": (lambda folder: (folder / "config.json").unlink(), "is not a model folder"),
    "config without weights": (lambda folder: (folder / "model.safetensors").unlink(), "but no weights"),
    "truncated safetensors": (_weights(lambda raw: raw[: len(raw) // 2]), "model.safetensors"),
    "corrupted safetensors header": (_weights(lambda raw: raw[:8] + b"\xff" * 64 + raw[72:]), "model.safetensors"),
    "an empty weights file": (_weights(lambda raw: b""), "model.safetensors"),
    "a pickle that runs code": (_pickled(lambda: {"a": Evil()}), "pytorch_model.bin"),
    "remote code": (_edit_config(auto_map={"AutoModel": "evil.Model"}), "wants to run its own code"),
    "an unknown family": (_edit_config(model_type="t5000"), "t5000"),
    "config of another size": (_edit_config(hidden_size=48), "config.json"),
    "config that is no JSON": (lambda folder: (folder / "config.json").write_text("{"), "is not valid JSON"),
    "no tokenizer": (lambda folder: [path.unlink() for path in folder.glob("tok*")], "tokenizer"),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_cannot_be_used(engine, tiny_model, tiny_texts, name: str) -> None:
    damage, wanted = MODELS[name]
    folder = tiny_model("bert")
    damage(folder)
    before = sorted((path.name, path.read_bytes()) for path in folder.iterdir())
    found = engine.run({"model": str(folder), "data": str(tiny_texts(60)), "steps": ["prune"]})
    _check(found, wanted)
    assert sorted((path.name, path.read_bytes()) for path in folder.iterdir()) == before
    assert not Path("/tmp/bozzetto-was-here").exists()


def test_a_model_of_the_hub_without_a_network(engine, tiny_texts) -> None:
    found = engine.run({"model": "someone/no-such-model", "data": str(tiny_texts(60)), "steps": ["prune"]})
    _check(found, "Hub")


def test_a_headless_model_is_offered_a_head(engine, tiny_model, tiny_texts) -> None:
    model = str(tiny_model("bert", head=False))
    _check(engine.run({"model": model, "data": str(tiny_texts(60)), "steps": ["prune"]}), "Add the step train_head")


def test_a_technique_that_a_runtime_cannot_take(engine, tiny_model, tiny_texts) -> None:
    steps = [{"prune": {"structure": "attention heads", "sparsity": 0.5}}, {"quantize": {"runtime": "torch"}}]
    found = engine.run({"model": str(tiny_model("bert")), "data": str(tiny_texts(60)), "steps": steps})
    _check(found, "cannot load a")


def _rows(rows: list[list[str]]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)

    return write


GOOD = [[f"a small dog number {count}", "animal" if count % 2 else "food"] for count in range(80)]
DATA: dict[str, tuple[Callable[[Path], object], str]] = {
    "no file": (lambda path: None, "texts.csv"),
    "an empty file": (lambda path: path.write_bytes(b""), "empty"),
    "a header alone": (_rows([["text", "label"]]), "texts.csv"),
    "one class": (_rows([["text", "label"], *[[text, "animal"] for text, _ in GOOD]]), "the same label 'animal'"),
    "unknown labels": (_rows([["text", "label"], *[[text, "quark"] for text, _ in GOOD]]), "quark"),
    "missing columns": (_rows([["a"], *[[text] for text, _ in GOOD]]), "different text"),
    "wrong encoding": (lambda path: path.write_bytes("text,label\nfällt,animal\n".encode("utf-16-le")), "texts.csv"),
    "not text at all": (lambda path: path.write_bytes(bytes(range(256)) * 100), "texts.csv"),
    "a NUL byte": (lambda path: path.write_bytes(b"text,label\na,animal\nb\0,food\n"), "line 3, holds a NUL byte"),
    "a folder": (lambda path: path.mkdir(), "folder"),
}


@pytest.mark.parametrize("name", DATA)
def test_data_that_cannot_be_used(engine, tiny_model, tmp_path: Path, name: str) -> None:
    write, wanted = DATA[name]
    write(tmp_path / "texts.csv")
    found = engine.run({"model": str(tiny_model("bert")), "data": str(tmp_path / "texts.csv"), "steps": ["prune"]})
    _check(found, wanted)


def test_a_column_that_is_not_there(engine, tiny_model, tiny_texts) -> None:
    data = {"path": str(tiny_texts(60)), "text": "question", "label": "label"}
    _check(engine.run({"model": str(tiny_model("bert")), "data": data, "steps": ["prune"]}), "question")


def test_odd_but_usable_data_are_used_and_told(engine, tiny_model, tiny_texts) -> None:
    """A line of a megabyte, a blank label, a repeated text: what is left is worth a run. Cancelled where it begins."""
    path = tiny_texts(300)
    with path.open("ab") as file:
        file.write(b"dog " * 300_000 + b",animal\nno label,\ntwice,food\ntwice,animal\n")
    engine.send(do="run", recipe={"model": str(tiny_model("bert")), "data": str(path), "steps": ["prune"]})
    notes = []

    def begins(event: dict) -> bool:
        notes.extend([event["text"]] if event["kind"] == "note" else [])
        return event["kind"] == "progress"

    engine.until(begins)
    engine.send(do="cancel")
    assert engine.finished()["status"] == "cancelled"
    assert len(notes) >= 2, notes


def _check(found: dict, wanted: str) -> None:
    reason = found["reason"]
    assert found["status"] == "failed"
    assert wanted in reason
    assert "did not foresee" not in reason
    assert "Traceback" not in reason
    assert "\n" not in reason
    assert reason.endswith(".")
    record = json.loads((Path(found["folder"]) / "run.json").read_text())
    assert record["reason"] == reason
    assert {path.name for path in Path(found["folder"]).iterdir()} == {"run.json", "events.jsonl"}
