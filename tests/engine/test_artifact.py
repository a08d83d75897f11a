"""A saved folder is known by its files' hashes; the certificate tells them and is not one of them."""

import json
from pathlib import Path

import pytest

from engine.artifact import (
    CERTIFICATE,
    check_hashes,
    copy_tokenizer,
    files_of,
    hashes_of,
    read_certificate,
    size_of,
    write_certificate,
)
from engine.errors import Refused
from engine.models.profile import read_profile
from engine.run import Certificate, Comparison, Measurement


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.bin").write_bytes(b"12345")
    (tmp_path / "a.json").write_text("{}", encoding="utf-8")
    return tmp_path


def certificate(folder: Path) -> Certificate:
    found = Measurement(runtime="torch", precision="32 bits", size_bytes=7)
    return Certificate(
        recipe={"seed": 0},
        environment={},
        baseline=found,
        optimized=found,
        comparison=Comparison(),
        sha256=hashes_of(folder),
    )


def test_size_and_hashes_leave_the_certificate_out(folder: Path):
    before = hashes_of(folder)
    assert set(before) == {"a.json", "deep/b.bin"}
    assert size_of(folder) == 7
    write_certificate(folder, certificate(folder))
    assert (folder / CERTIFICATE).is_file()
    assert (size_of(folder), hashes_of(folder)) == (7, before)
    assert folder / CERTIFICATE not in files_of(folder)


def test_a_certificate_is_read_as_written(folder: Path):
    written = certificate(folder)
    write_certificate(folder, written)
    assert read_certificate(folder) == written
    check_hashes(folder, written.sha256)


@pytest.mark.parametrize("text", ["", "{", "{}", '{"recipe": 1}'])
def test_what_is_no_certificate_is_none(folder: Path, text: str):
    assert read_certificate(folder) is None
    (folder / CERTIFICATE).write_text(text, encoding="utf-8")
    assert read_certificate(folder) is None


def change(folder: Path) -> None:
    (folder / "a.json").write_text("[]", encoding="utf-8")


def remove(folder: Path) -> None:
    (folder / "a.json").unlink()


def add(folder: Path) -> None:
    (folder / "new.txt").touch()


@pytest.mark.parametrize(("tamper", "named"), [(change, "a.json"), (remove, "a.json"), (add, "new.txt")])
def test_what_is_not_as_measured_is_refused(folder: Path, tamper, named: str):
    hashes = hashes_of(folder)
    tamper(folder)
    with pytest.raises(Refused, match=rf"is not what was measured: {named} changed\. Run the recipe again\."):
        check_hashes(folder, hashes)


def test_many_changes_are_counted(folder: Path):
    hashes = hashes_of(folder)
    for number in range(5):
        (folder / f"new{number}").touch()
    with pytest.raises(Refused, match=r"new0, new1, new2 and 2 more"):
        check_hashes(folder, hashes)


def test_the_tokenizer_loses_its_indentation_and_second_copies(tiny_model, tmp_path: Path):
    source, target = tiny_model("roberta"), tmp_path / "target"
    target.mkdir()
    (source / "vocab.json").write_text(json.dumps({"a": 1}, indent=2), encoding="utf-8")
    copy_tokenizer(source, target)
    assert sorted(path.name for path in target.iterdir()) == ["tokenizer.json", "tokenizer_config.json"]
    for path in target.iterdir():
        assert json.loads(path.read_text(encoding="utf-8")) == json.loads(
            (source / path.name).read_text(encoding="utf-8")
        )
        assert path.stat().st_size < (source / path.name).stat().st_size
    carried = size_of(target) + (source / "config.json").stat().st_size
    assert read_profile(source).tokenizer_bytes == carried


def test_an_older_tokenizer_is_carried_whole(tiny_model, tmp_path: Path):
    source, target = tiny_model("bert"), tmp_path / "target"
    target.mkdir()
    (source / "tokenizer.json").unlink()
    (source / "vocab.txt").write_text("[PAD]\n", encoding="utf-8")
    copy_tokenizer(source, target)
    assert (target / "vocab.txt").read_bytes() == (source / "vocab.txt").read_bytes()
