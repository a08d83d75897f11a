"""What a student is made of and what it learns, against sums done by hand."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from engine.methods.students import Bridge, spaced
from engine.methods.teaching import TeacherLoss, depth_pairs, hidden_loss
from engine.tasks.base import TrainingBatch
from engine.tasks.classification import Classification
from engine.techniques.distill import Distill


@pytest.mark.parametrize(
    ("total", "count", "chosen"),
    [(6, 3, [0, 2, 5]), (6, 2, [0, 5]), (12, 6, [0, 2, 4, 7, 9, 11]), (6, 6, [0, 1, 2, 3, 4, 5]), (6, 1, [0])],
)
def test_layers_are_evenly_spaced(total, count, chosen):
    assert spaced(total, count) == chosen


@pytest.mark.parametrize("total", range(1, 25))
def test_spaced_layers_are_distinct_and_keep_both_ends(total):
    for count in range(1, total + 1):
        chosen = spaced(total, count)
        assert len(set(chosen)) == count
        assert chosen == sorted(chosen)
        assert chosen[0] == 0
        assert count == 1 or chosen[-1] == total - 1


def test_depths_match():
    assert depth_pairs(3, 6) == [(0, 0), (1, 2), (2, 4), (3, 6)]
    assert depth_pairs(2, 3) == [(0, 0), (1, 2), (2, 3)]


def test_hidden_loss_is_the_relative_difference_over_real_tokens():
    teacher = torch.tensor([[[3.0, 4.0], [1.0, 0.0], [9.0, 9.0]]])
    student = torch.tensor([[[3.0, 5.0], [1.0, 2.0], [0.0, 0.0]]])
    mask = torch.tensor([[[1.0], [1.0], [0.0]]])
    # Squared differences 1 + 4 over squared norms 25 + 1; the padded token counts in neither.
    assert float(hidden_loss((student,), (teacher,), [(0, 0)], mask, Bridge())) == pytest.approx(5 / 26)
    pairs = [(0, 0), (1, 0)]
    assert float(hidden_loss((student, teacher), (teacher,), pairs, mask, Bridge())) == pytest.approx(5 / 52)


class Fixed(nn.Module):
    """Answers with the same logits and hidden states whatever it is given."""

    def __init__(self, logits: list[float], hidden: float) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor([logits]))
        self.hidden = hidden

    def forward(self, output_hidden_states: bool, **_: object) -> SimpleNamespace:
        states = (torch.full((1, 2, 2), self.hidden),) if output_hidden_states else None
        return SimpleNamespace(logits=self.logits, hidden_states=states)


def softmax(logits: list[float], heat: float) -> list[float]:
    shares = [math.exp(value / heat) for value in logits]
    return [share / sum(shares) for share in shares]


@pytest.mark.parametrize("progress", [0.2, 0.9])
@pytest.mark.parametrize("hidden_weight", [0.0, 0.5])
def test_the_loss_is_the_sum_it_says(progress, hidden_weight):
    wanted, given, heat = [2.0, 0.0, -1.0], [0.5, 1.0, 0.0], 2.0
    technique = Distill(temperature=heat, hidden_weight=hidden_weight, label_share=0.3)
    batch = TrainingBatch({"attention_mask": torch.ones(1, 2)}, torch.tensor([1]), progress)
    found = TeacherLoss(Classification(), Fixed(wanted, 2.0), technique, [(0, 0)])(Fixed(given, 1.0), batch)
    teacher, student = softmax(wanted, heat), softmax(given, heat)
    by_hand = heat**2 * sum(t * math.log(t / s) for t, s in zip(teacher, student, strict=True))
    by_hand += hidden_weight * (1.0 / 4.0)  # each token: (1−2)² · 2 over 2² · 2
    if progress >= 0.7:
        by_hand -= math.log(softmax(given, 1.0)[1])
    assert found.item() == pytest.approx(by_hand, rel=1e-5)


def test_the_teacher_never_learns():
    teacher, student = Fixed([1.0, 0.0], 1.0), Fixed([0.0, 1.0], 1.0)
    batch = TrainingBatch({"attention_mask": torch.ones(1, 2)}, torch.tensor([0]), 1.0)
    TeacherLoss(Classification(), teacher, Distill(), [(0, 0)])(student, batch).backward()
    assert student.logits.grad is not None
    assert teacher.logits.grad is None
