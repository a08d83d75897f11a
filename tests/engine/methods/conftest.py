"""Tiny networks of three families with random weights, the linear layers in them, and batches to run."""

import csv
import random
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from engine.context import Context
from engine.data.reading import load
from engine.data.splits import Budget
from engine.models.model import Model, open_model
from engine.recipe import DataSource
from engine.tasks import task_named

BEGUN = ("classification", "language modelling", "sentence similarity")
INSIDE = {"gpt2": "transformer.h.", "llama": "model.layers.", "bert": "encoder.layer."}


def network_of(kind: str, layers: int = 2) -> nn.Module:
    torch.manual_seed(0)
    if kind == "gpt2":
        return GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=16, n_layer=layers, n_head=2, n_positions=32)).eval()
    # A feed-forward width of 22 is no multiple of 4.
    sizes = {"hidden_size": 16, "num_hidden_layers": layers, "num_attention_heads": 2, "intermediate_size": 22}
    if kind == "llama":
        return LlamaForCausalLM(LlamaConfig(vocab_size=50, num_key_value_heads=1, **sizes)).eval()
    return BertModel(BertConfig(vocab_size=50, **sizes)).eval()


def layers_in(network: nn.Module, inside: str) -> list[tuple[str, nn.Module]]:
    return [
        (name, module)
        for name, module in network.named_modules()
        if name.startswith(inside) and type(module).__name__ in ("Linear", "Conv1D")
    ]


def batches(count: int = 3, mask: torch.Tensor | None = None) -> list[dict[str, torch.Tensor]]:
    """Batches of four texts of nine tokens."""
    draw = torch.Generator().manual_seed(1)
    given = {} if mask is None else {"attention_mask": mask}
    return [{"input_ids": torch.randint(0, 50, (4, 9), generator=draw), **given} for _ in range(count)]


def correlated(inputs: int, tokens: int = 400) -> torch.Tensor:
    """Inputs [tokens, inputs] that depend on each other and differ in scale, as activations do."""
    draw = torch.Generator().manual_seed(0)
    hidden = torch.randn(tokens, inputs // 2, generator=draw) @ torch.randn(inputs // 2, inputs, generator=draw)
    return (hidden + 0.3 * torch.randn(tokens, inputs, generator=draw)) * torch.logspace(-1, 1, inputs)


@pytest.fixture(scope="session")
def tiny() -> SimpleNamespace:
    """The makers above."""
    return SimpleNamespace(
        inside=INSIDE, network_of=network_of, layers_in=layers_in, batches=batches, correlated=correlated
    )


@pytest.fixture(params=INSIDE)
def kind(request: pytest.FixtureRequest) -> str:
    """Each of the families in turn."""
    return request.param


@pytest.fixture(scope="session")
def task_data(tiny_models, tmp_path_factory):
    """Task → little of it."""
    place = tmp_path_factory.mktemp("data")
    rows = tiny_models.texts(400)
    text = place / "text.txt"
    words = [one for one, _ in tiny_models.texts(2500)]
    random.Random(1).shuffle(words)
    text.write_text("\n".join(" ".join(words[at : at + 12]) for at in range(0, len(words), 3)))
    pairs = place / "pairs.csv"
    with pairs.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["query", "answer"])
        writer.writerows((one, f"{label} {number}") for number, (one, label) in enumerate(rows))
    paths = (tiny_models.write_csv(place / "texts.csv", rows), text, pairs)
    many, few = Budget(train=64, validation=40, test=40), Budget(train=24, validation=12, test=12)
    return {
        task: load(DataSource(path=str(path)), None, 0, budget)
        for task, path, budget in zip(BEGUN, paths, (many, few, many), strict=True)
    }


@pytest.fixture
def begin(task_data, tmp_path):
    """A function that opens a folder for a task, and gives it with a context to learn in."""

    def opened(folder: Path, name: str) -> tuple[Model, Context]:
        task, scratch = task_named(name), tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)

        def teacher() -> Model:
            return open_model(folder, task.auto_class)

        data = task_data[name]
        return teacher(), Context(lambda _: None, lambda: False, data, task, scratch, seed=3, teacher=teacher)

    return opened
