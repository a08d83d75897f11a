"""Models from the Hub, with a fake in place of the network and a real cache on disk."""

import fnmatch
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx2
import huggingface_hub
import pytest
import torch
from huggingface_hub import errors
from safetensors.torch import load_file
from tqdm.std import tqdm

from engine.errors import Cancelled, Refused
from engine.models.metering import DOWNLOADING, meter
from engine.models.resolve import resolve

NAME = "someone/tiny"


class Hub:
    """A repository of one folder; `fetched` records every file that was downloaded."""

    def __init__(self, remote: Path, cache: Path) -> None:
        self.remote, self.fetched = remote, []
        self.snapshot = cache / "models--someone--tiny" / "snapshots" / ("a" * 40)

    def snapshot_download(self, repo_id: str, *, allow_patterns: list[str], tqdm_class: type | None = None) -> str:
        """With bars as the real client makes them: two of bytes whose totals grow, and one of files."""
        assert repo_id == NAME
        self.snapshot.mkdir(parents=True, exist_ok=True)
        bar = (tqdm_class or partial(tqdm, disable=True))(
            desc="Reconstructing", total=0, initial=0, unit="B", unit_scale=True
        )
        other = (tqdm_class or partial(tqdm, disable=True))(
            desc="Downloading bytes", total=0, initial=0, unit="B", unit_scale=True
        )
        files = (tqdm_class or partial(tqdm, disable=True))(desc="Fetching files", total=5)
        for path in self.remote.iterdir():
            wanted = any(fnmatch.fnmatch(path.name, pattern) for pattern in allow_patterns)
            if wanted and not (self.snapshot / path.name).exists():
                self.fetched.append(path.name)
                bar.total = other.total = (bar.total or 0) + path.stat().st_size
                bar.refresh()
                for part in (path.stat().st_size // 2, path.stat().st_size - path.stat().st_size // 2):
                    bar.update(part)
                    other.update(part)
                files.update(1)
                shutil.copy(path, self.snapshot)
        return str(self.snapshot)

    def try_to_load_from_cache(self, repo_id: str, filename: str) -> str | None:
        path = self.snapshot / filename
        return str(path) if path.is_file() else None


@pytest.fixture
def hub(tiny_model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    remote = tiny_model("bert")
    for name in ("README.md", "tf_model.h5", "onnx.onnx", "evil.py"):
        (remote / name).write_text("not needed", encoding="utf-8")
    fake = Hub(remote, tmp_path / "hub")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fake.snapshot_download)
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", fake.try_to_load_from_cache)
    return fake


def test_only_what_is_needed_is_fetched_and_only_once(hub: Hub):
    found = resolve(NAME)
    assert found.folder == hub.snapshot
    assert sorted(hub.fetched) == [
        "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
    ]  # fmt: skip
    again = resolve(NAME)
    assert len(hub.fetched) == 4
    assert "local cache" in again.notes[0]


def test_pickles_are_fetched_only_without_safetensors(hub: Hub, tmp_path: Path):
    torch.save(load_file(hub.remote / "model.safetensors"), hub.remote / "pytorch_model.bin")
    resolve(NAME, cache=tmp_path / "cache")
    assert "pytorch_model.bin" not in hub.fetched
    shutil.rmtree(hub.snapshot)
    (hub.remote / "model.safetensors").unlink()
    found = resolve(NAME, cache=tmp_path / "cache")
    assert "pytorch_model.bin" in hub.fetched
    assert found.folder.parent == tmp_path / "cache"
    assert found.folder.name.startswith("someone-tiny-")


def test_a_download_that_broke_off_is_taken_up_again(hub: Hub):
    resolve(NAME)
    (hub.snapshot / "model.safetensors").unlink()
    assert resolve(NAME).notes == ()
    assert hub.fetched.count("model.safetensors") == 2


@pytest.mark.parametrize(
    "text", ['{"model_type": "mamba"}', '{"model_type": "bert", "auto_map": {"AutoModel": "evil.M"}}']
)
def test_what_will_be_refused_is_not_fetched(hub: Hub, text: str):
    (hub.remote / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(Refused, match=r"mamba|own code"):
        resolve(NAME)
    assert "model.safetensors" not in hub.fetched
    assert "evil.py" not in hub.fetched


def test_code_is_fetched_for_the_model_that_may_run_it(hub: Hub):
    assert resolve(NAME, trust_remote_code=NAME).trust
    assert "evil.py" in hub.fetched


def test_no_network_and_not_in_the_cache():
    # The real client: HF_HUB_OFFLINE is set for every test.
    with pytest.raises(Refused, match=r"Could not reach .*'no/such'.*not in the local cache.*folder"):
        resolve("no/such")


def answer(status: int) -> httpx2.Response:
    return httpx2.Response(status, request=httpx2.Request("GET", "https://huggingface.co"))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (lambda: errors.GatedRepoError("no", response=answer(403)), "accepted its terms"),
        (lambda: errors.RepositoryNotFoundError("no", response=answer(404)), "no such public model"),
        (lambda: httpx2.ConnectError("[Errno -2] Name or service not known"), "Could not reach"),
        (lambda: errors.LocalEntryNotFoundError("nothing"), "Could not reach"),
        (lambda: OSError(28, "No space left on device"), "No space left"),
    ],
)
def test_what_the_client_raises_is_a_sentence(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, error: Callable[[], Exception], words: str
):
    def fail(*_: object, **__: object) -> str:
        raise error()

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(Refused, match=words) as caught:
        resolve(NAME)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a--b", "x..y", "end.", "someone/end-"])
def test_a_name_that_cannot_be_on_the_hub(name: str):
    with pytest.raises(Refused):
        resolve(name)


def test_a_download_is_told_in_megabytes_of_the_whole(hub: Hub, capfd):
    heard = []
    resolve(NAME, tell=lambda *told: heard.append(told))
    assert heard and all(message == DOWNLOADING for _, _, message in heard)
    whole = round(sum((hub.remote / name).stat().st_size for name in ("model.safetensors",)) / 1e6)
    assert heard[-1][:2] == (whole, whole)
    assert capfd.readouterr() == ("", "")  # nothing is drawn


def test_the_meter_tells_the_furthest_of_two_bars_and_not_the_files(monkeypatch):
    heard = []
    monkeypatch.setattr("engine.models.metering.EVERY_SECONDS", 0.0)
    bars = meter(lambda *told: heard.append(told[:2]))
    came, built, files = bars(total=0, unit="B"), bars(total=0, unit="B"), bars(total=3)
    came.total = built.total = 500_000_000
    came.update(100_000_000)
    built.update(60_000_000)
    files.update(1)
    came.update(0)
    assert heard[:2] == [(100, 500), (100, 500)] and len(heard) == 3


def test_a_download_ends_where_it_is_told_to(hub: Hub):
    def stop(*_: object) -> None:
        raise Cancelled("Cancelled.")

    with pytest.raises(Cancelled):
        resolve(NAME, tell=stop)
    assert not (hub.snapshot / "model.safetensors").exists()
    assert resolve(NAME).folder == hub.snapshot  # and goes on the next time
