"""What is specific to SDiT, on its way through runs: the memory of RWKV, and its module left out."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from spikestudio.app import context
from spikestudio.app.main_window import MainWindow
from spikestudio.app.viewmodels.run import RunState
from spikestudio.checkpoints.loader import load
from spikestudio.neurons.overrides import Override
from spikestudio.recording.record import Record
from spikestudio.sampling.branch import Branch
from spikestudio.sampling.recompute import recompute
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sampling.run import SamplingRun
from tests.tiny import save_tiny, tiny_model

WAIT_MS = 30_000
LAYER, OTHER = "mid_block.lif1", "in_blocks.0.lif2"
ABLATION = Override(layer="*", kind="no-reconstruction", steps=(1, 2))
REQUEST = SamplingRequest(num=3, seed=5, steps=4, overrides=(ABLATION,))


def sampled(model, request=REQUEST, **choices):
    run = SamplingRun(model, request, **choices)
    for _ in run:
        pass
    assert run.result is not None
    return run


@pytest.fixture(scope="module")
def model():
    return tiny_model("sdit")


@pytest.fixture(scope="module")
def ablated(model):
    return sampled(model, layer=LAYER)


def test_an_ablated_run_differs_and_leaves_the_model_as_it_was(model, ablated):
    intact = replace(REQUEST, overrides=())
    before = sampled(model, intact).result.images
    assert not np.array_equal(before, ablated.result.images)
    sampled(model)
    assert np.array_equal(before, sampled(model, intact).result.images)


def test_it_holds_at_its_steps_only_and_no_layer_changes_its_shape(model, ablated):
    intact = sampled(model, replace(REQUEST, overrides=()), layer=LAYER)
    assert ablated.recorder.layers == intact.recorder.layers
    spikes = [
        [run.recorder.spikes(OTHER, step) for step in range(REQUEST.steps)]
        for run in (sampled(model, layer=OTHER), sampled(model, intact.request, layer=OTHER))
    ]
    assert np.array_equal(spikes[0][0], spikes[1][0])
    assert not np.array_equal(spikes[0][2], spikes[1][2])  # the state that entered is another one


def test_the_same_bits_whatever_is_recorded_and_from_its_json(model, ablated):
    again = SamplingRequest.from_json(json.loads(json.dumps(REQUEST.to_json())))
    assert again == REQUEST
    quiet = sampled(model, again, record=Record())
    assert np.array_equal(quiet.result.images, ablated.result.images)
    alone = sampled(model, replace(REQUEST, num=1, first_image=1))
    assert np.array_equal(alone.result.images[0], ablated.result.images[1])


@pytest.mark.parametrize("step", [0, 2, 3])
def test_a_step_is_computed_again_with_or_without_the_module_as_it_was(model, ablated, step):
    found = recompute(model, ablated.recorder, step, [LAYER])[LAYER]
    assert np.array_equal(found.spikes, ablated.recorder.spikes(LAYER, step))
    assert found.memory is not None


def test_a_branch_goes_on_without_the_module(model, ablated):
    branch = Branch.of(ablated.recorder, 2)
    run = sampled(model, REQUEST, branch=branch, parent=ablated.recorder)
    assert np.array_equal(run.result.images, ablated.result.images)


def test_the_window_computes_the_memory_though_the_potentials_are_recorded(qtbot, qapp, tmp_path):
    window = MainWindow(context.create(tmp_path / "config"))
    window.show()
    try:
        parts = window.context
        run, sampler = parts.run, parts.sampler
        path = save_tiny(tmp_path / "tiny.safetensors", "sdit")
        window.start(str(path))
        qtbot.waitUntil(lambda: sampler.can_sample, timeout=WAIT_MS)
        run.select(layer=LAYER)
        sampler.set(num=2, seed=5, steps=4)
        sampler.sample()
        qtbot.waitUntil(lambda: run.state is RunState.FINISHED, timeout=WAIT_MS)
        run.select(layer=LAYER, neurons=(25,))
        qtbot.waitUntil(lambda: run.known.memory(LAYER, 3) is not None, timeout=WAIT_MS)
        assert run.recorder.potentials(LAYER, 3) is not None
        expected = recompute(load(path), run.recorder, 3, [LAYER])[LAYER].memory
        assert np.allclose(run.known.memory(LAYER, 3).outputs, expected.outputs, atol=1e-5)
        state = parts.lesson.state.value
        assert (state("wkv.token"), state("wkv.channel")) == (1, 5)  # 20 features
        assert state("wkv.decay") == pytest.approx(float(expected.decay[5]))
        assert state("wkv.half_life") == pytest.approx(float(expected.half_lives[5]))
        assert state("wkv.output") == pytest.approx(float(expected.outputs[1, 5]), abs=1e-5)
        assert parts.inspection.wanted is None
        run.select(layer=OTHER, neurons=(25,))
        assert state("wkv.token") is None
    finally:
        window.close()
        window.deleteLater()
