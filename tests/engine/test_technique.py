"""Every field of every technique can be shown, and holds itself to what its control says."""

import pytest
from pydantic import ValidationError

from engine.models.profile import Profile, read_profile
from engine.technique import UNKNOWN_SIZE, Forecast, ModelName, Options, Slider, Technique, Toggle
from engine.techniques import TECHNIQUES, estimates, technique_named
from engine.techniques.distill import Distill
from engine.techniques.prune import Prune
from engine.techniques.quantize import Quantize
from engine.techniques.train_head import TrainHead

FIELDS = [(technique, name) for technique in TECHNIQUES for name in technique.model_fields]


@pytest.fixture
def profile(tiny_model) -> Profile:
    return read_profile(tiny_model("bert", layers=4))


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_a_technique_introduces_itself(technique: type[Technique]):
    assert technique_named(technique.name) is technique
    assert technique.title
    assert technique.technical
    assert technique.source
    assert technique.summary.count(". ") >= 1
    assert technique.summary.endswith(".")


def test_names_are_distinct_and_others_are_unknown():
    assert len({technique.name for technique in TECHNIQUES}) == len(TECHNIQUES)
    assert technique_named("magic") is None


@pytest.mark.parametrize(("technique", "name"), FIELDS)
def test_every_field_has_a_control(technique: type[Technique], name: str):
    control, field = technique.controls()[name], technique.model_fields[name]
    assert control.title
    assert control.help.endswith(".")
    match control:
        case Slider():
            assert control.low <= field.default <= control.high
            assert 0 < control.step <= control.high - control.low
        case Options():
            assert field.default in control.labels
            for value in control.labels:
                technique.model_validate({name: value})
        case Toggle():
            assert isinstance(field.default, bool)
        case ModelName():
            assert field.default == ""
        case _:
            pytest.fail(f"no widget shows {control}")


@pytest.mark.parametrize(("technique", "name"), FIELDS)
def test_what_lies_outside_is_refused(technique: type[Technique], name: str):
    control = technique.controls()[name]
    if isinstance(control, Slider):
        outside = [control.low - control.step, control.high + control.step, float("nan"), float("inf"), "much", None]
        for end in (control.low, control.high):
            technique.model_validate({name: end})
    else:
        outside = [None, 7] if isinstance(control, ModelName) else ["something else", None, 7]
    for value in outside:
        with pytest.raises(ValidationError):
            technique.model_validate({name: value})


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_a_technique_is_a_value(technique: type[Technique]):
    assert technique() == technique()
    assert hash(technique()) == hash(technique())
    with pytest.raises(ValidationError):
        technique().name_of_nothing = 1
    with pytest.raises(ValidationError, match="Extra inputs"):
        technique.model_validate({"no_such_field": 1})


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_an_estimate_speaks_plainly(technique: type[Technique], profile: Profile):
    found = technique().estimate(profile)
    assert found.size_bytes > 0
    assert 0 < found.size_error < 1
    assert isinstance(found.speed, Forecast)
    assert 0 < found.speed.low <= found.speed.high
    for sentence in (found.line, found.quality):
        assert sentence.endswith((".", "here."))


def test_zeros_claim_nothing(profile: Profile):
    found, nothing = Prune(structure="weights", sparsity=0.9), Prune(structure="weights", sparsity=0.0)
    assert "same file, same speed" in found.estimate(profile).line
    assert found.estimate(profile).size_bytes == nothing.estimate(profile).size_bytes
    assert found.estimate(profile).speed == nothing.estimate(profile).speed


def test_fewer_heads_say_what_they_will_not_load_with(profile: Profile):
    found = Prune(structure="attention heads", sparsity=0.5).estimate(profile)
    assert not found.loads_plainly
    assert "not with plain from_pretrained" in found.line
    kept = Prune(structure="attention heads", sparsity=0.0).estimate(profile)
    assert kept.loads_plainly


def test_estimates_follow_each_other(profile: Profile):
    steps = (Prune(sparsity=0.5), Distill(layers=0.5), Quantize(bits=8, runtime="onnxruntime"))
    found = estimates(steps, profile)
    assert [one.size_bytes for one in found] == sorted((one.size_bytes for one in found), reverse=True)
    left = steps[1].after(steps[0].after(profile))
    assert found[2] == steps[2].estimate(left)
    assert (left.layers, left.feed_forward_width) == (2, 32)


@pytest.mark.parametrize(("technique", "name"), [(Distill, "layers"), (Distill, "width"), (Prune, "sparsity")])
def test_moving_the_slider_only_ever_shrinks(technique: type[Technique], name: str, profile: Profile):
    slider = technique.controls()[name]
    assert isinstance(slider, Slider)
    steps = round((slider.high - slider.low) / slider.step)
    sizes = [technique(**{name: slider.low + slider.step * n}).estimate(profile).size_bytes for n in range(steps + 1)]
    assert sizes == sorted(sizes, reverse=technique is Prune)


def test_a_head_makes_nothing_smaller(profile: Profile, tiny_model):
    bare = read_profile(tiny_model("bert", layers=4, head=False))
    assert TrainHead().after(profile) == profile
    assert TrainHead().after(bare).has_head
    assert TrainHead().estimate(bare).size_bytes > bare.original_bytes - 10_000


def test_a_narrow_student_says_what_stays(profile: Profile):
    line = Distill(layers=0.5, width=0.5).estimate(profile).line
    assert "2 of 4 layers, 16 of 32 channels, 2 of 4 heads and 32 of 64 neurons stay" in line
    assert "2 of 4 layers stay; learns" in Distill(layers=0.5).estimate(profile).line
    uneven = Prune(structure="attention heads", sparsity=0.5).after(profile)
    assert "width" in Distill(width=0.5).refusal(uneven)
    assert Distill().refusal(uneven) is None
    assert Distill(width=0.5).after(uneven).hidden == profile.hidden


def test_a_student_that_is_not_here_has_no_size_yet(profile: Profile):
    steps = (Distill(student="someone/unknown"), Quantize(bits=8, runtime="onnxruntime"))
    found = estimates(steps, profile)
    assert all(UNKNOWN_SIZE <= one.size_error < 1 for one in found)
    assert "its size is known once it is fetched" in found[0].line
    assert found[0].speed.certainty == "only measuring will tell"
    assert steps[0].refusal(profile) is None


def test_a_student_that_is_here_is_foretold(profile: Profile, tiny_model):
    other = tiny_model("bert", layers=1, head=False)
    technique = Distill(student=f" {other} ", width=0.25, layers=0.1)
    left = technique.after(profile)
    assert (left.layers, left.hidden, left.labels, left.has_head) == (1, 32, profile.labels, True)
    assert technique.estimate(profile).size_error < 0.2
    assert "(layers and width kept do not count)" in technique.estimate(profile).line
    assert "no smaller" in Distill(student=str(tiny_model("bert", layers=5))).refusal(profile)
