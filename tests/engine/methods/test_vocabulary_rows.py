"""The network with fewer rows answers as before for every token that stays, saved and loaded again."""

import json
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    RobertaConfig,
    RobertaModel,
)

from engine.errors import Refused
from engine.methods.tokenizer_definition import read_definition, write_tokenizer
from engine.methods.vocabulary import choose, count_tokens, shrink
from engine.methods.vocabulary_rows import keep_rows, renumbered

KEPT = [0, 2, 3, 7, 11, 12, 19]


def language_model(kind: str):
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}
    special = {"bos_token_id": 2, "eos_token_id": 19, "pad_token_id": 0}
    if kind == "gpt2, tied":
        return GPT2LMHeadModel(GPT2Config(vocab_size=20, n_embd=16, n_layer=1, n_head=2, **special)).eval()
    if kind == "bert, tied with bias":
        model = BertForMaskedLM(BertConfig(vocab_size=20, **sizes, pad_token_id=0)).eval()
        torch.nn.init.normal_(model.cls.predictions.bias)
        return model
    tied = kind == "llama, tied"
    return LlamaForCausalLM(LlamaConfig(vocab_size=20, tie_word_embeddings=tied, **sizes, **special)).eval()


@torch.no_grad()
@pytest.mark.parametrize("kind", ["gpt2, tied", "llama, tied", "llama, untied", "bert, tied with bias"])
def test_answers_about_tokens_that_stay_are_unchanged(kind, tmp_path):
    model = language_model(kind)
    tied = model.get_input_embeddings().weight is model.get_output_embeddings().weight
    assert tied == ("untied" not in kind)
    new_ids = torch.tensor([[1, 4, 6, 2, 2]])
    before = model(torch.tensor(KEPT)[new_ids]).logits[..., KEPT]
    keep_rows(model, KEPT)
    assert (model.get_input_embeddings().weight is model.get_output_embeddings().weight) == tied
    torch.testing.assert_close(model(new_ids).logits, before)
    model.save_pretrained(tmp_path)
    again = type(model).from_pretrained(tmp_path).eval()
    assert again.config.vocab_size == len(KEPT)
    assert again.get_input_embeddings().num_embeddings == len(KEPT)
    assert again.get_output_embeddings().out_features == len(KEPT)
    torch.testing.assert_close(again(new_ids).logits, before)
    assert (again.get_input_embeddings().weight is again.get_output_embeddings().weight) == tied


def test_special_ids_follow_in_config_and_generation_config():
    model = language_model("llama, untied")
    model.generation_config.eos_token_id = [19, 5, 12]
    keep_rows(model, KEPT)
    assert (model.config.bos_token_id, model.config.eos_token_id, model.config.pad_token_id) == (1, 6, 0)
    assert model.generation_config.eos_token_id == [6, 5]
    assert model.get_input_embeddings().padding_idx == 0


def test_ids_of_tokens_that_are_gone_become_none():
    settings = {"eos_token_id": 50256, "pad_token_id": None, "stop_token_ids": [1, 2], "sep_token_id": 3, "n_token": 3}
    assert renumbered(settings, {3: 0}) == {"eos_token_id": None, "stop_token_ids": None, "sep_token_id": 0}


def test_gradients_are_wanted_where_they_were():
    model = language_model("gpt2, tied")
    model.get_input_embeddings().weight.requires_grad_(False)
    keep_rows(model, KEPT)
    assert not model.lm_head.weight.requires_grad


def test_a_token_without_an_embedding_is_refused():
    with pytest.raises(Refused, match="no embedding"):
        keep_rows(language_model("gpt2, tied"), [0, 20])


def test_a_model_that_counts_positions_from_padding_keeps_its_padding_id():
    config = RobertaConfig(
        vocab_size=20, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24, pad_token_id=1
    )
    with pytest.raises(Refused, match="positions"):
        keep_rows(RobertaModel(config), [1, 2, 3])
    keep_rows(RobertaModel(config), [0, 1, 3])


@torch.no_grad()
@pytest.mark.parametrize("family", ["bert", "distilbert", "roberta"])
def test_a_classifier_folder_answers_the_same_with_a_smaller_vocabulary(tiny_models, family, tmp_path):
    source, folder = tiny_models.build(tmp_path / "source", family), tmp_path / "smaller"
    texts = [text for text, _ in tiny_models.texts(60)]
    definition = read_definition(source)
    kept = choose(definition, count_tokens(definition, texts), 1.0, "use")
    shrunk = shrink(definition, kept)
    model = AutoModelForSequenceClassification.from_pretrained(source).eval()
    before = model(**AutoTokenizer.from_pretrained(source)(texts, padding=True, return_tensors="pt")).logits
    rows = model.get_input_embeddings().num_embeddings
    keep_rows(model, shrunk.kept)
    model.save_pretrained(folder)
    write_tokenizer(source, folder, shrunk.definition, shrunk.new_of)
    assert len(shrunk.kept) < rows
    tokenizer, again = AutoTokenizer.from_pretrained(folder), AutoModelForSequenceClassification.from_pretrained(folder)
    assert len(tokenizer) == len(shrunk.kept) == again.config.vocab_size
    assert tokenizer.pad_token_id == again.config.pad_token_id
    after = again.eval()(**tokenizer(texts, padding=True, return_tensors="pt")).logits
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_language_model_folder_generates_the_same(tiny_models, tmp_path):
    """Byte-level BPE as GPT-2 has it, with embeddings for more tokens than there are."""
    source, folder = tiny_models.build(tmp_path / "source", "roberta"), tmp_path / "smaller"
    tokenizer = Tokenizer.from_file(str(Path(source) / "tokenizer.json"))
    torch.manual_seed(1)
    rows = tokenizer.get_vocab_size() + 7
    config = GPT2Config(
        vocab_size=rows, n_embd=16, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=2, initializer_range=0.2
    )
    model = GPT2LMHeadModel(config).eval()
    texts = [text for text, _ in tiny_models.texts(40)]
    definition = read_definition(source)
    shrunk = shrink(definition, choose(definition, count_tokens(definition, texts), 0.9))
    ids = torch.tensor([tokenizer.encode(texts[0], add_special_tokens=False).ids])
    new_ids = torch.tensor([[shrunk.new_of[int(token)] for token in ids[0]]])
    before = model(ids).logits[..., list(shrunk.kept)]
    keep_rows(model, shrunk.kept)
    model.save_pretrained(folder)
    write_tokenizer(Path(source), folder, shrunk.definition, shrunk.new_of)
    again = AutoModelForCausalLM.from_pretrained(folder).eval()
    torch.testing.assert_close(again(new_ids).logits, before)
    assert json.loads((folder / "generation_config.json").read_text())["eos_token_id"] == shrunk.new_of[2]
    written = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert written.encode(texts[0], add_special_tokens=False).ids == new_ids[0].tolist()
