"""Test the starter model `kinds-minilm` as users get it, and write its model card.

What is tested is the folder that `materialize` makes, loaded by plain transformers in fp32.
"""

import math
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow.parquet as pq
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from engine.models.starter import AdaptedModel, data_files, materialize

BATCH_SIZE = 64


def wilson_interval(right: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of the share `right / total` (Wilson 1927, J. Am. Stat. Assoc. 22)."""
    share = right / total
    middle = share + z * z / (2 * total)
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return (middle - half) / scale, (middle + half) / scale


@torch.inference_mode()
def answers(folder: Path, texts: Sequence[str]) -> list[str]:
    """The label that the model saved in `folder` gives each text, in the order of `texts`."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    by_length = sorted(range(len(texts)), key=lambda at: len(texts[at]))
    given: dict[int, str] = {}
    for start in range(0, len(texts), BATCH_SIZE):
        part = by_length[start : start + BATCH_SIZE]
        batch = tokenizer([texts[at] for at in part], padding=True, return_tensors="pt")
        best = model(**batch).logits.argmax(-1).tolist()
        given.update(zip(part, (model.config.id2label[index] for index in best), strict=True))
    return [given[at] for at in range(len(texts))]


def write_card(model: AdaptedModel, training: Mapping[str, object]) -> None:
    """Answer the whole test set once and write README.md beside the adapter.

    `training` holds the hyperparameters and how the training went; it is printed as a table.
    """
    data = data_files(model.data)
    test = pq.read_table(data.test).to_pydict()
    labels = test[data.label_column]
    with tempfile.TemporaryDirectory() as cache:
        given = answers(materialize(model.name, Path(cache)), test[data.text_column])
    right = Counter(label for label, answer in zip(labels, given, strict=True) if label == answer)
    low, high = wilson_interval(right.total(), len(labels))
    total = Counter(labels)
    values = {
        "accuracy": f"{right.total() / len(labels):.4f}",
        "low": f"{low:.4f}",
        "high": f"{high:.4f}",
        "rows": str(len(labels)),
        "in words": f"{right.total() / len(labels):.1%}",
        "interval": f"{low:.1%} to {high:.1%}",
        "labels": "\n".join(
            f"| {label} | {right[label] / total[label]:.1%} | {total[label]} |" for label in model.labels
        ),
        "training": "\n".join(f"| {name.replace('_', ' ')} | {value} |" for name, value in training.items()),
    }
    card = (Path(__file__).parent / "kinds_model_card.md").read_text(encoding="utf-8")
    for name, value in values.items():
        card = card.replace("{{" + name + "}}", value)
    (model.adapter / "README.md").write_text(card, encoding="utf-8")
