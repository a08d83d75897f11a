"""Train `definition-writer`, a small GPT-2 with its own tokenizer, on the starter data set `definitions`.

    python -m resources.train_writer --minutes 72 --work FOLDER

Matrices inside the blocks learn by Muon (Jordan et al. 2024, "Muon: an optimizer for hidden layers"),
embeddings, norms and biases by AdamW. The schedule runs on the clock, so that training ends when it is
told to. FOLDER keeps a checkpoint a run can be resumed from. The weights that are kept are those with
the lowest validation loss; the test set is not read here.
"""

import argparse
import json
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import torch
from torch.nn import functional
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from resources.make_definitions import OUT as DATA

OUT = Path(__file__).parent / "models" / "definition-writer"
END = "<|endoftext|>"
SHORT, LONG = 256, 1024  # window lengths in tokens


@dataclass(frozen=True)
class Settings:
    """Hyperparameters; `long_every`: one batch in so many has windows of LONG tokens, for the late positions."""

    minutes: float = 72.0
    vocabulary: int = 8192
    width: int = 256
    layers: int = 6
    heads: int = 4
    batch_tokens: int = 2048
    long_every: int = 8
    muon_rate: float = 4e-3
    adamw_rate: float = 2e-3
    weight_decay: float = 0.1
    dropout: float = 0.0
    warmup_share: float = 0.02
    seconds_between_checks: float = 600.0
    seed: int = 0


def read_split(split: str) -> list[str]:
    """The entries of one split of `definitions`."""
    return pq.read_table(DATA / f"{split}.parquet")["text"].to_pylist()


def train_tokenizer(entries: Sequence[str], settings: Settings) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of the entries, END its only special token."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=settings.vocabulary,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(entries, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=END, eos_token=END, unk_token=END, model_max_length=LONG
    )


def new_model(settings: Settings, end: int) -> GPT2LMHeadModel:
    """An untrained model; attention is not dropped, which would cost it its fast kernel."""
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=settings.vocabulary,
            n_positions=LONG,
            activation_function="gelu_pytorch_tanh",
            n_embd=settings.width,
            n_layer=settings.layers,
            n_head=settings.heads,
            resid_pdrop=settings.dropout,
            embd_pdrop=settings.dropout,
            attn_pdrop=0.0,
            bos_token_id=end,
            eos_token_id=end,
        )
    )


def windows(entries: Sequence[Sequence[int]], end: int, settings: Settings, order: random.Random) -> Iterator:
    """Batches of token ids, (windows, window length), for ever: every entry once an epoch, each followed by END.

    A window begins with an entry, behind an END half the time, so that both are known to the model as
    beginnings. Where a window cuts an entry off, the rest of that entry waits for the next epoch.
    """
    queue: list[Sequence[int]] = []
    for number in range(1, 1 << 62):
        length = LONG if number % settings.long_every == 0 else SHORT
        rows = []
        while len(rows) < settings.batch_tokens // length:
            row = [end] if order.random() < 0.5 else []
            while len(row) < length:
                queue = queue or order.sample(entries, len(entries))
                row += [*queue.pop(), end]
            rows.append(row[:length])
        yield torch.tensor(rows)


def loss_of(model: GPT2LMHeadModel, ids: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy in nats of every token but the first of each row of `ids` (batch, length)."""
    with torch.autocast("cpu", torch.bfloat16):
        hidden = model.transformer(ids[:, :-1], use_cache=False).last_hidden_state
        logits = model.lm_head(hidden)
    return functional.cross_entropy(logits.flatten(0, 1).float(), ids[:, 1:].flatten())


@torch.inference_mode()
def validation_loss(model: GPT2LMHeadModel, stream: torch.Tensor) -> float:
    """The loss over the packed validation text (tokens,), in windows of SHORT tokens."""
    model.eval()
    rows = stream[: len(stream) // SHORT * SHORT].view(-1, SHORT).split(16)
    total = sum(float(loss_of(model, ids)) * len(ids) for ids in rows)
    model.train()
    return total / sum(map(len, rows))


class Learner:
    """Model, optimizers and the clock; `spent` is the share of the time budget gone, in [0, 1]."""

    def __init__(self, model: GPT2LMHeadModel, settings: Settings) -> None:
        self.model, self.settings, self.seconds, self.steps = model, settings, 0.0, 0
        self.best = math.inf
        matrices = [w for name, w in model.named_parameters() if ".h." in name and w.dim() == 2]
        others = [w for name, w in model.named_parameters() if ".h." not in name or w.dim() != 2]
        decay = settings.weight_decay
        muon = torch.optim.Muon(matrices, lr=settings.muon_rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
        groups = [
            {"params": [w for w in others if w.dim() == 2], "weight_decay": decay},
            {"params": [w for w in others if w.dim() == 1], "weight_decay": 0.0},
        ]
        adamw = torch.optim.AdamW(groups, lr=settings.adamw_rate, betas=(0.9, 0.95), fused=True)
        self.optimizers = {muon: settings.muon_rate, adamw: settings.adamw_rate}

    @property
    def spent(self) -> float:
        """Share of the time budget that is gone."""
        return self.seconds / (60 * self.settings.minutes)

    def step(self, ids: torch.Tensor) -> float:
        """One update on a batch; returns its loss. The rate warms up, then falls to zero along a cosine."""
        began = time.monotonic()
        warm = min(1.0, self.spent / self.settings.warmup_share)
        factor = warm * (1 + math.cos(math.pi * min(1.0, self.spent))) / 2
        loss = loss_of(self.model, ids)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer, rate in self.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = rate * factor
            optimizer.step()
            optimizer.zero_grad()
        self.steps += 1
        self.seconds += time.monotonic() - began
        return loss.item()

    def save(self, path: Path) -> None:
        """Write what `load` needs, whole or not at all."""
        state = {
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "clock": (self.seconds, self.steps, self.best),
        }
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)

    def load(self, path: Path) -> None:
        """Go on from what `save` wrote."""
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        self.seconds, self.steps, self.best = state["clock"]


def save_model(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """An ordinary Hugging Face folder: fp16 weights, the activation under its usual name for GPT-2."""
    config = GPT2Config.from_dict(model.config.to_dict() | {"activation_function": "gelu_new"})
    kept = GPT2LMHeadModel(config)
    kept.load_state_dict(model.state_dict())
    kept.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    # transformers 5 names a class that older versions, and other readers, do not know.
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def train(settings: Settings, work: Path, out: Path) -> None:
    """Train until the minutes are gone, keeping in `out` the weights with the lowest validation loss."""
    torch.manual_seed(settings.seed)
    work.mkdir(parents=True, exist_ok=True)
    entries = read_split("train")
    tokenizer = train_tokenizer(entries, settings)
    (end,) = tokenizer(END)["input_ids"]
    held_out = tokenizer(read_split("validation"))["input_ids"]
    stream = torch.tensor([token for ids in held_out for token in (*ids, end)])
    learner, checkpoint = Learner(new_model(settings, end), settings), work / "checkpoint.pt"
    if checkpoint.is_file():
        learner.load(checkpoint)
    order = random.Random(settings.seed + learner.steps)
    next_check = learner.seconds + settings.seconds_between_checks
    learner.model.train()
    for batch in windows(tokenizer(entries)["input_ids"], end, settings, order):
        loss = learner.step(batch)
        if learner.steps % 50 == 0:
            print(f"step {learner.steps}: loss {loss:.3f}, {learner.seconds / 60:.1f} min", flush=True)
        if learner.seconds >= next_check or learner.spent >= 1:
            next_check += settings.seconds_between_checks
            reached = validation_loss(learner.model, stream)
            print(f"step {learner.steps}: validation loss {reached:.4f}", flush=True)
            if reached < learner.best:
                learner.best = reached
                save_model(learner.model, tokenizer, out)
            learner.save(checkpoint)
        if learner.spent >= 1:
            return


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description="Train the starter model `definition-writer`.")
    parser.add_argument("--minutes", type=float, default=Settings.minutes, help="how long to train")
    parser.add_argument("--work", type=Path, required=True, help="a folder for the checkpoint; resumed if it has one")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    torch.set_num_threads(1)
    train(Settings(minutes=options.minutes), options.work, options.out)


if __name__ == "__main__":
    main()
