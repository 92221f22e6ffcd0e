"""The table of ranges, and what a request refuses."""

import json
import math

import pytest

from spikestudio.errors import ConfigError
from spikestudio.neurons.overrides import Override
from spikestudio.sampling.request import RANGES, SAMPLERS, SamplingRequest, check_range

WHOLE = ("num", "first_image", "seed", "steps", "snn_steps")
REAL = ("threshold", "temperature", "guidance", "eta")


def assert_one_sentence(message: str) -> None:
    assert message.endswith(".")
    assert "\n" not in message
    assert ". " not in message


def test_every_range_is_that_of_a_field():
    assert {*RANGES} == {*WHOLE, *REAL}
    assert RANGES.keys() <= SamplingRequest.__dataclass_fields__.keys()


@pytest.mark.parametrize("name", RANGES)
def test_the_ends_of_a_range_belong_to_it(name):
    for value in (RANGES[name].low, RANGES[name].high):
        assert getattr(SamplingRequest(**{name: value}), name) == value


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("value", [-1, 2**63, 10**400])
def test_a_whole_number_out_of_range_is_refused(name, value):
    with pytest.raises(ConfigError, match="is out of range: choose a value from") as caught:
        SamplingRequest(**{name: value})
    assert caught.value.field == name
    assert RANGES[name].label in str(caught.value)
    assert_one_sentence(str(caught.value))


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("value", [1.0, 2.5, "3", None, True, math.nan])
def test_a_whole_number_must_be_one(name, value):
    with pytest.raises(ConfigError, match="must be a whole number") as caught:
        SamplingRequest(**{name: value})
    assert caught.value.field == name
    assert_one_sentence(str(caught.value))


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "1", None, True, [1.0]])
def test_a_number_must_be_finite_and_a_number(name, value):
    with pytest.raises(ConfigError, match="must be a number") as caught:
        SamplingRequest(**{name: value})
    assert caught.value.field == name
    assert_one_sentence(str(caught.value))


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("value", [-1e-9, -5, 1e9, 10**400])
def test_a_number_out_of_range_is_refused(name, value):
    with pytest.raises(ConfigError, match="is out of range") as caught:
        SamplingRequest(**{name: value})
    assert_one_sentence(str(caught.value))


def test_messages_name_limits_in_full():
    with pytest.raises(ConfigError, match=r"from 0 to 9223372036854775807\."):
        SamplingRequest(seed=-1)
    with pytest.raises(ConfigError, match=r"^The threshold 0\.01 is .* from 0\.05 to 20\.0\.$"):
        check_range("threshold", 0.01)


@pytest.mark.parametrize("value", ["3", 3.0, True, [3]])
def test_a_class_must_be_a_whole_number(value):
    with pytest.raises(ConfigError, match="class must be a whole number") as caught:
        SamplingRequest(class_label=value)
    assert caught.value.field == "class_label"


def test_an_unknown_sampler_is_refused_with_the_choices():
    with pytest.raises(ConfigError, match="Unknown sampler 'euler': choose one of") as caught:
        SamplingRequest(sampler="euler")
    assert all(name in str(caught.value) for name in SAMPLERS)


@pytest.mark.parametrize("value", [1, "yes", None])
def test_clipping_is_on_or_off(value):
    with pytest.raises(ConfigError, match="clip_x0"):
        SamplingRequest(clip_x0=value)


def test_a_request_survives_json():
    request = SamplingRequest(num=3, first_image=5, seed=7, class_label=2, threshold=0.997)
    assert SamplingRequest(**json.loads(json.dumps(request.to_json()))) == request


def test_eta_is_written_only_where_there_is_one():
    request = SamplingRequest(eta=0.5)
    assert SamplingRequest(**json.loads(json.dumps(request.to_json()))) == request
    assert "eta" not in SamplingRequest().to_json()


def test_overrides_survive_json_and_may_be_given_as_plain_values():
    lesion = Override(layer="*", kind="silence", neurons=(3, 1), steps=(0, 4))
    request = SamplingRequest(overrides=[lesion, {"layer": "a", "kind": "threshold", "value": 0.5}])
    assert request.overrides == (lesion, Override(layer="a", kind="threshold", value=0.5))
    assert SamplingRequest(**json.loads(json.dumps(request.to_json()))) == request
    assert hash(request) == hash(SamplingRequest(**request.to_json()))
    assert SamplingRequest().to_json()["overrides"] == []


@pytest.mark.parametrize("overrides", [None, "*", [3], [{"layer": "a", "kind": "mute"}]])
def test_what_is_no_override_is_refused(overrides):
    with pytest.raises(ConfigError) as caught:
        SamplingRequest(overrides=overrides)
    assert_one_sentence(str(caught.value))
