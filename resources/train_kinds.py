"""Fine-tune MiniLM-L6 on the starter data set `kinds` and write the adapter and its model card.

    python -m resources.train_kinds

LoRA (Hu et al. 2021, arXiv:2106.09685) on every attention and feed-forward matrix, pooler and
classification head trained in full. The adapter on disk is replaced whenever validation accuracy
rises, so stopping early leaves the best one so far. The test set is read once, at the very end.
"""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import pyarrow.parquet as pq
import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save_file
from transformers import AutoTokenizer, get_linear_schedule_with_warmup
from transformers.models.bert.modeling_bert import BertSelfAttention

from engine.models.starter import AdaptedModel, base_folder, base_model, data_files, starter_model
from resources.kinds_model_card import write_card

Example = tuple[list[int], int]  # token ids, label index


@dataclass(frozen=True)
class Settings:
    """Hyperparameters; `chunk` is how many batches' worth of rows are sorted by length at once."""

    epochs: int = 5
    patience: int = 2
    batch_size: int = 32
    learning_rate: float = 8e-4
    weight_decay: float = 0.01
    warmup_share: float = 0.06
    lora_rank: int = 32
    lora_alpha: int = 32
    longest: int = 128
    chunk: int = 40
    seed: int = 0
    threads: int = 2


def adapted(model: AdaptedModel, settings: Settings) -> PeftModel:
    """The base model with untrained LoRA matrices, an untrained head and everything else frozen."""
    config = LoraConfig(
        task_type="SEQ_CLS",
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        target_modules=r".*encoder\.layer\..*\.(query|key|value|dense)",
        # The base's pooler was never used by its sentence embeddings: train it like the head.
        modules_to_save=["pooler"],  # to these, SEQ_CLS adds the classifier
    )
    base = base_model(model, base_folder(model))
    # Drawing random numbers for attention and LoRA's inputs too would take a third of the time.
    for module in base.modules():
        if isinstance(module, BertSelfAttention):
            module.dropout.p = 0.0
    return get_peft_model(base, config)


def read_split(model: AdaptedModel, split: str, settings: Settings) -> list[Example]:
    """One split of the model's data set, tokenized."""
    data = data_files(model.data)
    tokenizer = AutoTokenizer.from_pretrained(base_folder(model))
    table = pq.read_table(getattr(data, split)).to_pydict()
    ids = tokenizer(table[data.text_column], truncation=True, max_length=settings.longest, padding=False)["input_ids"]
    labels = [model.labels.index(label) for label in table[data.label_column]]
    return list(zip(ids, labels, strict=True))


def batches(rows: Sequence[Example], settings: Settings, order: random.Random) -> Iterator[dict]:
    """Batches in random order, each of texts of about one length, padded to its longest."""
    rows = order.sample(rows, len(rows))
    size, chunk = settings.batch_size, settings.batch_size * settings.chunk
    made = []
    for start in range(0, len(rows), chunk):
        part = sorted(rows[start : start + chunk], key=lambda row: len(row[0]))
        made += [part[at : at + size] for at in range(0, len(part), size)]
    order.shuffle(made)
    for batch in made:
        width = max(len(ids) for ids, _ in batch)
        ids = torch.tensor([ids + [0] * (width - len(ids)) for ids, _ in batch])
        mask = torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids, _ in batch])
        labels = torch.tensor([label for _, label in batch])
        yield {"input_ids": ids, "attention_mask": mask, "labels": labels}


@torch.inference_mode()
def accuracy(network: PeftModel, rows: Sequence[Example], settings: Settings) -> float:
    """Share of `rows` that the network answers correctly."""
    network.eval()
    right = 0
    for batch in batches(rows, settings, random.Random(0)):
        labels = batch.pop("labels")
        right += int((network(**batch).logits.argmax(-1) == labels).sum())
    return right / len(rows)


def save_adapter(network: PeftModel, model: AdaptedModel) -> None:
    """Write adapter_config.json and adapter_model.safetensors (fp16) to the model's folder."""
    model.adapter.mkdir(parents=True, exist_ok=True)
    network.peft_config["default"].save_pretrained(str(model.adapter))
    # Without "False", peft asks the Hub whether the embeddings were resized.
    trained = get_peft_model_state_dict(network, save_embedding_layers=False)
    weights = {name: weight.half().contiguous() for name, weight in trained.items()}
    save_file(weights, model.adapter / "adapter_model.safetensors", metadata={"format": "pt"})


def train(model: AdaptedModel, settings: Settings) -> tuple[float, int]:
    """Train, saving the best adapter; returns its validation accuracy and its epoch (from 1)."""
    torch.manual_seed(settings.seed)
    order = random.Random(settings.seed)
    rows, held_out = (read_split(model, split, settings) for split in ("train", "validation"))
    network = adapted(model, settings)
    trained = [weight for weight in network.parameters() if weight.requires_grad]
    rate, decay = settings.learning_rate, settings.weight_decay
    optimizer = torch.optim.AdamW(trained, lr=rate, weight_decay=decay)
    steps = settings.epochs * -(-len(rows) // settings.batch_size)
    schedule = get_linear_schedule_with_warmup(optimizer, int(settings.warmup_share * steps), steps)
    best, best_epoch = 0.0, 0
    for epoch in range(1, settings.epochs + 1):
        network.train()
        for batch in batches(rows, settings, order):
            with torch.autocast("cpu", torch.bfloat16):
                loss = network(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        reached = accuracy(network, held_out, settings)
        print(f"epoch {epoch}: validation accuracy {reached:.4f}", flush=True)
        if reached > best:
            best, best_epoch = reached, epoch
            save_adapter(network, model)
        elif epoch - best_epoch >= settings.patience:
            break
    return best, best_epoch


def main() -> None:
    """Train, then test what was saved and write the model card."""
    settings, model = Settings(), starter_model("kinds-minilm")
    assert isinstance(model, AdaptedModel)
    torch.set_num_threads(settings.threads)
    start = time.monotonic()
    best, epoch = train(model, settings)
    minutes = (time.monotonic() - start) / 60
    outcome = {
        "best epoch": epoch,
        "validation accuracy": f"{best:.1%}",
        "minutes": f"{minutes:.0f}",
    }
    write_card(model, asdict(settings) | outcome)


if __name__ == "__main__":
    main()
