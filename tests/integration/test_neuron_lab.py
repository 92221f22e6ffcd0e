"""A neuron of a network, taken into the lab, fires there as it did in the network."""

import numpy as np
import pytest

from spikestudio.app.viewmodels.neuron_lab import NeuronLabModel
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.timeline import TimelineModel
from spikestudio.checkpoints.loader import load
from spikestudio.neurons.overrides import Override
from spikestudio.recording.record import Record
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sampling.run import SamplingRun
from tests.tiny import ARCHITECTURE_NAMES, save_tiny

LAYERS = {
    "sddpm": "downblocks.0.neuron2",
    "spiking-diffusion": "sdid.conv2.2",
    "sdit": "mid_block.lif1",
}
STEPS = 4
CHANGES = {
    "as it is": (),
    "soft": (Override(layer="*", kind="soft-reset"),),
    "other constants": (
        Override(layer="*", kind="threshold", value=0.9, steps=(1, 2)),
        Override(layer="*", kind="hard-reset", value=-0.2),
        Override(layer="*", kind="scale", value=1.5),
    ),
}


@pytest.fixture(scope="module", params=ARCHITECTURE_NAMES)
def loaded(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return request.param, load(save_tiny(folder / "tiny.safetensors", request.param))


def sampled(loaded, overrides, **recorded):
    architecture, model = loaded
    request = SamplingRequest(
        **{**model.defaults(), "steps": STEPS, "num": 2, "seed": 3, "overrides": overrides}
    )
    run = RunModel()
    timeline = TimelineModel(run)
    for event in SamplingRun(model, request, record=Record(**recorded)):
        run.take(event)
    run.select(layer=LAYERS[architecture])
    return run, timeline


@pytest.mark.parametrize("name", CHANGES)
def test_the_lab_fires_as_the_network_did(qapp, loaded, name):
    architecture, _ = loaded
    run, timeline = sampled(loaded, CHANGES[name], potentials=LAYERS[architecture])
    lab = NeuronLabModel(run, timeline)
    lab.prepare()
    layer, fired = run.layer(LAYERS[architecture]), 0
    for step in range(STEPS):
        timeline.seek(step, 0)
        potentials = run.known.potentials(layer.id, step)
        for neuron in range(0, layer.num_neurons, max(1, layer.num_neurons // 12)):
            run.select(neurons=(neuron,))
            lab.take_real()
            assert (lab.real.neuron, lab.real.step, lab.real.layer) == (neuron, step, layer)
            assert lab.spikes == tuple(run.known.spikes(layer.id, step)[:, neuron])
            assert np.array_equal(lab.outcome.driven.h, potentials.h[:, neuron])
            assert np.array_equal(lab.outcome.driven.v, potentials.v[:, neuron])
            assert lab.threshold == potentials.threshold
            fired += sum(lab.spikes)
    assert fired


def test_a_neuron_that_was_watched_alone_can_be_taken_too(qapp, loaded):
    architecture, _ = loaded
    name = LAYERS[architecture]
    run, _ = sampled(loaded, (), potentials=None, watch=((name, 5), (name, 2)))
    lab = NeuronLabModel(run)
    lab.prepare()
    run.select(neurons=(3,))
    assert "neuron 3 was not recorded at denoising step 4" in lab.cannot_take
    run.select(neurons=(2,))
    lab.take_real()
    assert lab.source == f"Neuron 2 of layer {name}, denoising step 4"
    assert lab.spikes == tuple(run.known.spikes(name, STEPS - 1)[:, 2])
