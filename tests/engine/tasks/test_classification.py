"""Accuracy with its interval, and changed answers, worst first."""

import numpy as np
import pytest

from engine.data.splits import Examples, Splits
from engine.tasks.classification import Classification, confidences

NAMES = ("cat", "dog", "oak")
TASK = Classification()


def sure(label: int, confidence: float) -> list[float]:
    """Logits whose softmax gives `confidence` to `label`."""
    rest = (1 - confidence) / 2
    return [float(np.log(confidence if place == label else rest)) for place in range(3)]


def splits(texts: tuple[str, ...], labels: tuple[int, ...]) -> Splits:
    nothing = Examples((), ())
    return Splits(NAMES, nothing, nothing, Examples(texts, labels), key="")


def test_accuracy_with_its_interval():
    logits = np.array([sure(0, 0.9), sure(1, 0.6), sure(2, 0.5), sure(0, 0.8)])
    (found,) = TASK.qualities(logits, Examples(("a", "b", "c", "d"), (0, 1, 2, 1)))
    assert (found.metric, found.value, found.count) == ("accuracy", 0.75, 4)
    assert 0 < found.low < 0.75 < found.high < 1


def test_changed_answers_come_worst_first():
    data = splits(("same", "mended", "wrong either way", "lost, unsure", "lost, sure"), (0, 0, 0, 1, 1))
    before = np.array([sure(0, 0.9), sure(1, 0.6), sure(1, 0.7), sure(1, 0.5), sure(1, 0.95)])
    after = np.array([sure(0, 0.4), sure(0, 0.6), sure(2, 0.7), sure(2, 0.5), sure(0, 0.6)])
    found = TASK.changed(before, after, data)
    assert [row["text"] for row in found] == ["lost, sure", "lost, unsure", "wrong either way", "mended"]
    assert [row["worse"] for row in found] == [True, True, False, False]
    assert found[0]["original"] == {"answer": "dog", "confidence": 0.95}
    assert found[0]["optimized"] == {"answer": "cat", "confidence": 0.6}
    assert found[0]["label"] == "dog"
    assert TASK.same(before, after, data.test) == (1, 5)


def test_the_difference_is_that_of_the_shares():
    before = np.array([sure(0, 0.9), sure(1, 0.9), sure(2, 0.9), sure(0, 0.9)])
    after = np.array([sure(0, 0.9), sure(2, 0.9), sure(2, 0.9), sure(1, 0.9)])
    found = TASK.differences(before, after, Examples(("a", "b", "c", "d"), (0, 1, 2, 1)))
    assert found["accuracy"].value == 0.0  # one lost, one mended
    assert found["accuracy"].p_value == 1.0


def test_nothing_changed():
    logits = np.array([sure(0, 0.9)])
    data = splits(("a",), (0,))
    assert TASK.changed(logits, logits + 3.0, data) == []
    assert TASK.same(logits, logits + 3.0, data.test) == (1, 1)


@pytest.mark.parametrize("logit", [0.0, 1e4, -1e4])
def test_confidences_are_shares_at_any_scale(logit):
    shares = confidences(np.array([[logit, logit + 1.0]], dtype=np.float32))
    assert shares.sum() == pytest.approx(1.0)
    assert shares[0, 1] == pytest.approx(1 / (1 + np.exp(-1.0)), rel=1e-3)


def test_a_saved_folder_answers_as_transformers_does(tiny_model, tiny_texts):
    import csv

    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from engine.runtimes import runtime_of

    folder = tiny_model("bert")
    with tiny_texts(45).open(encoding="utf-8") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    network = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    with torch.no_grad():
        wanted = np.stack([network(**tokenizer(text, return_tensors="pt")).logits[0].numpy() for text in texts])
    told: list[int] = []
    reader = TASK.load(runtime_of(folder), folder, 1, full_precision=True)
    found = reader.answers(Examples(tuple(texts), (0,) * 45), told.append)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert told
    again = TASK.in_memory(network, folder, lambda: None).answers(Examples(tuple(texts), (0,) * 45), told.append)
    np.testing.assert_allclose(again, wanted, atol=1e-5)
    answer = reader.respond(texts[0], lambda piece: None, {})
    assert answer["answer"] == network.config.id2label[int(wanted[0].argmax())]
    assert answer["ms"] > 0


def test_workloads_are_single_texts_and_full_batches():
    single, batches = TASK.workloads(Examples(tuple(str(n) for n in range(70)), (0,) * 70), None)  # type: ignore[arg-type]
    assert (single.amount, len(single.items), single.items[0]) == (1, 70, ["0"])
    assert (batches.amount, [len(batch) for batch in batches.items]) == (32, [32, 32])


@pytest.mark.parametrize("count", [1, 5, 31, 32])
def test_batches_are_full_whatever_the_number_of_texts(count):
    batches = TASK.workloads(Examples(tuple(str(n) for n in range(count)), (0,) * count), None)[1]  # type: ignore[arg-type]
    assert batches.items
    assert {len(batch) for batch in batches.items} == {32}


def test_classes_and_distillation_by_hand():
    import torch

    from engine.tasks.base import TrainingBatch

    class Outputs:
        def __init__(self, logits):
            self.logits = torch.tensor(logits)

    batch = TrainingBatch({}, torch.tensor([0, 2]), 0.0)
    given, wanted = np.array([[1.0, 2.0, 0.0], [0.0, 0.0, 3.0]]), np.array([[2.0, 0.0, 0.0], [1.0, 0.0, 1.0]])
    shares = confidences(given)
    assert TASK.loss_of(Outputs(given), batch).item() == pytest.approx(-np.log([shares[0, 0], shares[1, 2]]).mean())
    soft, target = confidences(given / 2), confidences(wanted / 2)
    divergence = (target * (np.log(target) - np.log(soft))).sum(axis=1).mean()
    assert TASK.disagreement(Outputs(given), Outputs(wanted), batch, 2.0).item() == pytest.approx(4 * divergence)
