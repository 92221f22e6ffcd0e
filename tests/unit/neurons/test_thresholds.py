"""Thresholds among the overrides: what is put in, what comes out, and which one counts."""

import json

import numpy as np
import pytest

from spikestudio.neurons import thresholds
from spikestudio.neurons.constants import constants_at
from spikestudio.neurons.overrides import Override, check_overrides
from spikestudio.neurons.thresholds import (
    Group,
    groups_of,
    in_force,
    others,
    schedule_of,
    sources,
    value_of,
    with_schedule,
    with_value,
    without_thresholds,
)
from spikestudio.sampling.plan import run_layers
from spikestudio.sampling.request import SamplingRequest
from spikestudio.types import LayerInfo
from tests.tiny import ARCHITECTURE_NAMES, run_to_end, tiny_model

IDS = ("neuron", "down.0.neuron1", "down.0.neuron2", "up.0.neuron")
LAYERS = tuple(LayerInfo(each, "IF", (2, 2, 2), 1.0, 0.0, None) for each in IDS)
GROUPS = groups_of(IDS)
LESION = Override(layer="*", kind="silence", neurons=(1,))
RESET = Override(layer="neuron", kind="soft-reset")
STEPWISE = Override(layer="down.0.neuron1", kind="threshold", value=0.8, steps=(1, 2))


def threshold(layer, value, steps=None):
    return Override(layer=layer, kind="threshold", value=value, steps=steps)


def agree(overrides, num_steps=5, base=1.0):
    """Check against the definition, layer by layer and step by step; return the table."""
    found = in_force(overrides, LAYERS, num_steps, base)
    for row, layer in enumerate(LAYERS):
        wanted = [constants_at(layer, overrides, k, base).v_threshold for k in range(num_steps)]
        assert found[row].tolist() == wanted
    return found


def test_groups_are_layers_that_begin_alike():
    assert groups_of(IDS) == (
        Group("neuron", "neuron", ("neuron",)),
        Group("down.*", "down", ("down.0.neuron1", "down.0.neuron2")),
        Group("up.0.neuron", "up", ("up.0.neuron",)),
    )
    assert [group.is_layer for group in groups_of(IDS)] == [True, False, True]


@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
def test_groups_of_a_model_hold_every_layer_once_and_are_patterns_of_it(architecture):
    layers = run_layers(tiny_model(architecture))
    groups = groups_of(layer.id for layer in layers)
    names = {
        "sddpm": ["neuron", "downblocks", "middleblocks", "upblocks"],
        "spiking-diffusion": ["sdid", "vqsvae"],
        "sdit": ["in_blocks", "mid_block", "out_blocks"],
    }
    assert [group.name for group in groups] == names[architecture]
    assert [each for group in groups for each in group.layers] == [layer.id for layer in layers]
    for group in groups:
        override = threshold(group.pattern, 0.9)
        check_overrides([override], layers, 1)
        concerned = tuple(layer.id for layer in layers if override.concerns(layer.id))
        assert concerned == group.layers


def test_a_layer_beats_its_group_beats_the_schedule_beats_the_common_one_whatever_comes_first():
    steps = [
        lambda overrides: with_value(overrides, "down.0.neuron2", 0.7),
        lambda overrides: with_value(overrides, "down.*", 0.8),
        lambda overrides: with_schedule(overrides, [0.9, 0.9, 1.1]),
    ]
    for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1)):
        overrides = (LESION, RESET)
        for index in order:
            overrides = steps[index](overrides)
        found = agree(overrides, 3, base=1.5)
        assert found.tolist() == [[0.9, 0.9, 1.1], [0.8] * 3, [0.7] * 3, [0.9, 0.9, 1.1]]
        assert {LESION, RESET} <= set(overrides)
        assert sources(overrides, LAYERS, GROUPS) == ("curve", "group", "own", "curve")
        assert others(overrides, GROUPS) == ()


def test_what_is_neither_stays_and_is_named():
    overrides = with_value((STEPWISE, LESION), "down.*", 0.9)
    overrides = with_schedule(overrides, [1.0, 1.0, 1.1, 1.1, 1.1])
    assert others(overrides, GROUPS) == (STEPWISE,)
    assert agree(overrides)[1].tolist() == [0.9, 0.8, 0.8, 0.9, 0.9]
    assert sources(overrides, LAYERS, GROUPS) == ("curve", "other", "group", "curve")


def test_a_layer_put_last_beats_what_is_neither():
    overrides = with_value((STEPWISE,), "down.0.neuron1", 0.95)
    assert agree(overrides)[1].tolist() == [0.95] * 5
    assert sources(overrides, LAYERS, GROUPS)[1] == "own"


def test_changed_again_there_is_one_of_each():
    overrides = ()
    for value in (0.9, 0.8):
        overrides = with_value(overrides, "down.*", value)
        overrides = with_value(overrides, "neuron", value)
        overrides = with_schedule(overrides, [value] * 5)
    assert len(overrides) == 3
    assert value_of(overrides, "down.*") == value_of(overrides, "neuron") == 0.8


def test_taken_off_again_nothing_is_left():
    before = (LESION, STEPWISE, RESET)
    overrides = with_value(before, "down.*", 0.9)
    overrides = with_value(overrides, "up.0.neuron", 0.9)
    overrides = with_schedule(overrides, [0.9, 1.0])
    overrides = with_value(overrides, "down.*", None)
    overrides = with_value(overrides, "up.0.neuron", None)
    assert with_schedule(overrides, None) == before
    assert without_thresholds(overrides) == (LESION, RESET)


def test_a_schedule_is_what_is_of_all_layers_and_comes_first():
    first = (threshold("*", 0.9, (0, 1)), threshold("*", 1.1, (3, 9)))
    late = threshold("*", 1.2)
    overrides = (LESION, *first, STEPWISE, late)
    assert schedule_of(overrides) == first
    assert others(overrides, GROUPS) == (STEPWISE, late)
    values = thresholds.scheduled(first, np.full(5, 1.0))
    assert values.tolist() == [0.9, 0.9, 1.0, 1.1, 1.1]
    agree(overrides)


def test_a_schedule_survives_a_request_and_its_json():
    values = [0.997, 0.998, 0.998, 0.999, 1.0]
    overrides = with_schedule((LESION,), values)
    assert len(schedule_of(overrides)) == 4
    request = SamplingRequest(steps=5, overrides=overrides)
    again = SamplingRequest.from_json(json.loads(json.dumps(request.to_json())))
    assert again == request
    found = thresholds.scheduled(schedule_of(again.overrides), np.full(5, 1.5))
    assert found.tolist() == values


def test_a_run_fires_as_scheduled():
    model = tiny_model("sddpm")
    base = run_to_end(model, num=2, steps=3)
    constant = run_to_end(
        model, num=2, steps=3, overrides=with_schedule((), [0.8, 0.8, 0.8]), threshold=1.3
    )
    same = run_to_end(model, num=2, steps=3, threshold=0.8)
    late = run_to_end(model, num=2, steps=3, overrides=with_schedule((), [1.0, 1.0, 0.8]))
    assert np.array_equal(constant.images, same.images)
    assert not np.array_equal(late.images, base.images)
    assert not np.array_equal(late.images, same.images)
