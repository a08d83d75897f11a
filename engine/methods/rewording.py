"""Vocabulary pruning carried out: count, choose, cut tokenizer and network alike, and say what falls out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from engine.methods.settings import copy_settings, write_configs
from engine.methods.tokenizer_definition import read_definition, write_tokenizer
from engine.methods.vocabulary import Fallout, choose, count_tokens, fallout, shrink
from engine.methods.vocabulary_rows import keep_rows
from engine.models.model import Model, name_padding

if TYPE_CHECKING:
    from engine.context import Context
    from engine.techniques.vocabulary import Vocabulary


def reword(model: Model, technique: Vocabulary, context: Context) -> Model:
    """The model with the tokens that training texts use most; its folder has the smaller tokenizer."""
    train, held_out = context.data.train, context.data.validation
    definition = read_definition(model.folder)
    counts = count_tokens(definition, (*train.texts, *train.corpus), check=context.check, progress=context.progress)
    shrunk = shrink(definition, choose(definition, counts, technique.keep, check=context.check))
    found = fallout(definition, shrunk, held_out.texts, check=context.check)
    keep_rows(model.network, shrunk.kept)
    name_padding(model.network, model.network.config.to_dict())
    folder = context.scratch / f"vocabulary-{context.step}"
    copy_settings(model.folder, folder)
    write_tokenizer(model.folder, folder, shrunk.definition, shrunk.new_of)
    write_configs(model.network, folder)
    context.note(in_words(found, len(shrunk.kept)))
    left = technique.with_tokens(model.profile, len(shrunk.kept))
    return replace(model.with_profile(left), folder=folder)


def in_words(found: Fallout, kept: int) -> str:
    """What a smaller vocabulary does to held-out texts, in one line for the log."""
    return (
        f"{kept:,} tokens stay. Of held-out texts' tokens {found.fallen_share:.1%} fell out; a text has "
        f"{found.tokens_per_text_before:.1f} → {found.tokens_per_text_after:.1f} tokens, of which "
        f"{found.unknown_share_before:.2%} → {found.unknown_share_after:.2%} are unknown."
    )
