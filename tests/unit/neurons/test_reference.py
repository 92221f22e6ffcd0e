"""The NumPy neurons against the network's, bit for bit, and what they say about "what if"."""

import time
from dataclasses import replace
from itertools import product
from math import inf, nan

import numpy as np
import pytest
import torch

from spikestudio.errors import ConfigError
from spikestudio.neurons.constants import Constants
from spikestudio.neurons.nodes import IFNode, LIFNode
from spikestudio.neurons.reference import integrate, what_if
from spikestudio.types import LayerInfo

LIF = LayerInfo("lif", "LIF", (4, 8, 8), v_threshold=1.0, v_reset=0.0, tau=2.0)
IF = replace(LIF, id="if", neuron="IF", tau=None)


def currents(steps=64, neurons=256, dtype=np.float32):
    rng = np.random.default_rng(0)
    return rng.normal(0.5, 1.5, (steps, neurons)).astype(dtype)


@pytest.mark.parametrize(
    ("tau", "threshold", "reset", "dtype"),
    [*product((None, 2.0, 3.0), (1.0, 0.997), (0.0, 0.25, -0.3, None), (np.float32, np.float64))],
)
def test_same_bits_as_the_network(tau, threshold, reset, dtype):
    node = IFNode(threshold, reset) if tau is None else LIFNode(tau, threshold, reset)
    x = currents(dtype=dtype)
    spikes = node(torch.from_numpy(x))
    h, v = node.potentials(torch.from_numpy(x))
    replay = integrate(x, v_threshold=threshold, tau=tau, v_reset=reset)
    assert 0.02 < replay.spikes.mean() < 0.9
    assert np.array_equal(replay.spikes, spikes.numpy())
    assert np.array_equal(replay.h, h.numpy())
    assert np.array_equal(replay.v, v.numpy())
    assert replay.h.dtype == dtype


def test_one_neuron_is_that_column_of_many():
    x = currents(8, 5)
    alone, among = integrate(x[:, 3], tau=2.0), integrate(x, tau=2.0)
    assert np.array_equal(alone.h, among.h[:, 3])
    assert np.array_equal(alone.spikes, among.spikes[:, 3])


def test_a_soft_reset_keeps_what_is_above_the_threshold():
    replay = integrate([0.75, 0.75, 0.75], v_reset=None)
    assert replay.spikes.tolist() == [0, 1, 1]
    assert replay.h.tolist() == [0.75, 1.5, 1.25]
    assert replay.v.tolist() == [0.75, 0.5, 0.25]
    assert integrate([0.75, 0.75, 0.75]).spikes.tolist() == [0, 1, 0]


def test_forced_neurons_fire_always_or_never_and_are_reset_accordingly():
    replay = integrate(np.full((3, 3), 0.75), forced=[0, inf, -inf])
    assert replay.spikes.tolist() == [[0, 0, 1], [1, 0, 1], [0, 0, 1]]
    assert replay.h[:, 1].tolist() == [0.75, 1.5, 2.25]
    assert replay.v[:, 2].tolist() == [0, 0, 0]
    silenced = what_if(np.full((3, 3), 0.75), IF, v_threshold=0.1, forced=[0, inf, -inf])
    assert silenced.change.tolist() == [2, 0, 0]


def test_what_if_starts_from_the_constants_in_force():
    x = currents(16, 8)
    was = Constants(0.6, None, 3.0)
    found = what_if(x, LIF, in_force=was)
    assert np.array_equal(found.h, integrate(x, v_threshold=0.6, tau=3.0, v_reset=None).h)
    assert not found.change.any()


def test_no_steps_give_nothing():
    assert integrate(np.empty((0, 3), np.float32)).h.shape == (0, 3)


def test_what_if_counts_the_spikes_gained_and_lost():
    x = currents()
    same = what_if(x, LIF)
    assert not same.change.any()
    easier, harder = what_if(x, LIF, v_threshold=0.5), what_if(x, LIF, v_threshold=2.0)
    assert (easier.change > 0).all()
    assert (harder.change < 0).all()
    before = integrate(x, tau=2.0).spikes.sum(axis=0, dtype=int)
    assert np.array_equal(before + harder.change, harder.spikes.sum(axis=0, dtype=int))


@pytest.mark.parametrize(
    ("asked", "constants"),
    [
        ({"tau": 4.0}, {"tau": 4.0, "v_reset": 0.0}),
        ({"reset": "soft"}, {"tau": 2.0, "v_reset": None}),
        ({"reset": -0.5}, {"tau": 2.0, "v_reset": -0.5}),
    ],
)
def test_what_if_changes_only_what_is_asked(asked, constants):
    x = currents(16, 8)
    wanted = integrate(x, **constants)
    found = what_if(x, LIF, **asked)
    assert np.array_equal(found.h, wanted.h)
    assert np.array_equal(found.v, wanted.v)
    assert np.array_equal(found.spikes, wanted.spikes)


@pytest.mark.parametrize(
    "asked",
    [
        {"v_threshold": nan},
        {"v_threshold": 0.0},
        {"v_threshold": inf},
        {"tau": 1.0},
        {"tau": inf},
        {"reset": nan},
    ],
)
def test_what_if_refuses_what_is_no_neuron(asked):
    with pytest.raises(ConfigError, match=r"must be a finite .*\.$"):
        what_if(currents(4, 2), LIF, **asked)


def test_what_if_refuses_a_tau_without_a_leak():
    with pytest.raises(ConfigError, match="IF neurons of layer if do not leak: leave tau out"):
        what_if(currents(4, 2), IF, tau=2.0)


def test_what_if_of_all_watched_neurons_answers_at_once():
    x = currents(64, 256)
    what_if(x, LIF, v_threshold=0.8)
    took = []
    for _ in range(5):
        started = time.perf_counter()
        what_if(x, LIF, v_threshold=0.8, tau=3.0, reset="soft")
        took.append(time.perf_counter() - started)
    assert min(took) < 0.025  # half of the 50 ms that a user does not notice
