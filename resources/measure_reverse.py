"""Measure the starter model `minilm` on the starter data set `reverse` and write the data card.

    python -m resources.measure_reverse

What is measured is the folder that `materialize` makes, in fp32.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import torch
from sentence_transformers import SentenceTransformer

from engine.models.starter import StarterData, data_files, materialize
from resources.kinds_model_card import wilson_interval

QUERIES_AT_ONCE = 256


def ranks(queries: torch.Tensor, corpus: torch.Tensor, answers: Sequence[Sequence[int]]) -> torch.Tensor:
    """The rank, from 1, of each query's first right answer by cosine: (queries,).

    `queries` (queries, width) and `corpus` (words, width) are of unit length; `answers` are rows of `corpus`.
    """
    found = []
    for scores, part in zip(
        (queries[at : at + QUERIES_AT_ONCE] @ corpus.T for at in range(0, len(queries), QUERIES_AT_ONCE)),
        (answers[at : at + QUERIES_AT_ONCE] for at in range(0, len(queries), QUERIES_AT_ONCE)),
        strict=True,
    ):
        best = torch.stack([row[list(right)].max() for row, right in zip(scores, part, strict=True)])
        found.append(1 + (scores > best[:, None]).sum(1))
    return torch.cat(found)


def measure(data: StarterData) -> torch.Tensor:
    """The ranks that `minilm` gives the test queries' first right answers."""
    corpus, test = (pq.read_table(path).to_pydict() for path in (data.corpus, data.test))
    if corpus["id"] != list(range(len(corpus["id"]))):
        raise ValueError(f"the ids in {data.corpus} should be the numbers of its rows")
    with tempfile.TemporaryDirectory() as cache:
        model = SentenceTransformer(str(materialize("minilm", Path(cache))), device="cpu")
        queries, words = (
            model.encode(texts, batch_size=64, convert_to_tensor=True, show_progress_bar=False)
            for texts in (test["text"], corpus["text"])
        )
    return ranks(queries, words, test["answers"])


def write_card(data: StarterData, found: torch.Tensor) -> None:
    """Write README.md beside the data from the ranks on the test set."""
    files = sorted(data.test.parent.glob("*.parquet"))
    answers = pq.read_table(data.test)["answers"].to_pylist()
    values = {
        "words": f"{pq.read_metadata(data.corpus).num_rows:,}",
        "counts": "\n".join(f"| {path.name} | {pq.read_metadata(path).num_rows:,} |" for path in files),
        "queries": f"{len(answers):,}",
        "several": f"{sum(len(right) > 1 for right in answers) / len(answers):.0%}",
        "mrr": f"{(1 / found.float()).mean():.3f}",
    }
    for k in (1, 10):
        right = int((found <= k).sum())
        low, high = wilson_interval(right, len(found))
        values[f"recall@{k}"] = f"{right / len(found):.1%} ({low:.1%} to {high:.1%})"
    card = (Path(__file__).parent / "reverse_card.md").read_text(encoding="utf-8")
    for name, value in values.items():
        card = card.replace("{{" + name + "}}", value)
    (data.test.parent / "README.md").write_text(card, encoding="utf-8")


def main() -> None:
    """Measure and write the card."""
    data = data_files("reverse")
    write_card(data, measure(data))


if __name__ == "__main__":
    main()
