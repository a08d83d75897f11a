"""Another model as a student: found without a network, and refused in a sentence where it cannot learn."""

import json
import os
import re
import shutil
import time
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from engine.errors import Refused
from engine.models import students
from engine.models.profile import Storage, read_profile
from engine.models.same_tokenizer import difference
from engine.techniques.train_head import TrainHead


@pytest.mark.parametrize(
    "name", ["", "nowhere/to-be-found", "/no/such/folder", "starter:none", "a\0b", "~nobody/x", "x" * 5000, "starter:"]
)
def test_what_is_not_here_is_none_and_never_raises(name, own_home):
    assert students.known_folder(name) is None
    assert students.known_profile(name) is None


def test_a_folder_is_read_again_only_when_it_changed(tiny_model, monkeypatch):
    folder = tiny_model("bert", layers=2)
    found = students.known_profile(str(folder))
    assert found == read_profile(folder)
    start = time.perf_counter()
    for _ in range(100):
        students.known_profile(str(folder))
    assert time.perf_counter() - start < 0.2  # a slider asks at each of its steps
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"id2label": {"0": "a", "1": "b", "2": "c"}}))
    os.utime(folder / "config.json", ns=(1, 1))
    assert students.known_profile(str(folder)).labels == ("a", "b", "c")


@pytest.mark.parametrize("damage", ["config.json", "model.safetensors"])
def test_a_damaged_folder_is_unknown(damage, tiny_model):
    folder = tiny_model("bert", layers=1)
    (folder / damage).write_bytes(b"nothing")
    assert students.known_profile(str(folder)) is None
    with pytest.raises(Refused, match=r"^The student cannot be had\. "):
        students.fetch(str(folder))


def test_what_must_be_mended_first_is_known_once_it_was_fetched(tiny_model, own_home):
    """An older form of the tokenizer: the card must not fall over it, and the run makes a copy that it can read."""
    folder = tiny_model("bert", layers=1)
    Tokenizer.from_file(str(folder / "tokenizer.json")).model.save(str(folder))
    (folder / "tokenizer.json").unlink()
    assert students.known_profile(str(folder)) is None
    mended = students.fetch(str(folder)).folder
    assert students.known_folder(str(folder)) == mended != folder


def test_a_tokenizer_that_cannot_be_read_is_a_sentence(tiny_model):
    whole, broken = tiny_model("bert", layers=1), tiny_model("bert", layers=2)
    (broken / "tokenizer.json").write_text("{")
    with pytest.raises(Refused, match="cannot be read"):
        difference(whole, broken)


def test_a_student_s_own_code_never_runs_and_no_one_is_told_to_let_it(tiny_model):
    folder = tiny_model("bert", layers=1)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "code.Model"}}))
    with pytest.raises(Refused, match="a student's own code never runs") as refused:
        students.fetch(str(folder))
    assert "trust_remote_code" not in str(refused.value)


def test_a_starter_is_known_once_it_was_made(own_home):
    assert students.known_profile("starter:definition-writer") is None
    students.fetch("starter:definition-writer")
    students._fetched.clear()
    found = students.known_profile("starter:definition-writer")
    assert (found.family, found.layers) == ("GPT-2", 6)


def test_a_hub_model_is_known_once_it_is_in_the_cache(tiny_model, tmp_path, monkeypatch):
    from huggingface_hub import constants

    snapshot = tmp_path / "models--someone--small" / "snapshots" / "abc"
    snapshot.parent.mkdir(parents=True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.hf_api.HfApi.model_info", lambda *_, **__: pytest.fail("a network was asked"))
    assert students.known_profile("someone/small") is None
    shutil.copytree(tiny_model("bert", layers=1), snapshot)
    (tmp_path / "models--someone--small" / "refs").mkdir()
    (tmp_path / "models--someone--small" / "refs" / "main").write_text("abc")
    assert students.known_profile("someone/small").layers == 1


def test_what_a_gguf_file_was_unpacked_to_is_known(tiny_model, write_gguf, tmp_path, own_home):
    path = tmp_path / "small.gguf"
    write_gguf(tiny_model("llama", layers=1), path)
    assert students.known_profile(str(path)) is None
    assert students.fetch(str(path)).profile == students.known_profile(str(path))


@pytest.mark.parametrize(
    ("teacher", "student", "said"),
    [
        (
            ("bert", {}),
            ("gpt2", {"layers": 1}),
            "a GPT-2, reads from left to right, and the original, a BERT",
        ),
        (("gpt2", {}), ("bert", {"layers": 1, "head": False}), "a BERT, reads whole texts at once"),
        (("bert", {}), ("bert", {"layers": 1, "labels": 2}), r"labels of its own \(animal, food\)"),
        (("bert", {"head": False}), ("bert", {"layers": 1}), "a classifier, and the original is none"),
        (("llama", {}), ("llama", {"layers": 1, "labels": 3}), "a classifier, and the original is none"),
        (("llama-untied", {}), ("llama-untied", {"layers": 1, "head": False}), "no output head"),
        (("bert", {}), ("bert", {"layers": 3}), r"no smaller than the original: it has 0\.0 million weights"),
        (("bert", {}), ("bert", {"layers": 4, "head": False}), "no smaller"),
        (("bert", {}), ("distilbert", {"layers": 2, "head": False}), None),
        (("gpt2", {}), ("gpt2", {"layers": 2}), None),
        (("gpt2", {"labels": 3}), ("gpt2", {"layers": 2}), None),
        (("bert", {"head": False}), ("bert", {"layers": 1, "head": False}), None),
    ],
)
def test_who_can_be_taught(teacher, student, said, tiny_model):
    profiles = [read_profile(tiny_model(family, **settings)) for family, settings in (teacher, student)]
    found = students.misfit(*profiles)
    if said is None:
        assert found is None
    else:
        assert re.search(said, found)
        assert re.search(r" Choose a .*\.$", found)


def test_labels_that_are_yet_to_be_taught_cannot_differ(tiny_model):
    bare, student = read_profile(tiny_model("bert", head=False)), read_profile(tiny_model("bert", layers=1))
    assert students.misfit(TrainHead().after(bare), student) is None


def test_a_student_is_stored_as_the_original_is(tiny_model):
    teacher, student = read_profile(tiny_model("bert")), read_profile(tiny_model("bert", layers=1, head=False))
    half = teacher.model_copy(update={"storage": Storage(bits=16)})
    found = students.in_place_of(half, student)
    assert (found.storage, found.labels, found.has_head) == (Storage(bits=16), teacher.labels, True)
    assert (found.original_bytes, found.original_work) == (teacher.original_bytes, teacher.original_work)


def edited(folder: Path, copy: Path, **changes) -> Path:
    """A copy of the folder, its tokenizer.json changed."""
    shutil.copytree(folder, copy)
    definition = json.loads((copy / "tokenizer.json").read_text())
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = definition
        for parent in parents:
            place = place[parent]
        place[last] = value(place.get(last)) if callable(value) else value
    (copy / "tokenizer.json").write_text(json.dumps(definition))
    return copy


@pytest.mark.parametrize(
    ("family", "changes", "said"),
    [
        ("bert", {"model__vocab": lambda was: {**was, "zebra": len(was)}}, "vocabulary"),
        ("bert", {"model__vocab": lambda was: dict(zip(was, reversed(was.values()), strict=True))}, "vocabulary"),
        ("bert", {"normalizer__lowercase": lambda was: not was}, "normalizer"),
        ("bert", {"pre_tokenizer": {"type": "Whitespace"}}, "way to split texts"),
        ("bert", {"post_processor": None}, "special tokens around a text"),
        ("bert", {"model__max_input_chars_per_word": 7}, "settings"),
        ("gpt2", {"model__merges": lambda was: was[:-1]}, "merges"),
        ("gpt2", {"added_tokens": lambda was: [{**was[0], "lstrip": True}]}, "special tokens"),
        # What leaves every id as it is:
        ("bert", {"truncation": {"max_length": 9, "strategy": "LongestFirst", "stride": 0}}, None),
        ("bert", {"model__vocab": lambda was: dict(reversed(was.items()))}, None),
        ("gpt2", {"model__merges": lambda was: [" ".join(one) if isinstance(one, list) else one for one in was]}, None),
        ("gpt2", {"decoder": None}, None),
        ("gpt2", {"added_tokens": lambda was: [{**was[0], "special": False}]}, None),
    ],
)
def test_tokenizers_are_the_same_if_they_give_the_same_ids(family, changes, said, tiny_model, tmp_path):
    folder = tiny_model(family, layers=1)
    other = edited(folder, tmp_path / "other", **changes)
    assert difference(folder, other) == said
    if said is None:
        tokenizers = [Tokenizer.from_file(str(place / "tokenizer.json")) for place in (folder, other)]
        for tokenizer in tokenizers:
            tokenizer.no_truncation()
        for text in ("a dog near the river", "Bread,  cheese!", "<|endoftext|> king", ""):
            assert tokenizers[0].encode(text).ids == tokenizers[1].encode(text).ids
