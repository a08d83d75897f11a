"""PCA against numpy's SVD, and a saved folder that plain sentence-transformers opens."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

from engine.errors import Refused
from engine.methods.pca import Projection, fit_pca, read_modules, write_dense
from engine.tasks.pooling import read_pooling

MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
]


@pytest.fixture
def embeddings() -> torch.Tensor:
    draw = torch.Generator().manual_seed(0)
    mixed = torch.randn(300, 12, generator=draw) @ torch.diag(torch.logspace(0.5, -1, 12)) + torch.linspace(-1, 1, 12)
    return torch.nn.functional.normalize(mixed @ torch.linalg.qr(torch.randn(12, 12, generator=draw)).Q, dim=1)


@pytest.fixture
def embedder(tiny_models, tmp_path):
    """A tiny BERT as sentence-transformers saves it."""
    folder = tiny_models.build(tmp_path / "embedder", "bert", head=False)
    (folder / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    (folder / "modules.json").write_text(json.dumps(MODULES))
    return folder


@pytest.mark.parametrize("dimensions", [1, 5, 11])
def test_it_is_what_numpys_svd_gives(embeddings, dimensions):
    found = fit_pca(embeddings, dimensions)
    exact = embeddings.double().numpy()
    _, _, right = np.linalg.svd(exact, full_matrices=False)
    for mine, theirs in zip(found.weight.numpy(), right, strict=False):
        assert abs(mine @ theirs) == pytest.approx(1, abs=1e-5)
    shorter = exact @ right[:dimensions].T
    assert found.explained == pytest.approx(shorter.var(axis=0).sum() / exact.var(axis=0).sum(), rel=1e-5)
    torch.testing.assert_close(found.weight @ found.weight.T, torch.eye(dimensions), atol=1e-5, rtol=0)


def test_around_a_mean_of_zero_it_is_the_covariances(embeddings):
    """The textbook's PCA, eigenvectors of the covariance."""
    centred = embeddings - embeddings.mean(dim=0)
    _, vectors = np.linalg.eigh(np.cov(centred.double().numpy().T))
    for mine, theirs in zip(fit_pca(centred, 4).weight.numpy(), vectors.T[::-1], strict=False):
        assert abs(mine @ theirs) == pytest.approx(1, abs=1e-5)


def test_no_other_directions_lose_less(embeddings):
    def lost(weight: torch.Tensor) -> float:
        return float((embeddings - embeddings @ weight.T @ weight).square().sum())

    best = fit_pca(embeddings, 4).weight
    draw = torch.Generator().manual_seed(1)
    for _ in range(100):
        other = torch.linalg.qr(best.T + 0.05 * torch.randn(12, 4, generator=draw)).Q.T
        assert lost(other) >= lost(best)


@pytest.mark.parametrize("mean", [0.0, 3.0], ids=["in all directions", "nearly the same way"])
def test_cosines_tend_to_the_originals_as_a_bias_would_not_let_them(embeddings, mean):
    embeddings = torch.nn.functional.normalize(embeddings + mean, dim=1)
    original = embeddings @ embeddings.T
    off = []
    for dimensions in (3, 6, 11):
        short = torch.nn.functional.normalize(fit_pca(embeddings, dimensions)(embeddings), dim=1)
        off.append(float((short @ short.T - original).abs().mean()))
    centred = torch.nn.functional.normalize(embeddings - embeddings.mean(dim=0), dim=1)
    assert off[0] > off[1] > off[2]
    assert off[2] < 0.02 < float((centred @ centred.T - original).abs().mean())


def test_fits_repeat(embeddings):
    again = fit_pca(embeddings.flip(0), 5)
    torch.testing.assert_close(fit_pca(embeddings, 5).weight, again.weight, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("given", "dimensions", "says"),
    [
        (torch.ones(50, 8), 8, "8 dimensions"),
        (torch.ones(50, 8), 0, "8 dimensions"),
        (torch.ones(4, 8), 4, "give more"),
        (torch.full((50, 8), float("nan")), 4, "NaN"),
    ],
)
def test_what_cannot_be_fitted_is_refused(given, dimensions, says):
    with pytest.raises(Refused, match=says):
        fit_pca(given, dimensions)


def test_the_module_stands_before_normalize_and_all_are_numbered_anew(embedder):
    projection = Projection(torch.randn(8, 32), 1.0)
    assert write_dense(embedder, projection) == embedder / "2_Dense"
    modules = json.loads((embedder / "modules.json").read_text())
    assert [module["path"] for module in modules] == ["", "1_Pooling", "2_Dense", "2_Normalize"]
    assert [(module["idx"], module["name"]) for module in modules] == [(0, "0"), (1, "1"), (2, "2"), (3, "3")]
    assert json.loads((embedder / "2_Dense" / "config.json").read_text()) == {
        "in_features": 32,
        "out_features": 8,
        "bias": False,
        "activation_function": "torch.nn.modules.linear.Identity",
    }
    torch.testing.assert_close(
        load_file(embedder / "2_Dense" / "model.safetensors")["linear.weight"], projection.weight
    )
    (dense,) = read_pooling(embedder).dense
    np.testing.assert_array_equal(dense.weight, projection.weight.numpy())
    assert write_dense(embedder, Projection(torch.randn(4, 8), 1.0)) == embedder / "3_Dense"
    assert [dense.weight.shape for dense in read_pooling(embedder).dense] == [(8, 32), (4, 8)]


def test_what_lies_there_is_not_written_over(embedder):
    (embedder / "2_Dense").mkdir()
    with pytest.raises(Refused, match="there already"):
        write_dense(embedder, Projection(torch.randn(8, 32), 1.0))


def test_without_normalize_it_comes_last(embedder):
    (embedder / "modules.json").write_text(json.dumps(MODULES[:2]))
    write_dense(embedder, Projection(torch.randn(8, 32), 1.0))
    assert [module["path"] for module in read_modules(embedder)] == ["", "1_Pooling", "2_Dense"]


def test_plain_sentence_transformers_opens_it_and_gives_the_projected_embeddings(embedder, tiny_models):
    library = pytest.importorskip("sentence_transformers")
    texts = [text for text, _ in tiny_models.texts(40)]
    original = mean_pooled(embedder, texts)
    projection = fit_pca(original, 8)
    write_dense(embedder, projection)
    short = library.SentenceTransformer(str(embedder), device="cpu").encode(texts, convert_to_tensor=True)
    assert short.shape == (40, 8)
    torch.testing.assert_close(short, torch.nn.functional.normalize(projection(original), dim=1), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def mean_pooled(folder: Path, texts: list[str]) -> torch.Tensor:
    """What the folder's first three modules do, written out."""
    batch = AutoTokenizer.from_pretrained(folder)(texts, padding=True, return_tensors="pt")
    hidden = AutoModel.from_pretrained(folder).eval()(**batch).last_hidden_state
    mask = batch["attention_mask"].unsqueeze(-1)
    return torch.nn.functional.normalize((hidden * mask).sum(dim=1) / mask.sum(dim=1), dim=1)


@pytest.mark.parametrize("content", [None, "[", "{}", '[{"path": "../../etc", "type": "x"}]', '[{"type": "x"}]', "[1]"])
def test_a_folder_that_is_no_embedder_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "modules.json").write_text(content)
    if content == "{}":  # no modules at all: nothing to add to
        assert read_modules(tmp_path) == []
        return
    with pytest.raises(Refused, match=r"modules\.json"):
        read_modules(tmp_path)
