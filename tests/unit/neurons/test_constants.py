"""Constants in force, against what the overrides do to a network."""

import numpy as np
import pytest
import torch

from spikestudio.neurons.constants import constants_at, forced_at
from spikestudio.neurons.nodes import set_threshold, spiking_layers
from spikestudio.neurons.overrides import Override, overridden
from spikestudio.neurons.reference import integrate
from tests.tiny import ARCHITECTURE_NAMES, tiny_model

STEPS = 6


def overrides_of(layer):
    found = [
        Override(layer="*", kind="threshold", value=0.8, steps=(1, 3)),
        Override(layer=layer.id, kind="threshold", value=1.25, steps=(2, 2)),
        Override(layer=layer.id, kind="soft-reset", steps=(0, 4)),
        Override(layer=layer.id, kind="hard-reset", value=-0.5, steps=(3, 5)),
        Override(layer=layer.id, kind="silence", neurons=(0, 1, 2)),
        Override(layer=layer.id, kind="clamp", neurons=(2, 3), steps=(1, 4)),
        Override(layer=layer.id, kind="silence", channels=(1,), steps=(4, 5)),
    ]
    if layer.tau is not None:
        found.append(Override(layer="*", kind="tau", value=3.0, steps=(1, 1)))
    return tuple(found)


@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
def test_same_as_in_the_network(architecture):
    model = tiny_model(architecture)
    layer = model.layers[len(model.layers) // 2]
    node = spiking_layers(model.network)[layer.id]
    overrides = overrides_of(layer)
    neurons = tuple(range(layer.num_neurons))
    for step in range(STEPS):
        set_threshold(model.network, 0.9)
        with overridden(model.network, overrides, step, (*model.layers, *model.codec_layers)):
            found = constants_at(layer, overrides, step, 0.9)
            assert (found.v_threshold, found.v_reset, found.tau) == (
                node.v_threshold,
                node.v_reset,
                node.tau,
            )
            forced = np.zeros(layer.num_neurons, np.float32)
            if node.forced is not None:
                forced = node.forced.flatten().numpy()
            assert np.array_equal(forced_at(layer, overrides, step, neurons), forced)
            x = np.random.default_rng(step).normal(0.4, 1, (4, layer.num_neurons))
            x = x.astype(np.float32)
            shaped = torch.from_numpy(x).reshape(4, *layer.shape)
            h, v = (each.flatten(1).numpy() for each in node.potentials(shaped))
        replay = integrate(
            x, v_threshold=found.v_threshold, tau=found.tau, v_reset=found.v_reset, forced=forced
        )
        assert np.array_equal(replay.h, h)
        assert np.array_equal(replay.v, v)


def test_evaluations_start_from_the_hard_reset_or_zero():
    layer = tiny_model("sddpm").layers[0]
    hard = Override(layer="*", kind="hard-reset", value=0.25)
    soft = Override(layer="*", kind="soft-reset")
    assert constants_at(layer, (hard,), 0, 1.0).rest == 0.25
    assert constants_at(layer, (hard, soft), 0, 1.0).rest == 0.0
