"""Test the starter model `definition-writer` and write its model card and licence notice.

    python -m resources.writer_model_card --work FOLDER    # the folder that train_writer worked in

What is tested is the saved folder, loaded by plain transformers in fp32.
"""

import argparse
import hashlib
import math
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional
from transformers import AutoTokenizer, GPT2LMHeadModel, PreTrainedTokenizerFast

from resources.make_definitions import OUT as DATA
from resources.train_writer import LONG, OUT, SHORT, Settings, read_split

SHOWN = 12
KNOWN = ("dog", "river", "violin", "physicist", "happiness", "oak", "Mozart", "quickly")
MOST_NEW_TOKENS = 40
DRAWS = 2000


def load(folder: Path) -> tuple[GPT2LMHeadModel, PreTrainedTokenizerFast]:
    """The model in fp32, ready to be asked, and its tokenizer."""
    model = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval()
    return model, AutoTokenizer.from_pretrained(folder, local_files_only=True)


def packed(entries: Sequence[str], tokenizer: PreTrainedTokenizerFast, window: int) -> torch.Tensor:
    """The entries, each followed by the end token, in one stream cut into windows: (windows, window)."""
    ids = tokenizer(list(entries))["input_ids"]
    stream = torch.tensor([token for entry in ids for token in (*entry, tokenizer.eos_token_id)])
    return stream[: len(stream) // window * window].view(-1, window)


@torch.inference_mode()
def score(model: GPT2LMHeadModel, windows: torch.Tensor) -> tuple[torch.Tensor, float]:
    """Mean loss in nats of each window (windows,), and the share of its tokens that are the likeliest."""
    losses, right = [], 0
    for ids in windows.split(max(1, 2048 // windows.shape[1])):
        logits = model(ids[:, :-1], use_cache=False).logits
        losses.append(functional.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none").mean(1))
        right += int((logits.argmax(-1) == ids[:, 1:]).sum())
    return torch.cat(losses), right / windows[:, 1:].numel()


def perplexity_interval(losses: torch.Tensor) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of exp(mean loss), drawing windows."""
    draws = torch.randint(len(losses), (DRAWS, len(losses)), generator=torch.Generator().manual_seed(0))
    low, high = losses[draws].mean(1).exp().quantile(torch.tensor([0.025, 0.975])).tolist()
    return low, high


def unigram_perplexity(trained: torch.Tensor, tested: torch.Tensor, vocabulary: int) -> float:
    """The perplexity of `tested` token ids by their frequency in `trained`, one added to each count."""
    counts = torch.bincount(trained.flatten(), minlength=vocabulary) + 1.0
    return math.exp(-(counts / counts.sum()).log()[tested.flatten()].mean())


@torch.inference_mode()
def define(model: Any, tokenizer: PreTrainedTokenizerFast, word: str) -> str:
    """What the model writes behind `word:`, always taking the likeliest token."""
    prompt = tokenizer(f"{word}:", return_tensors="pt")
    end = tokenizer.eos_token_id
    written = model.generate(**prompt, max_new_tokens=MOST_NEW_TOKENS, do_sample=False, pad_token_id=end)
    answer = written[0, prompt["input_ids"].shape[1] :].tolist()
    text = str(tokenizer.decode(answer, skip_special_tokens=True)).strip()
    return text if end in answer else f"{text} …"


def measured(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast) -> dict[str, str]:
    """The card's numbers about the test set."""
    test = read_split("test")
    windows = packed(test, tokenizer, SHORT)
    losses, accuracy = score(model, windows)
    low, high = perplexity_interval(losses)
    long_losses, _ = score(model, packed(test, tokenizer, LONG))
    trained = packed(read_split("train"), tokenizer, 1)
    unigram = unigram_perplexity(trained, windows, len(tokenizer))
    return {
        "training tokens": f"{len(trained):,}",
        "perplexity": f"{losses.mean().exp():.2f}",
        "low": f"{low:.2f}",
        "high": f"{high:.2f}",
        "accuracy": f"{accuracy:.4f}",
        "accuracy in words": f"{accuracy:.1%}",
        "tokens": f"{len(packed(test, tokenizer, 1)):,}",
        "windows": str(len(windows)),
        "window": str(SHORT),
        "perplexity long": f"{long_losses.mean().exp():.2f}",
        "perplexity unigram": f"{unigram:.0f}",
    }


def samples(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast) -> dict[str, str]:
    """The card's two tables of definitions."""
    rows = [text.split(": ", 1) for text in read_split("test")[:SHOWN]]
    return {
        "shown": str(SHOWN),
        "test samples": "\n".join(f"| {word} | {define(model, tokenizer, word)} | {told} |" for word, told in rows),
        "known samples": "\n".join(f"| {word} | {define(model, tokenizer, word)} |" for word in KNOWN),
    }


def training(work: Path) -> dict[str, str]:
    """The hyperparameters and how the training went, as a table, from its last checkpoint."""
    seconds, steps, best = torch.load(work / "checkpoint.pt", weights_only=True)["clock"]
    settings = Settings()
    outcome = {
        "minutes": f"{seconds / 60:.0f}",
        "steps": f"{steps:,}",
        "tokens": f"{steps * settings.batch_tokens:,}",
        "validation loss": f"{best:.3f}",
    }
    rows = (asdict(settings) | outcome).items()
    return {"training": "\n".join(f"| {name.replace('_', ' ')} | {value} |" for name, value in rows)}


def write_card(folder: Path, work: Path) -> None:
    """Write README.md and LICENSE into the model's folder."""
    model, tokenizer = load(folder)
    config = model.config
    values = {
        "parameters": f"{model.num_parameters() / 1e6:.1f}",
        "layers": str(config.n_layer),
        "width": str(config.n_embd),
        "heads": str(config.n_head),
        "positions": str(config.n_positions),
        "vocabulary": f"{config.vocab_size:,}",
        "megabytes": f"{(folder / 'model.safetensors').stat().st_size / 1e6:.1f}",
        "long_every": str(Settings.long_every),
    }
    values |= measured(model, tokenizer) | samples(model, tokenizer) | training(work)
    card = (Path(__file__).parent / "writer_model_card.md").read_text(encoding="utf-8")
    for name, value in values.items():
        card = card.replace("{{" + name + "}}", value)
    (folder / "README.md").write_text(card, encoding="utf-8")
    shutil.copyfile(DATA / "LICENSE", folder / "LICENSE")


def main() -> None:
    """Write the card, and say what the catalogue has to state."""
    parser = argparse.ArgumentParser(description="Test `definition-writer` and write its card.")
    parser.add_argument("--work", type=Path, required=True, help="the folder that train_writer worked in")
    parser.add_argument("--folder", type=Path, default=OUT)
    options = parser.parse_args()
    write_card(options.folder, options.work)
    print("weights_sha256:", hashlib.sha256((options.folder / "model.safetensors").read_bytes()).hexdigest())


if __name__ == "__main__":
    main()
