"""The lab's neuron: spikingjelly's numbers against the NumPy reference, inputs, surrogate, CSV."""

import csv
from itertools import product
from math import inf, nan, pi

import numpy as np
import pytest
import torch
from spikingjelly.activation_based import neuron as nodes

from spikestudio.errors import ConfigError, ExportError
from spikestudio.neurons.lab import KINDS, SURROGATES, Neuron, drive, gradients, rates
from spikestudio.neurons.lab_inputs import Input
from spikestudio.neurons.lab_table import write_csv
from spikestudio.neurons.reference import integrate


def currents(steps=64, neurons=64):
    rng = np.random.default_rng(0)
    return rng.normal(0.5, 1.5, (steps, neurons)).astype(np.float32)


def same_bits(a, b):
    assert a.dtype == b.dtype
    return np.array_equal((a + 0).view(np.uint32), (b + 0).view(np.uint32))  # but for -0


@pytest.mark.parametrize(
    ("kind", "tau", "threshold", "reset"),
    [*product(("IF", "LIF"), (2.0, 3.0, 1.7), (1.0, 0.997), (0.0, 0.25, -0.3, "soft"))],
)
def test_if_and_lif_are_the_reference_bit_for_bit(kind, tau, threshold, reset):
    neuron = Neuron(kind=kind, tau=tau, v_threshold=threshold, reset=reset)
    x = currents()
    driven = drive(neuron, x)
    replay = integrate(
        x, v_threshold=threshold, tau=tau if kind == "LIF" else None, v_reset=neuron.v_reset
    )
    assert 0.02 < driven.spikes.mean() < 0.9
    assert np.array_equal(driven.spikes, replay.spikes)
    assert same_bits(driven.h, replay.h)
    assert same_bits(driven.v, replay.v)
    assert np.array_equal(driven.before[0], np.full(64, neuron.rest, np.float32))
    assert np.array_equal(driven.before[1:], driven.v[:-1])


@pytest.mark.parametrize("reset", [0.0, 0.25, "soft"])
@pytest.mark.parametrize("decays_input", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_the_bits_are_those_of_spikingjellys_node_step_by_step(kind, decays_input, reset):
    neuron = Neuron(kind=kind, tau=2.7, v_threshold=0.9, reset=reset, decays_input=decays_input)
    leak = () if kind == "IF" else (2.7, decays_input)
    node = {"IF": nodes.IFNode, "LIF": nodes.LIFNode, "PLIF": nodes.ParametricLIFNode}[kind](
        *leak, v_threshold=0.9, v_reset=neuron.v_reset, step_mode="s"
    )
    x = currents(64, 5)
    driven = drive(neuron, x)
    for t in range(64):
        spikes = node(torch.from_numpy(x[t])).detach().numpy()
        assert np.array_equal(driven.spikes[t], spikes)
        assert same_bits(driven.v[t], node.v.detach().numpy())
        assert np.array_equal(driven.h[t] >= np.float32(0.9), spikes)
        assert same_bits(driven.h[t][spikes == 0], driven.v[t][spikes == 0])


@pytest.mark.parametrize(("tau", "reset"), [*product((2.0, 3.0), (0.0, 0.25, "soft"))])
def test_an_input_that_does_not_decay(tau, reset):
    neuron, x = Neuron(tau=tau, reset=reset, decays_input=False), currents(16, 8)
    driven = drive(neuron, x)
    v, rest = np.full(8, neuron.rest, np.float32), np.float32(neuron.rest)
    for t in range(16):
        h = v - (v - rest) / np.float32(tau) + x[t]
        fired = h >= 1
        v = np.where(fired, h - 1 if reset == "soft" else rest, h).astype(np.float32)
        assert np.array_equal(driven.h[t], h)
        assert np.array_equal(driven.v[t], v)
        assert np.array_equal(driven.spikes[t], fired)


@pytest.mark.parametrize("decays_input", [True, False])
def test_plif_is_lif_where_its_weight_is_exact_and_near_it_elsewhere(decays_input):
    x = currents()
    plif, lif = (drive(Neuron(kind=kind, decays_input=decays_input), x) for kind in ("PLIF", "LIF"))
    assert np.array_equal(plif.h, lif.h)
    assert np.array_equal(plif.spikes, lif.spikes)
    assert Neuron(kind="PLIF").weight == 0
    plif, lif = (
        drive(Neuron(kind=kind, tau=3.7, decays_input=decays_input), x[:1])
        for kind in ("PLIF", "LIF")
    )
    assert np.allclose(plif.h, lif.h, rtol=1e-6)
    assert 1 / (1 + np.exp(-Neuron(kind="PLIF", tau=3.7).weight)) == pytest.approx(1 / 3.7)


@pytest.mark.parametrize("kind", KINDS)
def test_one_neuron_is_that_column_of_many_and_no_steps_give_nothing(kind):
    x = currents(8, 5)
    alone, among = (drive(Neuron(kind=kind, tau=2.5), each) for each in (x[:, 3], x))
    assert alone.h.shape == (8,)
    assert np.array_equal(alone.h, among.h[:, 3])
    assert np.array_equal(alone.spikes, among.spikes[:, 3])
    assert alone.counts == among.counts[3]
    assert drive(Neuron(kind=kind), []).spikes.shape == (0,)


def test_it_starts_afresh_every_time_and_leaves_the_input_alone():
    x = np.full(3, 0.4, np.float32)
    first, second = drive(Neuron(kind="IF"), x), drive(Neuron(kind="IF"), x)
    assert first.spikes.tolist() == second.spikes.tolist() == [0, 0, 1]
    assert x.tolist() == np.full(3, 0.4, np.float32).tolist()


def test_measured_rates_are_counts_over_t():
    assert rates(Neuron(kind="IF"), [0.0, 0.26, 0.6, 3.0], 4).tolist() == [0, 0.25, 0.5, 1]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *product(("tau",), (1.0, 0.0, nan, inf, "2", True)),
        *product(("v_threshold",), (0.0, -1.0, nan, None)),
        *product(("reset",), (nan, inf, "hard", None)),
        ("kind", "Izhikevich"),
        ("surrogate", "Heaviside"),
        *product(("alpha",), (0.0, -2.0, nan)),
    ],
)
def test_what_a_neuron_cannot_be_is_said_in_one_sentence(field, value):
    with pytest.raises(ConfigError) as caught:
        Neuron(**{field: value})
    assert caught.value.field == field
    assert repr(value) in str(caught.value)


# surrogate ------------------------------------------------------------------------------------


def test_atan_is_the_formula_of_its_paper():
    x = np.linspace(-2, 2, 41, dtype=np.float32)
    found = gradients(Neuron(surrogate="ATan", alpha=2.0), x)
    assert found.dtype == np.float32
    assert np.allclose(found, 1 / (1 + (pi * x) ** 2), rtol=1e-5)


@pytest.mark.parametrize("name", SURROGATES)
def test_a_surrogate_is_highest_at_the_threshold_and_its_alpha_makes_it_steeper(name):
    x = np.linspace(-1, 1, 201, dtype=np.float32)
    usual = gradients(Neuron(surrogate=name, alpha=SURROGATES[name]), x)
    assert usual.argmax() == 100
    assert np.allclose(usual, usual[::-1], atol=1e-6)
    assert gradients(Neuron(surrogate=name, alpha=4 * SURROGATES[name]), [0.0])[0] > usual.max()


@pytest.mark.parametrize("name", SURROGATES)
def test_the_default_alpha_is_spikingjellys(name):
    from spikingjelly.activation_based import surrogate

    assert getattr(surrogate, name)().alpha == SURROGATES[name]


# inputs ---------------------------------------------------------------------------------------


def test_the_shapes_of_an_input():
    assert Input(amplitude=0.5).over(3).tolist() == [0.5] * 3
    assert Input(shape="stepped", amplitude=1).over(8).tolist() == [0, 0, 1, 1, 1, 1, 0, 0]
    assert Input(shape="stepped", amplitude=1).over(1).tolist() == [1]
    assert Input(shape="drawn", values=(1, 2, 3)).over(2).tolist() == [1, 2]
    assert Input(shape="drawn", values=(1, 2)).over(4).tolist() == [1, 2, 0, 0]


def test_noise_is_the_same_with_the_same_seed_whatever_the_steps():
    noisy = Input(shape="noisy", amplitude=0.5, noise=0.3, seed=4)
    assert np.array_equal(noisy.over(64)[:8], noisy.over(8))
    assert not np.array_equal(Input(shape="noisy", seed=5).over(8), noisy.over(8))
    many = Input(shape="noisy", amplitude=0.5, noise=0.3, seed=4).over(64)
    assert many.mean() == pytest.approx(0.5, abs=0.15)
    assert many.std() == pytest.approx(0.3, abs=0.1)


def test_drawing_keeps_the_other_steps_also_those_out_of_sight():
    drawn = Input(amplitude=0.5).with_values({1: 2.0}, 3)
    assert drawn.shape == "drawn"
    assert drawn.values == (0.5, 2.0, 0.5)
    assert drawn.with_values({0: -1.0}, 2).values == (-1.0, 2.0, 0.5)
    assert drawn.with_values({4: 1.0}, 5).values == (0.5, 2.0, 0.5, 0.0, 1.0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amplitude", nan),
        ("amplitude", 1e9),
        ("noise", -0.1),
        ("seed", -1),
        ("seed", 1.5),
        ("shape", "sine"),
    ],
)
def test_what_an_input_cannot_be(field, value):
    with pytest.raises(ConfigError) as caught:
        Input(**{field: value})
    assert caught.value.field == field


def test_a_drawn_input_has_finite_values_for_at_most_64_steps():
    for values in ((nan,), (1e9,), (0.0,) * 65):
        with pytest.raises(ConfigError) as caught:
            Input(shape="drawn", values=values)
        assert caught.value.field == "current"


# files ----------------------------------------------------------------------------------------


def test_a_csv_reads_back_to_the_same_bits(tmp_path):
    neuron, x = Neuron(tau=3.0, v_threshold=0.997, reset="soft"), currents(16, 1)[:, 0]
    driven = drive(neuron, x)
    write_csv(tmp_path / "lab.csv", neuron, driven, "Neuron 3")
    with (tmp_path / "lab.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == list(range(1, 17))
    for name, values in (
        ("input", x),
        ("v_before", driven.before),
        ("h", driven.h),
        ("v", driven.v),
    ):
        read = np.array([float(row[name]) for row in rows], np.float32)
        assert np.array_equal(read.view(np.uint32), values.view(np.uint32))
    assert [int(row["spike"]) for row in rows] == driven.spikes.tolist()
    first = rows[0]
    constants = [first[name] for name in ("neuron", "tau", "threshold", "reset", "source")]
    assert constants == ["LIF", "3.0", "0.997", "soft", "Neuron 3"]
    assert list(tmp_path.iterdir()) == [tmp_path / "lab.csv"]


def test_a_csv_in_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ExportError, match="does not exist"):
        write_csv(tmp_path / "gone" / "lab.csv", Neuron(), drive(Neuron(), [1.0]))
