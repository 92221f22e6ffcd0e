"""Overrides of whole runs: same noise, other neurons, and no trace in the next run."""

import numpy as np
import pytest

import spikestudio as ss
from spikestudio.errors import ConfigError
from spikestudio.neurons.overrides import Override
from spikestudio.sampling.events import Finished
from spikestudio.sampling.run import SamplingRun
from tests.tiny import ARCHITECTURE_NAMES, num_hooks, tiny_model, tiny_request


@pytest.fixture(scope="module", params=ARCHITECTURE_NAMES)
def model(request):
    return tiny_model(request.param)


def finish(model, *overrides, **changes):
    run = SamplingRun(model, tiny_request(model, seed=3, overrides=overrides, **changes))
    *_, last = run
    assert isinstance(last, Finished), last
    return run


def test_a_lesion_changes_its_steps_and_the_next_run_knows_nothing_of_it(model):
    intact = finish(model)
    layer = max(intact.layers[: len(model.layers)], key=lambda each: each.num_neurons)
    row = [each.id for each in intact.layers].index(layer.id)
    lesioned = finish(model, Override(layer=layer.id, kind="clamp", steps=(1, 9)))
    before, after = intact.recorder.rates(), lesioned.recorder.rates()
    assert np.array_equal(before[:, 0], after[:, 0])  # same noise, not yet lesioned
    assert (after[row, 1:] == 1).all()
    assert (before[row, 1:] < 1).all()
    assert not np.array_equal(intact.result.images, lesioned.result.images)
    assert lesioned.recorder.spikes(layer.id, 1).all()
    again = finish(model)
    assert np.array_equal(intact.result.images, again.result.images)
    assert np.array_equal(before, again.recorder.rates())
    assert num_hooks(model.network) == 0


def test_overrides_are_applied_to_every_image_alike(model):
    lesion = Override(layer="*", kind="silence", neurons=(0, 1, 2))
    several = finish(model, lesion, num=3)
    alone = finish(model, lesion, num=1, first_image=2)
    assert np.array_equal(several.result.images[2], alone.result.images[0])


def test_a_threshold_of_every_layer_is_the_common_threshold(model):
    common = finish(model, threshold=0.7)
    each = finish(model, Override(layer="*", kind="threshold", value=0.7))
    assert np.array_equal(common.result.images, each.result.images)
    assert np.array_equal(common.recorder.rates(), each.recorder.rates())


def test_what_is_recorded_under_a_lesion_is_what_happened(model):
    layer = model.layers[0].id
    lesion = Override(layer=layer, kind="silence", neurons=(0, 1))
    run = SamplingRun(model, tiny_request(model, overrides=(lesion,)), layer=layer)
    assert isinstance([*run][-1], Finished)
    for step in range(len(run.timesteps)):
        seen, spikes = run.recorder.potentials(layer, step), run.recorder.spikes(layer, step)
        assert seen is not None
        assert spikes is not None
        assert not spikes[:, :2].any()
        assert np.array_equal(seen.h[:, 2:] >= seen.threshold, spikes[:, 2:].astype(bool))
        assert np.array_equal(seen.h[:, :2], seen.v[:, :2])


def test_what_does_not_fit_the_model_is_refused_before_the_run(model):
    with pytest.raises(ConfigError, match="No layer of this model fits 'head'"):
        ss.sample(model, overrides=[Override(layer="head", kind="silence")])
    with pytest.raises(ConfigError, match="has no neuron 1000000"):
        ss.sample(model, overrides=[{"layer": "*", "kind": "silence", "neurons": [1_000_000]}])
