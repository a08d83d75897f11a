"""A model in memory on its way from the original to what is saved."""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import Refused
from engine.models.families import Family, family_of
from engine.models.headers import weight_files
from engine.models.profile import Profile, Storage, padding_of, read_config, read_profile

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


Fit = Callable[["PreTrainedModel", dict[str, "torch.Tensor"]], Mapping[str, object]]


@dataclass(frozen=True)
class Model:
    """`network` in eval mode and 32 bits, with what is needed to write it again.

    `folder` is where config and tokenizer came from; `saved` is set once the model was written as
    `storage` says, so that what was tried is what is shipped.
    """

    network: PreTrainedModel
    profile: Profile
    family: Family
    folder: Path
    saved: Path | None = None

    @property
    def storage(self) -> Storage:
        """How it is to be written."""
        return self.profile.storage

    def with_profile(self, profile: Profile) -> Model:
        """The same network, described anew; what was saved before no longer counts."""
        return replace(self, profile=profile, saved=None)

    def copy(self) -> Model:
        """A deep copy of the network, so that a step can be taken back."""
        return replace(self, network=copy.deepcopy(self.network))


def open_model(
    folder: Path,
    auto_class: str = "AutoModelForSequenceClassification",
    *,
    trust: bool = False,
    labels: tuple[str, ...] = (),
    seed: int = 0,
) -> Model:
    """Load a resolved folder with a class of `transformers`, on the CPU, in 32 bits.

    With `labels`, a new head for them replaces the old one (or the missing one), random from `seed`.
    Raises `Refused` where the weights do not fit the config or hold NaN.
    """
    import torch
    import transformers

    profile = read_profile(folder)
    extra = {}
    if labels:
        extra = {
            "id2label": dict(enumerate(labels)),
            "label2id": {label: index for index, label in enumerate(labels)},
            "ignore_mismatched_sizes": True,
        }
    try:
        with quiet(), torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            network = getattr(transformers, auto_class).from_pretrained(
                folder,
                dtype=torch.float32,
                local_files_only=True,
                trust_remote_code=trust,
                use_safetensors=True,
                **extra,
            )
    except Exception as error:
        first_line = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise Refused(
            f"The model in {folder} could not be loaded: {first_line} Check that config.json belongs to these weights."
        ) from error
    broken = [name for name, value in network.state_dict().items() if not torch.isfinite(value.float()).all()]
    if broken:
        raise Refused(f"The weights in {folder} hold NaN or infinite numbers (in {broken[0]}). Get an undamaged copy.")
    network.eval()
    name_padding(network, read_config(folder))
    if labels:
        profile = profile.with_head(labels)
    return Model(network=network, profile=profile, family=_family_in(network, profile), folder=folder)


def name_padding(network: PreTrainedModel, config: dict[str, Any]) -> None:
    """Let a classifier know which token pads, as `Encoder` reads it off config.json (`config`).

    Without one, `transformers` answers no batch of a decoder's.
    """
    if type(network).__name__.endswith("ForSequenceClassification"):
        network.config.pad_token_id = padding_of(config)


def auto_class_of(config: dict[str, Any]) -> str:
    """The class of `transformers` that opens a saved folder, from the architecture that its config names."""
    name = str((config.get("architectures") or [""])[0])
    if name.endswith("ForSequenceClassification"):
        return "AutoModelForSequenceClassification"
    return "AutoModelForCausalLM" if name.endswith(("ForCausalLM", "LMHeadModel")) else "AutoModel"


def _family_in(network: PreTrainedModel, profile: Profile) -> Family:
    """The family, its names without the body's where the network is the body alone."""
    family = family_of(profile.model_type)
    return family if hasattr(network, family.body) else family.bare


def open_kept(folder: Path, fit: Fit = lambda network, weights: {}) -> Model:
    """Load weights that a run kept, also those with fewer heads than config.json can say.

    `fit` gives a network built from config.json whatever else a step put into it, by the names of its weights.
    """
    import transformers
    from safetensors.torch import load_file

    from engine.models.surgery import fit_attention, heads_left

    profile = read_profile(folder)
    weights = {name: value for path in weight_files(folder) for name, value in load_file(path).items()}
    with quiet():
        network = getattr(transformers, auto_class_of(read_config(folder))).from_config(
            transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
        )
    family = _family_in(network, profile)
    uneven = fit_attention(network, family, weights)
    heads = heads_left(network, family)
    uneven |= bool(fit(network, weights))
    network.load_state_dict(weights)
    network.eval()
    if uneven:
        shared = heads * profile.head_groups // profile.heads
        update = {"heads": heads, "kv_heads": shared, "uneven": True, "loads_plainly": False}
        profile = profile.model_copy(update=update)
    return Model(network=network, profile=profile, family=family, folder=folder)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' bars and advice off the terminal; what matters is said by us."""
    from transformers.utils import logging

    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()
