"""Rates in closed form against those measured with spikingjelly's nodes."""

from itertools import product

import numpy as np
import pytest

from spikestudio.neurons.lab import Neuron, drive, rates
from spikestudio.neurons.lab_rates import closed_counts, closed_rates, has_closed_form, stairs

NEURONS = [
    Neuron(kind=kind, tau=tau, v_threshold=threshold, reset=reset, decays_input=decays_input)
    for kind, tau, threshold, reset, decays_input in product(
        ("IF", "LIF", "PLIF"), (1.5, 2.0, 7.3), (1.0, 0.6), (0.0, -0.4, 0.3, "soft"), (True, False)
    )
    if kind != "IF" or (tau == 2.0 and decays_input)
]
LEAKY_SOFT = [each for each in NEURONS if each.is_leaky and each.reset == "soft"]


def away_from_ties(neuron, steps):
    """Currents between 0 and beyond the last stair that are not next to one."""
    edges, _ = stairs(neuron, steps)
    x = np.linspace(-0.5, 1.3 * edges[-1], 700)
    return x[np.abs(x[:, None] / edges - 1).min(axis=1) > 1e-4]


@pytest.mark.parametrize("neuron", NEURONS, ids=str)
@pytest.mark.parametrize("steps", [1, 4, 25])
def test_closed_form_is_what_the_node_does(neuron, steps):
    x = away_from_ties(neuron, steps)
    assert len(x) > 400
    measured = drive(neuron, np.broadcast_to(x, (steps, len(x)))).counts
    assert np.array_equal(closed_counts(neuron, x, steps), measured)


@pytest.mark.parametrize("neuron", NEURONS, ids=str)
def test_stairs_are_where_the_number_of_spikes_changes(neuron):
    steps = 12
    edges, counts = stairs(neuron, steps)
    assert np.all(np.diff(edges) > 0)
    assert np.all(np.diff(counts) > 0)
    assert counts[-1] == steps
    assert np.array_equal(closed_counts(neuron, edges * (1 + 1e-6), steps), counts)
    before = np.append(0, counts[:-1])
    assert np.array_equal(closed_counts(neuron, edges * (1 - 1e-6), steps), before)
    assert np.array_equal(closed_rates(neuron, edges * (1 + 1e-6), steps), counts / steps)


def test_the_four_rates_of_the_classroom():
    edges, counts = stairs(Neuron(kind="LIF", tau=2.0, v_threshold=1.0, reset=0.0), 4)
    assert edges == pytest.approx([16 / 15, 4 / 3, 2], rel=1e-12)
    assert (counts / 4).tolist() == [0.25, 0.5, 1.0]
    measured = rates(Neuron(), np.linspace(0, 5, 2001), 4)
    assert set(measured) == {0, 0.25, 0.5, 1}
    below, above = (rates(Neuron(), np.array(edges) * factor, 4) for factor in (0.9999, 1.0001))
    assert below.tolist() == [0, 0.25, 0.5]
    assert above.tolist() == [0.25, 0.5, 1]


def test_a_leaky_neuron_needs_more_than_its_threshold_and_an_integrator_anything_above_0():
    assert stairs(Neuron(tau=2.0), 64)[0][0] == pytest.approx(1)
    assert stairs(Neuron(tau=2.0), 64)[0][0] >= 1
    assert stairs(Neuron(kind="IF"), 64)[0][0] == 1 / 64
    assert stairs(Neuron(tau=4.0, decays_input=False), 64)[0][0] == pytest.approx(0.25, rel=1e-6)


def test_a_soft_reset_of_an_integrator_has_a_stair_for_every_number_of_spikes():
    edges, counts = stairs(Neuron(kind="IF", reset="soft"), 5)
    assert edges == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert counts.tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("neuron", LEAKY_SOFT, ids=str)
def test_more_current_never_makes_fewer_spikes(neuron):
    x = np.linspace(0, 3 * neuron.tau * neuron.v_threshold, 5001)
    assert np.all(np.diff(closed_counts(neuron, x, 40)) >= 0)


def test_a_neuron_that_rests_above_its_threshold_has_no_closed_form():
    neuron = Neuron(v_threshold=0.5, reset=0.5)
    assert not has_closed_form(neuron)
    assert stairs(neuron, 4)[0].size == 0
    with pytest.raises(ValueError, match="rests above"):
        closed_counts(neuron, [1.0], 4)
