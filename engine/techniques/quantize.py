"""Fewer bits a number: 32, 16 or 8, for the runtime that is fastest for the aim on this machine.

8 bits: per-channel weights; calibrated activations in OpenVINO (NNCF's post-training quantization,
arXiv:2002.08679), activations scaled anew for each batch in ONNX Runtime, weights only in torch
(torchao). 16 bits: bf16 or fp16, whichever this machine computes in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from engine.models.profile import Profile, RuntimeName, Storage
from engine.runtimes import RUNTIMES, runtime_named
from engine.technique import Estimate, Options, Slider, Technique

if TYPE_CHECKING:
    from engine.context import Context
    from engine.models.model import Model

Aim = Literal["balanced", "latency", "throughput"]


class Quantize(Technique):
    """Store and compute with fewer bits."""

    name: ClassVar[str] = "quantize"
    title: ClassVar[str] = "Smaller numbers"
    technical: ClassVar[str] = "quantization"
    summary: ClassVar[str] = (
        "Writes every number of the model with fewer digits. 8 bits make the file about four times smaller "
        "and usually two to five times faster; a few answers near a tie may change. "
        "Leave it at 32 bits only if every answer must stay exactly the same."
    )
    source: ClassVar[str] = "Jacob et al. 2018, arXiv:1712.05877; NNCF, arXiv:2002.08679"
    last: ClassVar[bool] = True

    bits: Annotated[
        Literal[32, 16, 8],
        Options(
            {32: "32 bits (as it is)", 16: "16 bits", 8: "8 bits"},
            title="Bits a number",
            help="8 bits: a quarter of the size. 16 bits: half, with hardly any change in the answers.",
        ),
    ] = 8
    aim: Annotated[
        Aim,
        Options(
            {"balanced": "both alike", "latency": "one text as soon as possible", "throughput": "many texts an hour"},
            title="Fast at what",
            help="What 'fastest' means when the engine chooses: answering one text, a batch of texts, or both.",
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
            help="How many training texts are read to learn the range of each number (OpenVINO, 8 bits).",
        ),
    ] = 128

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
        runtime = runtime_named(left.storage.runtime)
        speed = runtime.forecast(left)
        if self.bits == 32:
            line = "Every number stays as it is: same answers, same size; the speed is the runtime's."
        elif self.bits == 16:
            line = "Half the digits: about half the file; answers hardly change."
        else:
            line = "A quarter of the digits: about a quarter of the file; a few close answers may change."
        return Estimate(
            size_bytes=runtime.stored_bytes(left),
            size_error=runtime.size_error(left),
            speed=speed,
            quality="Only measuring will tell." if self.bits < 32 else "The same answers, but for rounding.",
            line=line,
            loads_plainly=left.loads_plainly,
        )

    def apply(self, model: Model, context: Context) -> Model:
        """Write the model for each candidate runtime and keep the fastest that stays above the floor."""
        from engine.methods.routes import keep_best_route

        return keep_best_route(model, self, context)

    def stored(self, profile: Profile, runtime: RuntimeName) -> Profile:
        """The same model, to be written for `runtime` in this many bits."""
        storage = Storage(runtime=runtime, bits=self.bits)
        plainly = not profile.uneven and runtime == "torch"
        return profile.model_copy(update={"storage": storage, "loads_plainly": plainly})

    def _merit(self, profile: Profile, name: RuntimeName) -> float:
        low, high = runtime_named(name).speed[self.bits]
        return {"balanced": low * high, "latency": high, "throughput": low}[self.aim]
