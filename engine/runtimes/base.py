"""A runtime: how a saved folder is written, loaded and run. Knows no technique.

Each runtime is one file. Its light half (name, what it can hold, how many bytes it takes, how fast
it was seen to be) is read by estimates; its heavy half imports its library inside `save` and `load`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from engine.errors import Refused
from engine.models.parts import Part
from engine.models.profile import Profile, RuntimeName
from engine.technique import UNKNOWN_SIZE, Estimate, Forecast

if TYPE_CHECKING:
    import numpy as np

    from engine.models.model import Model

Batch = Mapping[str, "np.ndarray"]
"""Input name ("input_ids", "attention_mask", …) → int64 array [texts, tokens]."""
Session = Callable[[Batch], "np.ndarray"]
"""A loaded model: a batch in, its first output in float32 out: logits [texts, labels], or states [texts, tokens, …]."""
SIZE_ERROR = 0.02
LEAST_COVERAGE = 0.9
"""Share of the weights that must have become narrow."""
BASIS = "measured on a 2-core machine with AVX512-VNNI"


class Writer(ABC):
    """A loaded causal language model, one text at a time, with a key-value cache. All ids are int64."""

    vocabulary: int
    """How many logits a token gets."""
    longest: int
    """How many tokens a text may have, what is written included."""

    @abstractmethod
    def logits(self, ids: np.ndarray) -> np.ndarray:
        """[windows, tokens] → float32 [windows, tokens, vocabulary]; without the cache, which stays as it was."""

    @abstractmethod
    def start(self, ids: np.ndarray) -> np.ndarray:
        """[tokens]: forget the text before, read this prompt → float32 [vocabulary] of the next token."""

    @abstractmethod
    def step(self, token: int) -> np.ndarray:
        """Read one token more → float32 [vocabulary] of the next."""

    def _must_fit(self, tokens: int) -> None:
        if tokens < 1:
            raise Refused("There is no token to go on from. Type a text first.")
        if tokens > self.longest:
            raise Refused(
                f"The text would have {tokens} tokens, but this model can take {self.longest} at most. Shorten it."
            )


def longest_text(config: Mapping[str, Any]) -> int:
    """Tokens that a text may have by a config.json: positions, or the window that attention looks back over."""
    positions = config.get("max_position_embeddings") or config.get("n_positions") or 0
    window = config.get("sliding_window") if config.get("use_sliding_window", True) else None
    if not isinstance(positions, int) or positions < 1:
        raise Refused("config.json does not say how many positions the model has. Copy or download the model again.")
    return min(positions, window) if isinstance(window, int) else positions


class Runtime(ABC):
    """One way to run a saved folder."""

    name: ClassVar[RuntimeName]
    title: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    """What must be installed for it."""
    marker: ClassVar[str]
    """The file by which a folder of this runtime is known."""
    uncertain_bytes: ClassVar[int]
    """How far `stored_bytes` may be off besides the weights: a graph's text grows with its numbers' digits."""
    speed: ClassVar[dict[int, tuple[float, float]]]
    """Bits → how many times as fast as torch in 32 bits, lowest and highest seen (batch 1 and 32)."""

    writing_speed: ClassVar[dict[int, tuple[float, float]]] = {}
    """The same for text generators: prompts read and tokens written."""

    def missing(self) -> str | None:
        """A sentence naming what is not installed, or None if it can be used."""
        absent = [package for package in self.packages if find_spec(package) is None]
        if not absent:
            return None
        return f"{self.title} is not installed here (missing: {', '.join(absent)}). Install it with pip."

    def holds(self, folder: Path) -> bool:
        """Whether `folder` is one of this runtime."""
        return (folder / self.marker).is_file()

    def refusal(self, profile: Profile) -> str | None:
        """Why a model of this profile cannot be kept in this runtime, or None."""
        return None

    def forecast(self, profile: Profile) -> Forecast:
        """How fast a folder of this profile will be beside the original in torch fp32."""
        low, high = self.speed_of(profile)
        work = profile.original_work / max(profile.work, 1)
        return Forecast(
            low=low * (0.5 + 0.5 * work),
            high=high * work,
            certainty="estimated",
            basis=f"{self.title} at {profile.storage.bits} bits, {BASIS}, times the work that is left",
        )

    def speed_of(self, profile: Profile) -> tuple[float, float]:
        """How many times as fast as torch in 32 bits at the same work, lowest and highest seen; 1 where never seen."""
        table = self.writing_speed if profile.writes else self.speed
        return table.get(profile.storage.bits, (1.0, 1.0))

    def size_error(self, profile: Profile) -> float:
        """How far `stored_bytes` may be off (relative): 2 %, and more only where there is hardly any weight."""
        return max(SIZE_ERROR, self.uncertain_bytes / self.stored_bytes(profile))

    def estimate(
        self,
        left: Profile,
        *,
        line: str,
        quality: str = "Only measuring will tell.",
        speed: Forecast | None = None,
        unsure: float = 0.0,
    ) -> Estimate:
        """What a card says of a step that leaves `left`: size by counting, speed by the work that is left.

        `line` is the step's own sentence; `unsure` is how far it may be off (relative) besides the runtime's own error.
        """
        return Estimate(
            size_bytes=self.stored_bytes(left),
            size_error=min(self.size_error(left) + unsure + (UNKNOWN_SIZE if left.unknown else 0.0), 0.99),
            speed=speed or self.forecast(left),
            quality=quality,
            line=line,
            loads_plainly=left.loads_plainly,
        )

    @abstractmethod
    def stored_bytes(self, profile: Profile) -> int:
        """Bytes of a whole saved folder of this profile (weights, graph, tokenizer, config)."""

    @abstractmethod
    def save(self, model: Model, folder: Path, calibration: Sequence[Batch], progress: Callable[[str], None]) -> None:
        """Write `model` as `model.storage` says. `calibration` is a sample of real batches for 8 bits."""

    @abstractmethod
    def load(self, folder: Path, threads: int, *, full_precision: bool = False) -> Session:
        """Load a saved folder on the CPU with `threads` threads, ready to answer.

        `full_precision` computes in 32 bits whatever is stored: so the original is run.
        """

    def load_writer(self, folder: Path, threads: int, *, full_precision: bool = False) -> Writer:
        """Load a saved folder of a causal language model on the CPU; as `load` otherwise."""
        raise Refused(f"{self.title} cannot run text generators here yet. Choose OpenVINO or PyTorch.")


def as_exported(profile: Profile) -> Profile:
    """Without the pooler of an encoder that gives hidden states: nothing reads it, so graphs do without."""
    if profile.kind != "encoder" or profile.has_head:
        return profile
    return profile.model_copy(update={"head": Part()})


def check_coverage(title: str, coverage: float, bits: int, instead: str, *, of: str = "the weights") -> None:
    """Raise `Refused` where a runtime's library narrowed less of a model than was asked, without a word."""
    if coverage < LEAST_COVERAGE:
        raise Refused(
            f"{title} could write only {coverage:.0%} of {of} in {bits} bits, so the file would hardly shrink. "
            f"Choose {instead}."
        )
