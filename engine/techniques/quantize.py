"""Fewer bits a number: 32, 16, 8 or 4, for the runtime that is fastest for the aim on this machine.

8 bits: per-channel weights; calibrated activations in OpenVINO (NNCF's post-training quantization,
arXiv:2002.08679), activations scaled anew for each batch in ONNX Runtime, weights only in torch
(torchao). OpenVINO with decoders or on request, and 4 bits in any model: weights only (NNCF). 16 bits: bf16 or fp16,
whichever this machine computes in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from engine.models.profile import Profile, RuntimeName, Storage
from engine.runtimes import RUNTIMES, runtime_named
from engine.runtimes.decoder_size import misfits
from engine.technique import Estimate, Options, Slider, Technique, Toggle

if TYPE_CHECKING:
    from engine.context import Context
    from engine.models.model import Model

Aim = Literal["balanced", "latency", "throughput"]
Method = Literal["round-to-nearest", "awq", "gptq", "scale estimation"]


class Quantize(Technique):
    """Store and compute with fewer bits."""

    name: ClassVar[str] = "quantize"
    title: ClassVar[str] = "Smaller numbers"
    technical: ClassVar[str] = "quantization"
    summary: ClassVar[str] = (
        "Writes every number of the model with fewer digits. 8 bits make the file about four times smaller "
        "and usually two to five times faster; a few answers near a tie may change. "
        "4 bits halve it once more, which small models pay for in quality. "
        "Leave it at 32 bits only if every answer must stay exactly the same."
    )
    source: ClassVar[str] = "Jacob et al. 2018, arXiv:1712.05877; NNCF, arXiv:2002.08679"
    last: ClassVar[bool] = True

    bits: Annotated[
        Literal[32, 16, 8, 4],
        Options(
            {32: "32 bits (as it is)", 16: "16 bits", 8: "8 bits", 4: "4 bits"},
            title="Bits a number",
            help="16 bits: half the size, with hardly any change in the answers. 8 bits: a quarter. "
            "4 bits: an eighth, and a scale for every few weights; a small model answers worse for it.",
        ),
    ] = 8
    aim: Annotated[
        Aim,
        Options(
            {"balanced": "both alike", "latency": "one answer, or word, at a time", "throughput": "many texts at once"},
            title="Fast at what",
            help="What 'fastest' means when the engine chooses. One at a time: how soon a text is answered, or the "
            "next word written. Many at once: how much is answered, or read, in an hour. Or both alike.",
        ),
    ] = "balanced"
    runtime: Annotated[
        Literal["auto", "torch", "onnxruntime", "openvino"],
        Options(
            {
                "auto": "try them, keep the best",
                "torch": "PyTorch",
                "onnxruntime": "ONNX Runtime",
                "openvino": "OpenVINO",
            },
            title="Made for",
            help="The library that will run the exported folder. 'Try them' measures each on this machine.",
            more=True,
        ),
    ] = "auto"
    calibration_texts: Annotated[
        int,
        Slider(
            16,
            1024,
            step=16,
            unit="texts",
            title="Calibration texts",
            more=True,
            help="How many training texts are read to learn the range of each number (OpenVINO, 8 bits), "
            "or what each weight matters for (4 bits, but for rounding to the nearest).",
        ),
    ] = 128
    group_size: Annotated[
        Literal[32, 64, 128],
        Options(
            {32: "32 weights", 64: "64 weights", 128: "128 weights"},
            title="Weights that share a scale",
            help="4 bits: fewer weights to a scale are closer to the original, and weigh more (32: 0.6 bytes a weight, "
            "128: 0.52). Where a row cannot be divided so, half as many share one.",
            more=True,
        ),
    ] = 64
    weights_only: Annotated[
        bool,
        Toggle(
            title="Weights alone",
            help="8 bits only: what is stored is narrow, and the runtime computes as it sees fit. Answers are closer "
            "to the original's, an embedder's above all; batches gain less speed. OpenVINO and PyTorch only; text "
            "generators are always written so.",
            more=True,
        ),
    ] = False
    vocabulary_bits: Annotated[
        Literal[8, 4],
        Options(
            {4: "4 bits as well", 8: "8 bits"},
            title="Vocabulary at",
            help="4 bits only: what word embeddings (and the output head of a text generator) get. They are a fifth to "
            "a half of a small model, and lose little at 4 bits.",
            more=True,
        ),
    ] = 4
    method: Annotated[
        Method,
        Options(
            {
                "round-to-nearest": "round each to the nearest",
                "awq": "spare the weights that matter (AWQ)",
                "gptq": "mend each error in the next weights (GPTQ)",
                "scale estimation": "find better scales",
            },
            title="How 4 bits are found",
            help="All but rounding read calibration texts and take minutes rather than seconds (4 bits only).",
            more=True,
        ),
    ] = "round-to-nearest"
    protected: Annotated[
        float,
        Slider(
            0.0,
            0.5,
            step=0.05,
            title="Keep at 8 bits",
            help="4 bits only: share of the layers' weights that stay at 8 bits, those that would change answers most.",
            more=True,
        ),
    ] = 0.0

    def candidates(self, profile: Profile) -> list[RuntimeName]:
        """The runtimes worth trying for this model: installed, able to hold it, and quick at these bits."""
        if self.runtime != "auto":
            return [self.runtime]
        usable = [r for r in RUNTIMES if not r.missing() and not r.refusal(self.stored(profile, r.name))]
        quick: list[RuntimeName] = [r.name for r in usable if self.bits > 8 or r.name != "torch"]
        return quick or [r.name for r in usable]

    def refusal(self, profile: Profile) -> str | None:
        """Refused where the chosen runtime is not installed or cannot hold this model."""
        names = self.candidates(profile)
        if not names:
            return "No runtime that could hold this model is installed. Install onnxruntime or openvino with pip."
        runtime = runtime_named(names[0])
        return runtime.missing() or runtime.refusal(self.stored(profile, names[0]))

    def after(self, profile: Profile) -> Profile:
        """The same parts, stored in fewer bits for the likeliest runtime."""
        names = self.candidates(profile) or ["openvino"]
        likely = max(names, key=lambda name: self._merit(profile, name))
        return self.stored(profile, likely)

    def estimate(self, profile: Profile) -> Estimate:
        """Size by arithmetic; speed from what this kind of machine showed; quality only by measuring."""
        left = self.after(profile)
        if self.bits == 32:
            line = "Every number stays as it is: same answers, same size; the speed is the runtime's."
        elif self.bits == 16:
            line = "Half the digits: about half the file; answers hardly change."
        elif self.bits == 8:
            line = "A quarter of the digits: about a quarter of the file; a few close answers may change."
        else:
            words = "" if self.vocabulary_bits == 4 else ", the vocabulary at a quarter"
            line = f"Layers at an eighth of the size{words}; answers do change, so measure." + _misfit(left)
        quality = "Only measuring will tell." if self.bits < 32 else "The same answers, but for rounding."
        return runtime_named(left.storage.runtime).estimate(left, line=line, quality=quality)

    def apply(self, model: Model, context: Context) -> Model:
        """Write the model for each candidate runtime and keep the fastest that stays above the floor."""
        from engine.methods.routes import keep_best_route

        return keep_best_route(model, self, context)

    def stored(self, profile: Profile, runtime: RuntimeName) -> Profile:
        """The same model, to be written for `runtime` in this many bits."""
        storage = Storage(runtime=runtime, bits=self.bits, weights_only=self.weights_only and self.bits == 8)
        if self.bits == 4:
            four = {"group_size": self.group_size, "vocabulary_bits": self.vocabulary_bits}
            storage = storage.model_copy(update=four | {"method": self.method, "kept": self.protected})
        plainly = not profile.uneven and runtime == "torch"
        return profile.model_copy(update={"storage": storage, "loads_plainly": plainly})

    def _merit(self, profile: Profile, name: RuntimeName) -> float:
        low, high = runtime_named(name).speed_of(self.stored(profile, name))
        return {"balanced": low * high, "latency": high, "throughput": low}[self.aim]


def _misfit(profile: Profile) -> str:
    """A sentence on rows that the wanted group does not divide, or nothing."""
    odd = misfits(profile, profile.storage.group_size)
    if not odd:
        return ""
    told = "; ".join(
        f"rows of {width} weights get groups of {group}" if group else f"rows of {width} weights keep 8 bits"
        for width, group in odd.items()
    )
    return f" Here {told}."
