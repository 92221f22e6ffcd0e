"""Overrides: what they refuse, what they do to a network, and that they leave no trace."""

from __future__ import annotations

import json
from math import inf, nan

import numpy as np
import pytest
import torch

from spikestudio.errors import ConfigError
from spikestudio.neurons.nodes import set_threshold, spiking_layers
from spikestudio.neurons.overrides import (
    VALUES,
    Override,
    as_overrides,
    check_overrides,
    overridden,
)
from spikestudio.paths import resource
from spikestudio.types import LayerInfo
from tests.tiny import ARCHITECTURE_NAMES, evaluate, num_hooks, same_bits, tiny_model

LAYERS = (
    LayerInfo("down.0.neuron", "IF", (4, 3, 2), v_threshold=1.0, v_reset=0.0, tau=None),
    LayerInfo("blocks.0.lif1", "LIF", (6, 5), v_threshold=1.0, v_reset=0.0, tau=2.0),
)


@pytest.fixture(scope="module", params=ARCHITECTURE_NAMES)
def model(request):
    return tiny_model(request.param)


def layers_of(model):
    return (*model.layers, *model.codec_layers)


def chosen_layer(model):
    """Return a layer in the middle of the denoiser."""
    return model.layers[len(model.layers) // 2]


def watched(model, layer, *overrides, step=0):
    """Evaluate under overrides; return the output, and what the layer did ``[T, B, N]``."""
    node = spiking_layers(model.network)[layer.id]
    seen = {}

    def note(_, args, output):
        h, v = node.potentials(args[0])
        seen.update(x=args[0], spikes=output, h=h, v=v)

    with overridden(model.network, overrides, step, layers_of(model)):
        handle = node.register_forward_hook(note)
        output = evaluate(model)
        handle.remove()
    return output, {name: value.flatten(2).clone() for name, value in seen.items()}


# values -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "override",
    [
        Override(layer="*", kind="threshold", value=0.8),
        Override(layer="blocks.*", kind="tau", value=3, steps=(0, 4)),
        Override(layer="a", kind="hard-reset", value=-0.25),
        Override(layer="a", kind="soft-reset"),
        Override(layer="a", kind="silence", neurons=[5, 1, 5], steps=[2, 2]),
        Override(layer="a", kind="clamp", channels=np.array([3, 2])),
        Override(layer="a", kind="scale", value=0.0),
        Override(layer="*", kind="no-reconstruction", steps=(1, 2)),
    ],
)
def test_json_both_ways(override):
    values = json.loads(json.dumps(override.to_json(), allow_nan=False))
    assert Override.from_json(values) == override
    assert as_overrides([values, override]) == (override, override)
    assert hash(Override.from_json(values)) == hash(override)


def test_ids_are_sorted_and_named_once():
    assert Override(layer="a", kind="silence", neurons=[5, 1, 5]).neurons == (1, 5)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"kind": "mute"}, "Unknown kind of override 'mute': choose one of threshold, tau"),
        ({"layer": ""}, "The layer must be an id or a pattern"),
        ({"layer": 3}, "The layer must be an id or a pattern"),
        ({"kind": "threshold"}, "The value of a threshold must be a number from .*, not None"),
        ({"kind": "threshold", "value": nan}, "must be a number"),
        ({"kind": "threshold", "value": 0}, "must be a number from 0.001"),
        ({"kind": "tau", "value": 1.0}, "The value of a tau must be a number from 1.001"),
        ({"kind": "tau", "value": inf}, "must be a number"),
        ({"kind": "scale", "value": True}, "must be a number"),
        ({"kind": "scale", "value": "2"}, "must be a number"),
        ({"kind": "silence", "value": 1.0}, "The kind silence takes no value, not 1.0"),
        ({"neurons": []}, "The neurons must be a list of numbers"),
        ({"neurons": "12"}, "The neurons must be a list of numbers"),
        ({"neurons": [1.5]}, "The neurons must be whole numbers from 0 on, not 1.5"),
        ({"neurons": [True]}, "must be whole numbers"),
        ({"channels": [-1]}, "The channels must be whole numbers from 0 on, not -1"),
        ({"neurons": [1], "channels": [1]}, "either neurons or channels"),
        ({"kind": "tau", "value": 2.0, "neurons": [1]}, "The kind tau holds for a whole layer"),
        (
            {"kind": "no-reconstruction", "channels": [1]},
            "The kind no-reconstruction holds for a whole layer",
        ),
        ({"kind": "no-reconstruction", "value": 1.0}, "takes no value, not 1.0"),
        ({"steps": 3}, "The steps must be the first and the last one, not 3"),
        ({"steps": [1]}, "The steps must be the first and the last one"),
        ({"steps": [3, 1]}, "The first step, 3, must not come after the last, 1"),
        ({"steps": [0, -1]}, "The steps must be whole numbers from 0 on, not -1"),
        ({"unit": 3}, "An override has no 'unit': use layer, kind, value"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(values, sentence):
    with pytest.raises(ConfigError, match=sentence) as caught:
        Override.from_json({"layer": "a", "kind": "silence"} | values)
    assert str(caught.value).endswith(".")
    assert ". " not in str(caught.value)
    assert caught.value.field


def test_layer_and_kind_are_needed():
    with pytest.raises(ConfigError, match="An override needs a layer"):
        Override.from_json({"kind": "silence"})
    with pytest.raises(ConfigError, match="An override needs a kind"):
        Override.from_json({"layer": "a"})


def test_the_schema_of_provenance_knows_every_kind():
    schema = json.loads(resource("schemas", "provenance.json").read_text(encoding="utf-8"))
    item = schema["properties"]["request"]["properties"]["overrides"]["items"]
    assert item["properties"]["kind"]["enum"] == list(VALUES)


@pytest.mark.parametrize("values", ["", None, 3, {"layer": "a"}, [3]])
def test_overrides_are_a_list(values):
    with pytest.raises(ConfigError, match="The overrides must be a list"):
        as_overrides(values)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"layer": "blocks.0.lif2", "kind": "silence"}, "such as blocks.0.lif1, or *"),
        ({"layer": "*", "kind": "tau", "value": 2.0}, "IF neurons of layer down.0.neuron do not"),
        (
            {"layer": "down*", "kind": "silence", "neurons": [24]},
            "no neuron 24: choose from 0 to 23",
        ),
        (
            {"layer": "down*", "kind": "silence", "channels": [4]},
            "no channel 4: choose from 0 to 3",
        ),
        ({"layer": "b*", "kind": "silence", "channels": [5]}, "no channel 5: choose from 0 to 4"),
        ({"layer": "*", "kind": "silence", "neurons": [23]}, "down.0.neuron has no neuron"),
        ({"layer": "*", "kind": "silence", "steps": [5, 9]}, "run has the steps 0 to 4"),
        ({"layer": "*", "kind": "no-reconstruction"}, "* has no reconstruction module: choose"),
        ({"layer": "blocks.0.lif1", "kind": "no-reconstruction"}, "lif1 has no reconstruction"),
    ],
)
def test_what_does_not_fit_the_network_is_refused(values, sentence):
    layers = LAYERS[::-1] if "no neuron" in sentence and values["layer"] == "*" else LAYERS
    if layers is not LAYERS:
        values = values | {"neurons": [29]}
    with pytest.raises(ConfigError) as caught:
        check_overrides([Override(**values)], layers, 5)
    assert sentence in str(caught.value)
    assert ". " not in str(caught.value)


def test_what_fits_the_network_passes():
    check_overrides(
        [
            Override(layer="*", kind="threshold", value=0.5),
            Override(layer="blocks.0.lif1", kind="tau", value=4.0, steps=(4, 99)),
            Override(layer="*", kind="silence", neurons=(23,)),
            Override(layer="b*", kind="clamp", channels=(4,)),
        ],
        LAYERS,
        5,
    )


def test_channels_are_those_of_the_map_or_the_features_of_the_tokens():
    kind = {"layer": "*", "kind": "silence"}
    assert Override(**kind, channels=[1]).part(LAYERS[0]).tolist() == [6, 7, 8, 9, 10, 11]
    assert Override(**kind, channels=[1]).part(LAYERS[1]).tolist() == [1, 6, 11, 16, 21, 26]
    assert len(Override(**kind).part(LAYERS[1])) == 30


# in a network -----------------------------------------------------------------------------------

EVERY_KIND = (
    Override(layer="*", kind="threshold", value=0.6),
    Override(layer="*", kind="hard-reset", value=0.1),
    Override(layer="*", kind="soft-reset"),
    Override(layer="*", kind="scale", value=1.5),
    Override(layer="*", kind="silence", neurons=(0, 3)),
    Override(layer="*", kind="clamp", channels=(1,)),
)


@pytest.mark.parametrize("override", EVERY_KIND, ids=lambda override: override.kind)
def test_every_kind_changes_the_output_and_leaves_no_trace(model, override):
    nodes = spiking_layers(model.network).values()
    before, hooks = evaluate(model), num_hooks(model.network)
    constants = [(node.v_threshold, node.v_reset, node.tau, node.forced) for node in nodes]
    with overridden(model.network, [override], 0, layers_of(model)):
        assert not same_bits(evaluate(model), before)
    assert same_bits(evaluate(model), before)
    assert num_hooks(model.network) == hooks
    assert [(n.v_threshold, n.v_reset, n.tau, n.forced) for n in nodes] == constants


@pytest.mark.parametrize("architecture", ["spiking-diffusion", "sdit"])
def test_tau_changes_the_output_and_leaves_no_trace(architecture):
    model = tiny_model(architecture)
    before = evaluate(model)
    override = Override(layer="*", kind="tau", value=1.25)
    with overridden(model.network, [override], 0, layers_of(model)):
        assert not same_bits(evaluate(model), before)
    assert same_bits(evaluate(model), before)


def test_nothing_to_do_leaves_the_bits(model):
    before, layer = evaluate(model), chosen_layer(model)
    same = [
        Override(layer="*", kind="threshold", value=layer.v_threshold),
        Override(layer="*", kind="hard-reset", value=0.0),
        Override(layer="*", kind="scale", value=1.0),
        Override(layer="*", kind="silence", steps=(3, 5)),
    ]
    for overrides in ([], same):
        with overridden(model.network, overrides, 0, layers_of(model)):
            assert same_bits(evaluate(model), before)


def test_all_is_undone_after_an_error(model):
    before = evaluate(model)
    with (
        pytest.raises(ZeroDivisionError),
        overridden(model.network, EVERY_KIND, 0, layers_of(model)),
    ):
        raise ZeroDivisionError
    assert same_bits(evaluate(model), before)


def test_a_threshold_wins_over_the_common_one_and_gives_it_back(model):
    layer = chosen_layer(model)
    node = spiking_layers(model.network)[layer.id]
    override = Override(layer=layer.id, kind="threshold", value=0.4)
    try:
        set_threshold(model.network, 0.9)
        with overridden(model.network, [override], 0, layers_of(model)):
            assert node.v_threshold == 0.4
        assert node.v_threshold == 0.9
    finally:
        set_threshold(model.network, model.card.v_threshold)


def test_it_holds_at_its_steps_only(model):
    layer = chosen_layer(model)
    override = Override(layer=layer.id, kind="silence", steps=(1, 2))
    fires = [
        bool(watched(model, layer, override, step=step)[1]["spikes"].any()) for step in range(4)
    ]
    assert fires == [True, False, False, True]


@pytest.mark.parametrize("kind", ["silence", "clamp"])
def test_a_lesion_of_some_leaves_the_others_alone(model, kind):
    layer = chosen_layer(model)
    _, free = watched(model, layer)
    rates = free["spikes"].mean((0, 1))
    part = tuple(np.flatnonzero((rates > 0) & (rates < 1))[::3].tolist())
    _, lesioned = watched(model, layer, Override(layer=layer.id, kind=kind, neurons=part))
    others = np.setdiff1d(np.arange(layer.num_neurons), part)
    for name in ("x", "spikes", "h", "v"):
        assert torch.equal(free[name][..., others], lesioned[name][..., others]), name
    assert torch.equal(free["x"], lesioned["x"])
    spikes = lesioned["spikes"][..., list(part)]
    assert (spikes == (kind == "clamp")).all()  # at every SNN step, in every image
    assert not torch.equal(free["spikes"][..., list(part)], spikes)


def test_potentials_follow_the_lesion(model):
    layer = chosen_layer(model)
    _, silent = watched(model, layer, Override(layer=layer.id, kind="silence"))
    assert torch.equal(silent["h"], silent["v"])  # nothing is ever reset
    assert (silent["h"] >= layer.v_threshold).any()
    _, clamped = watched(model, layer, Override(layer=layer.id, kind="clamp"))
    assert (clamped["v"] == layer.v_reset).all()


def test_a_lesion_under_a_soft_reset_stays_finite(model):
    layer = chosen_layer(model)
    soft = Override(layer=layer.id, kind="soft-reset")
    for kind in ("silence", "clamp"):
        _, seen = watched(model, layer, soft, Override(layer=layer.id, kind=kind, neurons=(1,)))
        assert seen["h"].isfinite().all()
        assert seen["v"].isfinite().all()
        assert (seen["spikes"][..., 1] == (kind == "clamp")).all()


def test_scales_multiply_and_touch_only_their_channel(model):
    layer = chosen_layer(model)
    _, free = watched(model, layer)
    once = Override(layer=layer.id, kind="scale", value=0.5, channels=(1,))
    _, scaled = watched(model, layer, once, once)
    part = once.part(layer)
    others = np.setdiff1d(np.arange(layer.num_neurons), part)
    assert torch.equal(scaled["x"][..., part], free["x"][..., part] * 0.25)
    assert torch.equal(scaled["x"][..., others], free["x"][..., others])


def test_the_last_of_several_counts(model):
    layer = chosen_layer(model)
    overrides = [
        Override(layer="*", kind="silence"),
        Override(layer=layer.id, kind="clamp", neurons=(1,)),
    ]
    _, seen = watched(model, layer, *overrides)
    assert seen["spikes"][..., 1].all()
    assert not seen["spikes"][..., 0].any()


def test_images_of_a_batch_are_treated_alike(model):
    layer = chosen_layer(model)
    _, seen = watched(model, layer, Override(layer=layer.id, kind="clamp", neurons=(2,)))
    assert seen["spikes"].shape[1] >= 3
    assert (seen["spikes"][..., 2] == 1).all()


# parts of a block -------------------------------------------------------------------------------

MODULE = Override(layer="*", kind="no-reconstruction")


def test_without_the_reconstruction_module_in_every_block():
    model = tiny_model("sdit")
    network, before = model.network, evaluate(model)
    check_overrides([MODULE], layers_of(model), 5)
    network.reconstruction = False  # the model without the module and its tokens, as in the paper
    without = evaluate(model)
    network.reconstruction = True
    with overridden(network, [MODULE], 0, layers_of(model)):
        found = evaluate(model)
    assert not same_bits(found, before)
    for ours, theirs in zip(found, without, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)
    assert same_bits(evaluate(model), before)


def test_without_the_reconstruction_module_of_one_block_and_in_some_steps():
    model = tiny_model("sdit")
    before = evaluate(model)
    one = Override(layer="mid_block.lif2", kind="no-reconstruction", steps=(1, 2))
    check_overrides([one], layers_of(model), 5)
    with overridden(model.network, [one], 0, layers_of(model)):
        assert same_bits(evaluate(model), before)
    with overridden(model.network, [one], 1, layers_of(model)):
        found = evaluate(model)
        assert [block.has_gate for block in _blocks(model)] == [True, False, True]
    assert not same_bits(found, before)
    with overridden(model.network, [MODULE], 1, layers_of(model)):
        assert not same_bits(evaluate(model), found)
    assert all(block.has_gate for block in _blocks(model))


def test_the_layers_in_front_of_the_module_keep_their_shape_and_spikes():
    model = tiny_model("sdit")
    layer = next(each for each in model.layers if each.id == "in_blocks.0.lif2")
    _, free = watched(model, layer)
    _, seen = watched(model, layer, MODULE)
    for name in ("x", "spikes", "h", "v"):
        assert torch.equal(free[name], seen[name]), name


def test_other_networks_have_no_such_module():
    for architecture in ("sddpm", "spiking-diffusion"):
        layers = layers_of(tiny_model(architecture))
        with pytest.raises(ConfigError, match="has no reconstruction module: choose the lif2"):
            check_overrides([MODULE], layers, 5)


def _blocks(model):
    network = model.network
    return (*network.in_blocks, network.mid_block, *network.out_blocks)
