"""A checkpoint in shards is opened, measured and keyed like the same checkpoint in one file."""

import json
import shutil
from pathlib import Path

import pytest

from engine.artifact import hashes_of, size_of
from engine.errors import Refused
from engine.models.headers import read_headers, weight_files
from engine.models.model import open_kept, open_model
from engine.models.profile import read_profile
from engine.models.resolve import resolve
from engine.runtimes import runtime_of


@pytest.fixture
def whole(tiny_model) -> Path:
    return tiny_model("bert")


@pytest.fixture
def sharded(whole: Path, tmp_path: Path) -> Path:
    """The same model as transformers shards it."""
    from transformers import AutoModelForSequenceClassification

    folder = shutil.copytree(whole, tmp_path / "sharded")
    (folder / "model.safetensors").unlink()
    AutoModelForSequenceClassification.from_pretrained(whole).save_pretrained(folder, max_shard_size="20KB")
    assert len(weight_files(folder)) > 2
    return folder


def test_its_profile_is_that_of_one_file(whole: Path, sharded: Path):
    assert read_headers(sharded) == read_headers(whole)
    assert read_profile(sharded).parts == read_profile(whole).parts


def test_it_is_used_where_it_lies_and_loads(whole: Path, sharded: Path, tmp_path: Path):
    found = resolve(str(sharded), cache=tmp_path / "cache")
    assert (found.folder, found.notes) == (sharded, ())
    wanted = open_model(whole).network.state_dict()
    for opened in (open_model(sharded), open_kept(sharded)):
        given = opened.network.state_dict()
        assert all((given[name] == value).all() for name, value in wanted.items())


def test_a_mended_copy_carries_every_shard(sharded: Path, tmp_path: Path):
    (sharded / "tokenizer.json").unlink()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"]
    (sharded / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    found = resolve(str(sharded), cache=tmp_path / "cache")
    assert found.folder != sharded
    assert [path.name for path in weight_files(found.folder)] == [path.name for path in weight_files(sharded)]
    assert read_headers(found.folder) == read_headers(sharded)


def test_size_and_hashes_count_every_shard(sharded: Path):
    assert size_of(sharded) == sum(path.stat().st_size for path in sharded.iterdir())
    assert {path.name for path in weight_files(sharded)} <= hashes_of(sharded).keys()


def test_it_runs_in_torch(whole: Path, sharded: Path):
    runtime = runtime_of(sharded)
    assert runtime is not None
    assert runtime.name == "torch"
    import numpy as np

    batch = {"input_ids": np.array([[2, 9, 11, 3]]), "attention_mask": np.ones((1, 4), dtype=np.int64)}
    assert np.allclose(runtime.load(sharded, 1)(batch), runtime.load(whole, 1)(batch), atol=1e-5)


def test_it_can_be_measured(sharded: Path, tiny_texts, bench_inside, own_home):
    from engine.recipe import DataSource
    from engine.standalone import measure_folder

    found = measure_folder(sharded, DataSource(path=str(tiny_texts(40))), None)
    assert found.measurement.size_bytes == size_of(sharded)
    assert found.measurement.runtime == "torch"


def test_a_changed_shard_makes_another_baseline(sharded: Path):
    from engine.baseline import baseline_key
    from engine.data.splits import Examples, Splits

    none = Examples((), ())
    data = Splits(("a", "b"), none, none, none, key="")
    before = baseline_key(sharded, data, "")
    last = weight_files(sharded)[-1]
    last.write_bytes(last.read_bytes()[:-1] + b"\x01")
    assert baseline_key(sharded, data, "") != before


def test_a_missing_shard_is_refused_by_name(sharded: Path):
    last = weight_files(sharded)[-1]
    last.unlink()
    with pytest.raises(Refused, match=last.name.replace(".", r"\.")):
        resolve(str(sharded))


def test_an_index_that_leads_out_of_the_folder_is_refused(sharded: Path):
    path = sharded / "model.safetensors.index.json"
    listed = json.loads(path.read_text())
    listed["weight_map"] = {name: "../" + shard for name, shard in listed["weight_map"].items()}
    path.write_text(json.dumps(listed), encoding="utf-8")
    with pytest.raises(Refused, match="outside its folder"):
        resolve(str(sharded))
