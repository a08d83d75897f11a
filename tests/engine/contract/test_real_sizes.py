"""At sizes that people use, the estimate is within 2 % for every runtime and width."""

import pytest

from engine.artifact import size_of
from engine.methods.routes import calibration_batches, save_as
from engine.models.model import open_model
from engine.models.profile import read_profile
from engine.techniques.quantize import Quantize

SIZES = {"bert": (6, 30_000), "distilbert": (4, 16_000), "roberta": (4, 8_000)}


def test_two_percent_at_real_sizes(family, workshop, row_case):
    layers, vocabulary = SIZES[family]
    sizes = {"hidden": 256, "heads": 4, "feed_forward": 1024}
    folder = workshop.original(family, layers=layers, vocabulary=vocabulary, **sizes)
    model, context = open_model(folder), workshop.context(row_case(Quantize, family))
    calibration = calibration_batches(model, context, 4)
    for runtime in ("torch", "onnxruntime", "openvino"):
        for bits in (32, 16, 8):
            technique = Quantize(bits=bits, runtime=runtime)
            estimate = technique.estimate(model.profile)
            saved = save_as(model.with_profile(technique.stored(model.profile, runtime)), calibration, context)
            assert estimate.size_error == 0.02, (runtime, bits)
            assert estimate.size_bytes == pytest.approx(size_of(saved.saved), rel=0.02), (runtime, bits)


def test_the_original_is_as_large_as_its_profile_says(family, workshop, row_case):
    layers, vocabulary = SIZES[family]
    folder = workshop.original(family, layers=layers, vocabulary=vocabulary, hidden=256, heads=4, feed_forward=1024)
    weights = (folder / "model.safetensors").stat().st_size
    assert read_profile(folder).original_bytes == pytest.approx(weights, rel=0.02)
