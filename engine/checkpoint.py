"""Where training stands, on disk: so that it goes on from there after a kill.

Kept under the home's `checkpoints`, named by what is trained; read with torch's `weights_only`,
which runs no code.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.files import home
from engine.run import Quality

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass
class State:
    """Where training stands: steps done, progress (0 to 1) at the last look, seconds, and the best weights seen."""

    best_weights: dict[str, torch.Tensor]
    step: int = 0
    looked: float = 0.0
    seconds: float = 0.0
    best: float = float("-inf")
    vain: int = 0
    """Looks at validation data since the last gain."""
    quality: Quality | None = None


class Checkpoint:
    """One file for one training, written whole or not at all."""

    def __init__(self, key: str) -> None:
        self.path = home() / "checkpoints" / f"{key}.pt"

    def write(self, network: nn.Module, optimizer: Any, state: State) -> None:
        """Keep where training stands."""
        import torch

        self.path.parent.mkdir(parents=True, exist_ok=True)
        values = {**vars(state), "quality": state.quality and state.quality.model_dump()}
        building = self.path.with_suffix(f".{os.getpid()}")
        torch.save(
            {
                "network": network.state_dict(),
                "optimizer": optimizer.state_dict(),
                "state": values,
                "chance": torch.get_rng_state(),
            },
            building,
        )
        os.replace(building, self.path)

    def read(self, network: nn.Module, optimizer: Any) -> State | None:
        """Put network and optimizer back to where they stood; None where nothing usable was kept."""
        import torch

        if not self.path.is_file():
            return None
        try:
            kept = torch.load(self.path, map_location="cpu", weights_only=True)
            network.load_state_dict(kept["network"])
            optimizer.load_state_dict(kept["optimizer"])
            torch.set_rng_state(kept["chance"])  # dropout goes on as it would have
            values = kept["state"]
            quality = Quality.model_validate(values["quality"]) if values["quality"] else None
            return State(**{**values, "quality": quality})
        except Exception:  # cut off while it was written, or of another version: then from the beginning
            self.forget()
            return None

    def forget(self) -> None:
        """What is done needs no checkpoint."""
        with contextlib.suppress(OSError):
            self.path.unlink()


def weights_of(network: nn.Module) -> dict[str, torch.Tensor]:
    """A copy of all weights."""
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
