"""Models on the Hub that people ask for by name, so that nobody has to know how to spell them. Light: no torch.

Parameters count a tied output head once; the download is the weights' file alone (a tokenizer adds up to
11 MB). Both are what the shapes in each config.json come to, which the tests work out again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from engine.device import free_memory, this_machine
from engine.models.memory import Memory, export_memory
from engine.models.profile import RuntimeName
from engine.technique import Frozen

Use = Literal["writes", "finds", "sorts"]
Fit = Literal["fits", "close programs", "too large"]

TASKS: dict[Use, str] = {
    "writes": "language modelling",
    "finds": "sentence similarity",
    "sorts": "classification",
}
PURPOSES: dict[Use, str] = {
    "writes": "Goes on writing a text; with labelled data it can be taught to sort texts.",
    "finds": "Turns texts into vectors, so that what is alike is found.",
    "sorts": "Knows a language but no labels yet: it is taught those of your data first.",
}


class WellKnown(Frozen):
    """A model on the Hub, before anything of it was fetched."""

    name: str
    """As the Hub has it, and as a recipe says it."""
    title: str
    use: Use
    parameters: int
    download_bytes: int
    stored_bits: Literal[32, 16] = 32

    @property
    def task(self) -> str:
        """What it is made for; data with labels make a classifier of each."""
        return TASKS[self.use]

    @property
    def memory(self) -> Memory:
        """What a run without training holds at its fullest (`engine.preflight` has it to a batch's width)."""
        runtimes: tuple[RuntimeName, ...] = ("openvino",) if self.use == "writes" else ("onnxruntime", "openvino")
        return export_memory(self.parameters, self.stored_bits, runtimes)

    @property
    def fit(self) -> Fit:
        """Whether this machine's memory holds such a run."""
        if self.memory.peak > this_machine().memory:
            return "too large"
        return "close programs" if self.memory.peak > free_memory() else "fits"

    @property
    def fit_in_words(self) -> str:
        """The same as a clause, with the figures that it rests on."""
        needed = f"needs about {self.memory.peak / 1e9:.1f} GB of memory"
        return {
            "fits": f"{needed}: fits here",
            "close programs": f"{needed}, {free_memory() / 1e9:.1f} GB are free: close other programs first",
            "too large": f"{needed}, this machine has {this_machine().memory / 1e9:.1f} GB: too large",
        }[self.fit]

    @property
    def in_words(self) -> str:
        """What to know before it is chosen, in a few sentences."""
        memory = self.memory
        there = (
            "is on this computer already" if self.is_here else f"{_size(self.download_bytes)}, from the network, once"
        )
        taught = " Teaching it your labels takes more, for what a batch leaves." if self.use == "sorts" else ""
        beside = f", {memory.beside / 1e9:.1f} GB while its file is read" if memory.beside else ""
        return (
            f"{PURPOSES[self.use]} {self.name}: {self.parameters / 1e6:,.0f} million numbers; {there}. "
            f"A run {self.fit_in_words} ({memory.weights / 1e9:.1f} GB in 32 bits, held {memory.copies} times{beside}, "
            f"and {memory.libraries / 1e9:.1f} GB for libraries).{taught}"
        )

    @property
    def download_in_words(self) -> str:
        """How much is fetched: "548 MB", or that nothing is."""
        return "here already" if self.is_here else _size(self.download_bytes)

    @property
    def is_here(self) -> bool:
        """Whether it lies in the Hub's cache on this computer."""
        from huggingface_hub import constants

        folder = Path(constants.HF_HUB_CACHE) / f"models--{self.name.replace('/', '--')}" / "snapshots"
        return any(
            (snapshot / "config.json").is_file() and any(path.is_file() for path in snapshot.glob("*.safetensors"))
            for snapshot in folder.glob("*")
        )


def well_known(name: str) -> WellKnown | None:
    """The model of that name, or None."""
    return next((model for model in WELL_KNOWN if model.name == name), None)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


WELL_KNOWN = (
    WellKnown(
        name="distilbert/distilgpt2",
        title="DistilGPT-2, 82 M",
        use="writes",
        parameters=81_912_576,
        download_bytes=352_824_413,
    ),
    WellKnown(
        name="openai-community/gpt2",
        title="GPT-2, 124 M",
        use="writes",
        parameters=124_439_808,
        download_bytes=548_105_171,
    ),
    WellKnown(
        name="openai-community/gpt2-medium",
        title="GPT-2 medium, 355 M",
        use="writes",
        parameters=354_823_168,
        download_bytes=1_519_984_962,
    ),
    WellKnown(
        name="openai-community/gpt2-large",
        title="GPT-2 large, 774 M",
        use="writes",
        parameters=774_030_080,
        download_bytes=3_247_159_078,
    ),
    WellKnown(
        name="openai-community/gpt2-xl",
        title="GPT-2 XL, 1.6 B",
        use="writes",
        parameters=1_557_611_200,
        download_bytes=6_431_829_964,
    ),
    WellKnown(
        name="HuggingFaceTB/SmolLM2-135M",
        title="SmolLM2, 135 M",
        use="writes",
        parameters=134_515_008,
        download_bytes=269_060_552,
        stored_bits=16,
    ),
    WellKnown(
        name="HuggingFaceTB/SmolLM2-360M",
        title="SmolLM2, 360 M",
        use="writes",
        parameters=361_821_120,
        download_bytes=723_674_912,
        stored_bits=16,
    ),
    WellKnown(
        name="HuggingFaceTB/SmolLM2-1.7B",
        title="SmolLM2, 1.7 B",
        use="writes",
        parameters=1_711_376_384,
        download_bytes=3_422_777_952,
        stored_bits=16,
    ),
    WellKnown(
        name="Qwen/Qwen3-0.6B",
        title="Qwen3, 0.6 B",
        use="writes",
        parameters=596_049_920,
        download_bytes=1_503_300_328,
        stored_bits=16,
    ),
    WellKnown(
        name="sentence-transformers/all-MiniLM-L6-v2",
        title="all-MiniLM-L6-v2, 23 M",
        use="finds",
        parameters=22_713_216,
        download_bytes=90_868_376,
    ),
    WellKnown(
        name="distilbert/distilbert-base-uncased",
        title="DistilBERT, 66 M",
        use="sorts",
        parameters=66_362_880,
        download_bytes=267_954_768,
    ),
    WellKnown(
        name="FacebookAI/roberta-base",
        title="RoBERTa base, 125 M",
        use="sorts",
        parameters=124_645_632,
        download_bytes=498_818_054,
    ),
)
"""By use, then by family and size."""
