"""Tiny models of each family and texts that they can learn: real files, made in half a second.

Of classifiers, the weights are random but wide, so that answers depend on the text. Words that give a label away
point the same way, and the last layer is fitted to texts, so that accuracy means something.
"""

import csv
import json
import random
from math import sqrt
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    BertTokenizer,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    DistilBertModel,
    DistilBertTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForSequenceClassification,
    RobertaModel,
    RobertaTokenizer,
)

Sizes = tuple[int, int, int, int]
FAMILIES = ("bert", "distilbert", "roberta")
DECODERS = ("gpt2", "llama", "llama-untied", "mistral", "qwen2", "qwen3")
END = "<|endoftext|>"

WORDS_OF = {
    "animal": "dog cat horse sheep whale eagle salmon beetle tiger mouse",
    "food": "bread cheese soup apple butter cake rice honey pasta salad",
    "place": "city river valley island harbour village desert street bridge castle",
    "person": "doctor farmer king sailor teacher painter soldier baker judge nurse",
    "plant": "oak fern moss tulip cactus ivy clover willow bamboo daisy",
    "time": "morning winter century hour autumn decade evening minute summer week",
}
"""Label → the words that give it away."""
PLAIN_WORDS = (
    "a the of in on with near under small large old young quiet loud bright dark slow "
    "quick heavy light warm cold soft hard long short wide narrow deep round flat clean "
    "rare common wild strange that which seen found kept made known used often never "
    "always once again many few some"
)
LABELS = tuple(WORDS_OF)
FITTED_ON = 400  # texts; more than the hidden size by far, so that the fit means something


def texts(count: int, labels: int = 3, seed: int = 0) -> list[tuple[str, str]]:
    """`count` distinct pairs (text, label name) of the first `labels` of LABELS, mixed."""
    draw = random.Random(seed)
    found: dict[str, str] = {}
    while len(found) < count:
        label = draw.choice(LABELS[:labels])
        words = draw.choices(PLAIN_WORDS.split(), k=draw.randint(3, 9))
        words += draw.choices(WORDS_OF[label].split(), k=draw.randint(2, 3))
        draw.shuffle(words)
        found[" ".join(words)] = label
    return list(found.items())


def write_csv(path: Path, rows: list[tuple[str, str]]) -> Path:
    """A CSV file with the columns text and label."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return path


def build(
    folder: Path,
    family: str,
    *,
    labels: int = 3,
    layers: int = 3,
    hidden: int = 32,
    heads: int = 4,
    feed_forward: int = 64,
    seed: int = 0,
    head: bool = True,
    vocabulary: int = 0,
) -> Path:
    """Save a model of `family` ("bert", "distilbert", "roberta") with its tokenizer to `folder`.

    `head=False` saves the bare encoder, as a language model's checkpoint is found on the Hub;
    `vocabulary` makes room for more tokens than the tokenizer has, so that embeddings are large.
    """
    tokenizer = _roberta_tokenizer() if family == "roberta" else _wordpiece_tokenizer(family)
    config = _config(family, max(len(tokenizer), vocabulary), (hidden, layers, heads, feed_forward))
    config.id2label = dict(enumerate(LABELS[:labels]))
    config.label2id = {name: index for index, name in config.id2label.items()}
    bare, classifier = _classes(family)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = (classifier if head else bare)(config).eval()
        _point_words(model, tokenizer)
    if head:
        _fit_last_layer(model, tokenizer, texts(FITTED_ON, labels, seed))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def build_decoder(
    folder: Path,
    family: str,
    *,
    layers: int = 3,
    hidden: int = 32,
    heads: int = 4,
    kv_heads: int = 2,
    feed_forward: int = 64,
    positions: int = 128,
    seed: int = 0,
    labels: int = 0,
    head: bool = True,
    vocabulary: int = 0,
    ends_with: int = 0,
) -> Path:
    """Save a language model of one of DECODERS with its byte-level tokenizer to `folder`.

    `labels` puts a classification head in the place of the output head; `head=False` saves the body alone,
    whose names lack its prefix; `kv_heads` is for all but GPT-2; `ends_with` is the config's end token. None of them
    names a padding token, as few in the world do. Biases and norms are as uneven as trained ones.
    """
    tokenizer = _byte_level_tokenizer(positions)
    sizes = {"vocab_size": max(len(tokenizer), vocabulary), "initializer_range": 0.1 * sqrt(32 / hidden)}
    if family == "gpt2":
        sizes |= {"n_embd": hidden, "n_layer": layers, "n_head": heads, "n_positions": positions}
        sizes |= {"n_inner": None if feed_forward == 4 * hidden else feed_forward}
    else:
        sizes |= {"hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads}
        sizes |= {"num_key_value_heads": kv_heads, "intermediate_size": feed_forward}
        sizes |= {"max_position_embeddings": positions, "tie_word_embeddings": family != "llama-untied"}
    if family == "qwen3":
        sizes["head_dim"] = 2 * hidden // heads  # as in the small ones of its kind: heads wider than hidden / heads
    special = {"bos_token_id": 0, "eos_token_id": ends_with, "pad_token_id": None}
    config = AutoConfig.for_model(family.removesuffix("-untied"), **sizes, **special)
    if labels:
        config.id2label = dict(enumerate(LABELS[:labels]))
        config.label2id = {name: index for index, name in config.id2label.items()}
    kind = AutoModelForSequenceClassification if labels else AutoModelForCausalLM
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = (kind if head else AutoModel).from_config(config).eval()
        with torch.no_grad():
            for vector in (value for value in model.parameters() if value.dim() == 1):
                vector.add_(torch.randn(vector.shape), alpha=0.1)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _classes(family: str) -> tuple[type[PreTrainedModel], type[PreTrainedModel]]:
    """The bare encoder's class and the classifier's."""
    return {
        "bert": (BertModel, BertForSequenceClassification),
        "distilbert": (DistilBertModel, DistilBertForSequenceClassification),
        "roberta": (RobertaModel, RobertaForSequenceClassification),
    }[family]


def _config(family: str, vocabulary: int, sizes: Sizes) -> PretrainedConfig:
    hidden, layers, heads, feed_forward = sizes
    # The usual range is 0.02, with which every text would get the same answer.
    wide = {"vocab_size": vocabulary, "initializer_range": 0.1 * sqrt(32 / hidden)}
    if family == "distilbert":
        parts = {"dim": hidden, "n_layers": layers, "n_heads": heads, "hidden_dim": feed_forward}
        return DistilBertConfig(**wide, **parts, max_position_embeddings=128)
    parts = {"hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads}
    if family == "bert":
        return BertConfig(**wide, **parts, intermediate_size=feed_forward, max_position_embeddings=128)
    # RoBERTa counts positions from the padding token's index on, so 128 tokens need 130.
    settings = {"max_position_embeddings": 130, "type_vocab_size": 1}
    special = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}
    return RobertaConfig(**wide, **parts, **settings, **special, intermediate_size=feed_forward)


def _all_words() -> list[str]:
    return " ".join([PLAIN_WORDS, *WORDS_OF.values()]).split()


def _wordpiece_tokenizer(family: str) -> BertTokenizer:
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    pieces = [*letters, *(f"##{letter}" for letter in letters), *"0123456789.,!?-'"]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *pieces, *_all_words()]
    vocabulary = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    kind = DistilBertTokenizer if family == "distilbert" else BertTokenizer
    return kind(vocab=vocabulary, model_max_length=128)


def _roberta_tokenizer() -> RobertaTokenizer:
    """Byte-level BPE: every byte is a token, so there are more tokens than words."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())  # a set: its order would differ each time
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    trained.train_from_iterator([" ".join(_all_words())], trainer)
    merges = json.loads(trained.to_str())["model"]["merges"]
    return RobertaTokenizer(vocab=trained.get_vocab(), merges=[tuple(merge) for merge in merges], model_max_length=128)


def _byte_level_tokenizer(longest: int) -> PreTrainedTokenizerFast:
    """As GPT-2 has it: every text can be written, and nothing is put around it."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=[END], initial_alphabet=alphabet, show_progress=False)
    trained.train_from_iterator([text for text, _ in texts(100)], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=trained, bos_token=END, eos_token=END, model_max_length=longest)


@torch.no_grad()
def _point_words(model: PreTrainedModel, tokenizer: BertTokenizer) -> None:
    """Move the embeddings of words that give a label away in one direction for each label."""
    embeddings = model.get_input_embeddings().weight
    for words in WORDS_OF.values():
        direction = torch.randn(embeddings.shape[1]) * 0.2
        tokens = [tokenizer(f" {word}", add_special_tokens=False).input_ids for word in words.split()]
        embeddings[sorted({token for found in tokens for token in found})] += direction


@torch.no_grad()
def _fit_last_layer(model: PreTrainedModel, tokenizer: BertTokenizer, rows: list[tuple[str, str]]) -> None:
    """Ridge regression from what reaches the last layer to the labels."""
    inside = [part for name, part in model.named_modules() if "classifier" in name]
    last = [part for part in inside if isinstance(part, nn.Linear)][-1]
    seen: list[torch.Tensor] = []
    hook = last.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    model(**tokenizer([text for text, _ in rows], padding=True, return_tensors="pt"))
    hook.remove()
    features = torch.cat([seen[0], torch.ones(len(rows), 1)], dim=1)
    answers = torch.tensor([model.config.label2id[label] for _, label in rows])
    wanted = nn.functional.one_hot(answers).float() * 8 - 4
    ridge = 0.1 * torch.eye(features.shape[1])
    solved = torch.linalg.solve(features.T @ features + ridge, features.T @ wanted)
    last.weight.copy_(solved[:-1].T)
    last.bias.copy_(solved[-1])
