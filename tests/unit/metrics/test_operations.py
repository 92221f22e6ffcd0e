import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from spikingjelly.activation_based.op_counter import (
    DispatchCounterMode,
    MACCounter,
    SynOpCounter,
)
from torch import nn

from spikestudio.checkpoints.construction import construct
from spikestudio.checkpoints.loader import load
from spikestudio.errors import ConfigError
from spikestudio.metrics.operations import (
    Costs,
    Operations,
    WeightLayer,
    as_ann,
    as_papers,
    as_strict,
    input_rates,
    mean_rate,
)
from spikestudio.metrics.tracing import count_operations, trace
from spikestudio.models.sddpm import SDDPM, SDDPMConfig
from spikestudio.neurons.nodes import set_threshold, spiking_layers
from tests.tiny import ARCHITECTURE_NAMES, num_hooks, tiny_model


def weight_layer(layer_id, **changes):
    defaults = {
        "is_convolution": True,
        "macs": 100,
        "synapses": 80,
        "sources": (),
        "is_binary": False,
        "is_stepwise": False,
    }
    return WeightLayer(id=layer_id, **defaults | changes)


@pytest.fixture
def small():
    """A time embedding, a stem, one layer of each kind behind it."""
    return Operations(
        (
            weight_layer("time", is_convolution=False, macs=10, synapses=10),
            weight_layer("stem"),
            weight_layer("conv", sources=(("a", 1.0),), is_binary=True, is_stepwise=True),
            weight_layer("shortcut", is_stepwise=True),
            weight_layer("output", sources=(("a", 0.25), ("b", 0.75))),
        ),
        spiking=("a", "b"),
        num_neurons=(10, 30),
        fan_out=(np.array(8), np.array(0)),
    )


RATES = np.array([0.2, 0.4])
MEAN = 0.35
ADDITIONS = np.array([64.0, 0.0])  # that the spikes of each layer cause in one evaluation


@pytest.fixture(scope="module")
def default_sddpm():
    return count_operations(construct(lambda: SDDPM(SDDPMConfig())))


def test_default_sddpm_takes_6_484_g_macs(default_sddpm):
    operations = default_sddpm
    assert operations.macs == pytest.approx(6.484e9, rel=1e-4)
    groups = {
        "stem": [x for x in operations.layers if x.id == "conv"],
        "spikes": [x for x in operations.layers if x.is_binary],
        "shortcuts": [x for x in operations.layers if x.id.endswith("shortcut")],
        "tail": [x for x in operations.layers if x.id in ("tail_conv", "T_output_layer")],
        "time": [x for x in operations.layers if not x.is_convolution],
    }
    assert sum(len(group) for group in groups.values()) == len(operations.layers)
    macs = {name: (len(g), sum(x.macs for x in g)) for name, g in groups.items()}
    assert macs == {
        "stem": (1, 3_538_944),
        "spikes": (51, pytest.approx(6200.2e6, rel=1e-5)),
        "shortcuts": (14, pytest.approx(272.6e6, rel=2e-4)),
        "tail": (2, 3_538_944 + 82_944),
        "time": (24, pytest.approx(3.80e6, rel=2e-3)),
    }


def inputs_of(model):
    """Inputs of one network evaluation for one image."""
    config, generator = model.network.config, torch.Generator().manual_seed(1)
    time = torch.tensor([5])
    if model.is_token_model:
        shape = (1, config.grid_size, config.grid_size)
        return torch.randint(config.codebook_size + 1, shape, generator=generator), time
    shape = (1, config.image_channels, config.image_size, config.image_size)
    x = torch.randn(shape, generator=generator)
    return (x, time, torch.tensor([1])) if model.num_classes else (x, time)


def counted(model):
    """What spikingjelly counts in one evaluation, and how often the neurons at each place fire."""
    fired = {}

    def note(name):
        return lambda _, __, spikes: fired.update({name: spikes.sum((0, 1, 2)).numpy()})

    handles = [
        node.register_forward_hook(note(name))
        for name, node in spiking_layers(model.network).items()
    ]
    mac, ac = MACCounter(extra_ignore_modules=[nn.BatchNorm2d]), SynOpCounter()
    with torch.no_grad(), DispatchCounterMode([mac, ac]):
        model.network(*inputs_of(model))
    for handle in handles:
        handle.remove()
    return mac.get_total(), ac.get_total(), fired


def additions(operations, fired):
    """What these spikes cause in the layers behind them."""
    pairs = zip(operations.spiking, operations.fan_out, strict=True)
    return np.array([float((fired[layer_id] * fan_out).sum()) for layer_id, fan_out in pairs])


def fixture_model(name):
    if name == "tiny sddpm":
        return tiny_model("sddpm", image_size=32)
    if name == "tiny tsm":
        return tiny_model("sddpm", image_size=32, tsm=True)
    return load(name)


@pytest.mark.parametrize(
    "name", ["tiny sddpm", "tiny tsm", "sddpm-mnist", "sdit-mnist", "spiking-diffusion-mnist"]
)
def test_strict_count_is_that_of_spikingjelly(name):
    model = fixture_model(name)
    mac, ac, fired = counted(model)
    operations = count_operations(model.network)
    count = as_strict(operations, additions(operations, fired), model.network.num_snn_steps)
    assert count.mac.sum() == mac
    assert count.ac.sum() == pytest.approx(ac, rel=1e-9)
    assert (ac > 0) == (name != "sdit-mnist")


@pytest.mark.parametrize(
    ("architecture", "config"),
    [("sddpm", {}), ("sddpm", {"tsm": True}), ("spiking-diffusion", {})],
    ids=["sddpm", "tsm", "spiking-diffusion"],
)
def test_every_synapse_is_there_when_all_neurons_fire(architecture, config):
    model = tiny_model(architecture, **config)
    operations = count_operations(model.network)
    set_threshold(model.network, -1e9)
    _, ac, fired = counted(model)
    steps = model.network.num_snn_steps
    neurons = dict(zip(operations.spiking, operations.num_neurons, strict=True))
    assert all(each.sum() == steps * neurons[layer_id] for layer_id, each in fired.items())
    count = as_strict(operations, additions(operations, fired), steps)
    # A mean of nothing but ones looks like spikes to the other counter.
    means = sum(x.synapses for x in operations.layers if x.sources and not x.is_binary)
    assert count.ac.sum() + means == ac


@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
def test_tracing_leaves_the_network_as_it_was(architecture):
    model = tiny_model(architecture)
    network = model.network
    inputs = inputs_of(model)
    with torch.no_grad():
        before = network(*inputs)
        steps, hooks = network.num_snn_steps, num_hooks(network)
        network.train()
        count_operations(network)
        assert network.training
        network.eval()
        assert (network.num_snn_steps, num_hooks(network)) == (steps, hooks)
        assert torch.equal(network(*inputs), before)


@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
def test_operations_do_not_depend_on_the_number_of_snn_steps(architecture):
    operations = count_operations(tiny_model(architecture).network)
    assert operations == count_operations(tiny_model(architecture, num_snn_steps=1).network)


def test_layers_read_what_the_forward_pass_gives_them():
    layers = {x.id: x for x in count_operations(tiny_model("sddpm").network).layers}
    up = layers["upblocks.2.conv"]  # behind an upsampling
    assert up.sources == (("upblocks.2.neuron", 1.0),)
    assert up.is_binary
    assert up.is_stepwise
    shortcut = layers["upblocks.0.shortcut"]
    assert (shortcut.sources, shortcut.is_binary, shortcut.is_stepwise) == ((), False, True)
    assert not layers["conv"].is_stepwise  # a constant current is carried through once


def test_output_of_the_token_denoiser_reads_the_mean_of_two_layers():
    model = tiny_model("spiking-diffusion")
    *_, output = count_operations(model.network).layers
    first, *_, last = model.network.config.denoiser_widths
    share = last / (first + last)
    assert dict(output.sources) == pytest.approx({"sdid.conv3.2": share, "sdid.conv1.2": 1 - share})
    assert not output.is_binary
    assert not output.is_stepwise


def test_no_weight_layer_of_sdit_reads_spikes():
    operations = count_operations(tiny_model("sdit").network)
    assert len(operations.spiking) == 2 * 3
    assert not any(layer.is_binary or layer.sources for layer in operations.layers)
    assert not any(each.any() for each in operations.fan_out)
    strict = as_strict(operations, np.zeros(len(operations.spiking)), 4)
    assert strict.energy(Costs()).sum() == pytest.approx(as_ann(operations).energy(Costs()).sum())


def test_decoder_of_a_token_model_can_be_traced_too():
    network = tiny_model("spiking-diffusion").network
    tokens = torch.zeros(1, network.config.grid_size, network.config.grid_size, dtype=torch.int64)
    operations = trace(network, lambda: network.decode(tokens))
    generator, first, *_ = operations.layers
    assert generator.id == "vqsvae.vq_layer.poisson.0"
    assert not generator.is_binary
    # Transposed convolution: each of 3 x 3 inputs reaches 9 weights, less those that are cut off.
    assert first.macs == 4 * 5 * 9 * 3 * 3
    assert first.synapses == 4 * 5 * (3 * 3 - 1) ** 2
    assert first.sources == (("vqsvae.vq_layer.poisson.2", 1.0),)
    neurons = dict(zip(operations.spiking, operations.fan_out, strict=True))
    reached = neurons["vqsvae.vq_layer.poisson.2"]  # by each of 3 x 3 places of 4 channels
    assert 4 * reached.sum() == first.synapses
    assert reached[0, 0] == 5 * 4
    assert reached[1, 1] == 5 * 9


def test_padding_is_no_synapse():
    network = tiny_model("sddpm").network
    conv = next(x for x in count_operations(network).layers if x.id == "conv_identity")
    assert conv.macs == 6 * 6 * 9 * 8 * 8
    assert conv.synapses == 6 * 6 * (3 * 8 - 2) ** 2


def test_ann_multiplies_everywhere_once(small):
    count = as_ann(small)
    assert count.mac.tolist() == [10, 100, 100, 100, 100]
    assert not count.ac.any()
    assert count.energy(Costs()).sum() == pytest.approx(410 * 4.6e-12)


def test_papers_multiply_in_the_first_convolution_only(small):
    count = as_papers(small, RATES, 4)
    assert count.mac.tolist() == [0, 100, 0, 0, 0]
    expected = [10 * MEAN * 4, 0, 100 * 0.2 * 4, 100 * MEAN * 4, 100 * MEAN * 4]
    assert np.allclose(count.ac, expected)
    energy = 1e-12 * (4.6 * 100 + 0.9 * sum(expected))
    assert count.energy(Costs()).sum() == pytest.approx(energy)


def test_strict_count_adds_only_where_spikes_are_read(small):
    count = as_strict(small, ADDITIONS, 4)
    assert count.mac.tolist() == [10, 100, 0, 400, 100]
    assert np.allclose(count.ac, [0, 0, 64, 0, 0])


def test_layers_that_read_the_same_spikes_share_the_additions_by_their_synapses(small):
    wide = weight_layer(
        "wide", sources=(("a", 1.0),), is_binary=True, is_stepwise=True, synapses=240
    )
    count = as_strict(replace(small, layers=(*small.layers, wide)), ADDITIONS, 4)
    assert np.allclose(count.ac, [0, 0, 16, 0, 0, 48])


def test_published_energy_of_the_paper_implies_its_rate(default_sddpm):
    operations = default_sddpm
    rates = np.full(len(operations.spiking), 0.47)
    assert as_ann(operations).energy(Costs()).sum() == pytest.approx(29.83e-3, rel=1e-3)
    assert as_papers(operations, rates, 4).energy(Costs()).sum() == pytest.approx(
        10.97e-3, rel=0.01
    )


@pytest.mark.parametrize(("account", "values"), [(as_papers, RATES), (as_strict, ADDITIONS)])
def test_many_steps_are_counted_step_by_step(small, account, values):
    steps = np.stack([values, 2 * values, np.full(2, np.nan)], axis=1)
    together = account(small, steps, 4)
    for step, each in enumerate((values, 2 * values)):
        alone = account(small, each, 4)
        assert np.allclose(together.mac[:, step], alone.mac)
        assert np.allclose(together.ac[:, step], alone.ac)
    assert np.isnan(together.ac[2, 2])


def test_mean_rate_weighs_layers_by_their_neurons(small):
    steps = np.stack([RATES, 2 * RATES], axis=1)
    assert np.allclose(mean_rate(small, steps), [MEAN, 2 * MEAN])


def test_input_rates_mix_what_is_joined_and_are_unknown_for_real_values(small):
    rates = input_rates(small, RATES)
    assert np.allclose(rates, [np.nan, np.nan, 0.2, np.nan, 0.35], equal_nan=True)


def test_silent_and_saturated_networks_bound_the_additions(small):
    assert not as_strict(small, np.zeros(2), 4).ac.any()
    assert as_strict(small, np.array([10 * 4 * 8.0, 0]), 4).ac.sum() == 80 * 4


def test_costs_are_free_to_choose(small):
    count = as_strict(small, ADDITIONS, 4)
    assert count.energy(Costs(mac=0, ac=2)).sum() == pytest.approx(2e-12 * count.ac.sum())
    assert replace(Costs(), ac=0.03).mac == 4.6


@pytest.mark.parametrize("value", [-1.0, math.inf, math.nan])
def test_impossible_costs_are_refused(value):
    with pytest.raises(ConfigError, match="must be 0 or more"):
        Costs(ac=value)
