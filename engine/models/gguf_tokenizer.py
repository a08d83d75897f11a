"""The tokenizer that a GGUF file describes, as tokenizer.json and tokenizer_config.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.errors import Refused
from engine.models.gguf_header import GgufHeader

WHOLE_WORDS_FIRST = ("llama3", "llama-v3", "llama-bpe", "tekken")
"""Vocabularies that take a word they know whole, whatever the merges; they also begin with a start token."""
DIGITS_APART = ("smollm", "starcoder", "refact", "command-r")
"""Those that cut numbers into digits and else cut as GPT-2 does (llama.cpp's src/llama-vocab.cpp)."""
KNOWN_TO_TRANSFORMERS = (*WHOLE_WORDS_FIRST, "falcon3", "smaug-bpe", "qwen2", "deepseek-r1-qwen", "megrez")
LIKE_GPT2 = ("gpt-2", "phi-2", "mpt", "olmo")
SPECIAL = {"bos_token": "bos", "eos_token": "eos", "unk_token": "unknown", "pad_token": "padding"}
MODELS = ("gpt2", "llama")
"""Byte-level BPE and SentencePiece's BPE, as llama.cpp calls them."""


def write_tokenizer(header: GgufHeader, folder: Path) -> None:
    """Write the tokenizer's files to `folder`; raises `Refused` where the file's vocabulary makes none."""
    kind = header.metadata.get("tokenizer.ggml.model")
    if kind not in MODELS:
        raise Refused(
            f"{header.path} has a tokenizer of kind '{kind}', which cannot be read from GGUF here. "
            "Choose the model as a folder."
        )
    try:
        whole, settings = _converted(header)
    except Exception as error:  # whatever the tokenizer classes raise on a hostile vocabulary
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise Refused(
            f"The tokenizer in {header.path} could not be read ({reason}). Get another copy of the model."
        ) from error
    for name, content in (("tokenizer.json", whole), ("tokenizer_config.json", settings)):
        (folder / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def tokenizer_note(header: GgufHeader) -> str:
    """A sentence where texts may be cut into words otherwise than the model learned, else ""."""
    way = header.metadata.get("tokenizer.ggml.pre")
    known = (*KNOWN_TO_TRANSFORMERS, *DIGITS_APART, *LIKE_GPT2)
    if header.metadata.get("tokenizer.ggml.model") != "gpt2" or way in known:
        return ""
    return (
        f"{header.path.name} does not say in a way known here how texts are cut into words ({way or 'nothing'}); "
        "they are cut as for GPT-2, which may differ for numbers and signs."
    )


def _converted(header: GgufHeader) -> tuple[dict[str, Any], dict[str, Any]]:
    """The contents of tokenizer.json and of tokenizer_config.json."""
    from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_TOKENIZER_MAPPING, convert_gguf_tokenizer

    given: dict[str, Any] = {
        name: value if isinstance(value := header.metadata[f"tokenizer.{key}"], (str, int, float)) else list(value)
        for key, name in GGUF_TOKENIZER_MAPPING["tokenizer"].items()
        if f"tokenizer.{key}" in header.metadata
    }
    backend, _ = convert_gguf_tokenizer(header.architecture, given)
    content = json.loads(backend.to_str())
    tokens, way = given["tokens"], given.get("pre_tokenizer_type")
    # The tokenizer classes bring special tokens of their own, for which the model has no row.
    content["added_tokens"] = [token for token in content["added_tokens"] if token["id"] < len(tokens)]
    content["model"]["ignore_merges"] = way in WHOLE_WORDS_FIRST
    if given["tokenizer_type"] == "gpt2" and way in DIGITS_APART:
        digits = {"type": "Digits", "individual_digits": True}
        content["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [digits, content["pre_tokenizer"]]}
    if given["tokenizer_type"] == "llama" and not given.get("add_prefix_space", True):
        content["pre_tokenizer"]["prepend_scheme"] = "never"
        content["decoder"]["decoders"] = [d for d in content["decoder"]["decoders"] if d["type"] != "Strip"]
    special = _special_tokens(header, tokens)
    content["post_processor"] = _template(header, special, tokens, by_default=_starts(given["tokenizer_type"], way))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_max_length": header.metadata[f"{header.architecture}.context_length"],
        **special,
    }
    template = header.metadata.get("tokenizer.chat_template")
    return content, settings | ({"chat_template": template} if isinstance(template, str) else {})


def _special_tokens(header: GgufHeader, tokens: list[str]) -> dict[str, str]:
    found = {}
    for name, key in SPECIAL.items():
        number = header.metadata.get(f"tokenizer.ggml.{key}_token_id")
        if isinstance(number, int) and number < len(tokens):
            found[name] = tokens[number]
    return found


def _starts(kind: str, way: object) -> bool:
    """Whether llama.cpp begins a text with the start token where the file does not say."""
    return kind == "llama" or way in WHOLE_WORDS_FIRST


def _template(
    header: GgufHeader, special: dict[str, str], tokens: list[str], *, by_default: bool
) -> dict[str, Any] | None:
    """What is put before and behind a text, as tokenizer.json says it; None for nothing."""
    begin = [special["bos_token"]] if header.metadata.get("tokenizer.ggml.add_bos_token", by_default) else []
    end = [special["eos_token"]] if header.metadata.get("tokenizer.ggml.add_eos_token", False) else []
    if not begin and not end:
        return None

    def around(*texts: str) -> list[dict[str, Any]]:
        pieces: list[dict[str, Any]] = []
        for place, text in enumerate(texts):
            pieces += [{"SpecialToken": {"id": token, "type_id": place}} for token in begin]
            pieces.append({"Sequence": {"id": text, "type_id": place}})
            pieces += [{"SpecialToken": {"id": token, "type_id": place}} for token in end]
        return pieces

    return {
        "type": "TemplateProcessing",
        "single": around("A"),
        "pair": around("A", "B"),
        "special_tokens": {
            token: {"id": token, "ids": [tokens.index(token)], "tokens": [token]} for token in (*begin, *end)
        },
    }
