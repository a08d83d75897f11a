"""A cancel, asked for at any event, stops the technique there and touches nothing of the original."""

import contextlib

import pytest

from engine.artifact import hashes_of
from engine.errors import Cancelled


@pytest.mark.parametrize("at", [1, 2, 4])
def test_a_cancel_is_noticed(at, bert_case, workshop):
    events: list[object] = []
    context = workshop.context(bert_case, events.append, lambda: len(events) >= at)
    model = workshop.open(bert_case)
    before = hashes_of(model.folder)
    with contextlib.suppress(Cancelled):
        bert_case.technique.apply(model, context)
    assert len(events) <= at, f"it went on for {len(events) - at} events"
    assert hashes_of(model.folder) == before
