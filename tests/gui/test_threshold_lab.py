"""Thresholds of the next run: what is asked for, beside what other docks ask for."""

import json

import numpy as np
import pytest

from spikestudio.app.viewmodels import layer_edits
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.sampler import SamplerModel
from spikestudio.app.viewmodels.threshold_lab import ThresholdLab
from spikestudio.neurons.constants import constants_at
from spikestudio.neurons.overrides import Override
from spikestudio.neurons.schedules import PRESETS, Curve, Point, place
from spikestudio.sampling.control import RunControl
from spikestudio.sampling.request import SamplingRequest
from tests.gui.fake_worker import card, entry, model_info
from tests.gui.fakes import SMALL_LAYERS, FakeRecorder, FakeRun, layer

LAYERS = (
    layer("neuron", 2, 3, 3),
    layer("downblocks.0.neuron1", 2, 3, 3),
    layer("downblocks.0.neuron2", 2, 3, 3),
    layer("upblocks.0.neuron1", 2, 3, 3),
    layer("upblocks.0.neuron2", 2, 3, 3),
)
IDS = tuple(each.id for each in LAYERS)
LESION = Override(layer="*", kind="silence", neurons=(1,))
RESET = Override(layer="neuron", kind="soft-reset")


@pytest.fixture
def run(qapp):
    return RunModel()


@pytest.fixture
def sampler(run):
    made = SamplerModel(run, lambda *_: RunControl())
    made.set_model(model_info(entry().path, card(), layers=LAYERS))
    made.set(steps=10, overrides=(LESION, RESET))
    return made


@pytest.fixture
def lab(run, sampler):
    return ThresholdLab(run, sampler)


def in_force(sampler, step=0):
    """Thresholds of the layers by the definition."""
    request = sampler.request
    return [
        constants_at(each, request.overrides, step, request.threshold).v_threshold
        for each in LAYERS
    ]


def scheduled(sampler):
    """Threshold of every step in a layer that nothing else concerns."""
    return [in_force(sampler, step)[0] for step in range(sampler.request.steps)]


# by layer ---------------------------------------------------------------------------------------


def test_a_layer_beats_its_group_beats_all(sampler, lab):
    lab.set_value("downblocks.0.neuron2", 1.002)
    lab.set_value("*", 0.999)
    lab.set_value("downblocks.*", 0.997)
    assert sampler.request.threshold == 0.999
    assert in_force(sampler) == [0.999, 0.997, 1.002, 0.999, 0.999]
    results = lab.results()
    assert results.values[:, 0].tolist() == in_force(sampler)
    assert results.sources == ("all", "group", "own", "all", "all")
    assert results.text(IDS) == "0.997–1.002"
    assert results.text(IDS[:1]) == "0.999"
    assert results.source(IDS[1:2]) == "group"
    assert results.source(IDS) == ""
    assert {LESION, RESET} <= set(sampler.request.overrides)


def test_each_is_taken_off_exactly(sampler, lab):
    before = sampler.request
    for target, value in (("*", 0.9), ("downblocks.*", 0.8), (IDS[2], 0.7)):
        lab.set_value(target, value)
    for target in (IDS[2], "*", "downblocks.*"):
        lab.revert(target)
    assert sampler.request == before
    assert lab.num_differences == 0


def test_all_as_in_the_checkpoint_leaves_lesions_and_other_constants(sampler, lab):
    before = sampler.request
    lab.set_value("*", 0.9)
    lab.set_value("upblocks.*", 0.8)
    lab.use_preset("Cosine")
    assert lab.num_differences == 3
    lab.revert_all()
    assert sampler.request == before
    assert not lab.is_scheduled


def test_it_shares_the_layers_with_their_table(sampler, lab):
    lab.set_value("downblocks.*", 0.9)
    overrides = layer_edits.typed(
        sampler.request.overrides, LAYERS[1], "threshold", "0.8", sampler.request.threshold
    )
    sampler.set(overrides=overrides)
    assert lab.own(IDS[1]) == 0.8
    lab.set_value("downblocks.*", 0.95)  # later, and still the weaker one
    assert in_force(sampler)[1:3] == [0.8, 0.95]
    lab.set_value(IDS[1], 0.7)
    assert layer_edits.text(sampler.request.overrides, LAYERS[1], "threshold", 1.0) == "0.7"
    assert layer_edits.edits(sampler.request.overrides) == 2  # with the reset
    lab.revert(IDS[1])
    assert in_force(sampler)[1] == 0.95


def test_other_overrides_are_counted_and_kept(sampler, lab):
    other = Override(layer="upblocks.0.neuron1", kind="threshold", value=1.4, steps=(2, 3))
    sampler.set(overrides=(other, LESION))
    lab.set_value("upblocks.*", 0.9)
    assert lab.num_others == 1
    assert other in sampler.request.overrides
    assert in_force(sampler, 2)[3] == 1.4
    assert lab.results().values[3].tolist() == [0.9, 0.9, 1.4, 1.4, *[0.9] * 6]


# over the steps ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_overrides_of_the_next_run(sampler, lab, name):
    lab.set_preset_value(0.9)
    lab.use_preset(name)
    assert scheduled(sampler) == PRESETS[name](0.9, 1.0, 10).steps(10).tolist()
    assert {LESION, RESET} <= set(sampler.request.overrides)
    lab.set_preset_value(0.8)
    assert scheduled(sampler) == PRESETS[name](0.8, 1.0, 10).steps(10).tolist()


def test_groups_and_layers_stand_out_of_the_curve(sampler, lab):
    lab.set_value("upblocks.*", 1.2)
    lab.set_value(IDS[3], 1.3)
    lab.use_preset("Linear up")
    values = lab.results().values
    assert values[0].tolist() == scheduled(sampler)
    assert set(values[3]) == {1.3}
    assert set(values[4]) == {1.2}
    assert lab.results().sources == ("curve", "curve", "curve", "own", "group")


def test_the_curve_can_be_put_aside(sampler, lab):
    before = sampler.request
    lab.use_preset("Linear down")
    curve = lab.curve
    lab.set_scheduled(is_scheduled=False)
    assert sampler.request == before
    lab.set_scheduled(is_scheduled=True)
    assert lab.curve == curve
    assert scheduled(sampler) == curve.steps(10).tolist()


@pytest.mark.parametrize("steps", [1, 4, 25, 1000])
def test_a_curve_keeps_its_form_in_a_run_of_another_length(sampler, lab, steps):
    lab.set_curve(Curve((Point(0, 0.9), Point(0.5, 1.1), Point(1, 1.0))))
    sampler.set(steps=steps)
    assert scheduled(sampler) == lab.curve.steps(steps).tolist()
    lab.use_preset("First half only")
    sampler.set(steps=10)
    assert scheduled(sampler) == [0.997] * 5 + [1.0] * 5


def test_a_preset_ends_at_the_threshold_of_all_layers(sampler, lab):
    lab.use_preset("Last third only")
    sampler.set(threshold=1.1)
    assert scheduled(sampler) == [1.1] * 7 + [0.997] * 3


def test_points_are_moved_by_steps(sampler, lab):
    lab.set_curve(Curve((Point(0, 1.0), Point(1, 1.0))))
    index = lab.add_point(4.3, 0.9)
    assert index == 1
    assert lab.curve.points[1] == Point(place(4, 10), 0.9)
    lab.move_point(1, 6.6, 0.8)
    assert lab.curve.points[1] == Point(place(7, 10), 0.8)
    lab.move_point(1, 40, 0.8)
    assert lab.curve.points[1] == Point(place(8, 10), 0.8)  # before the last one
    assert scheduled(sampler)[8] == 0.8
    lab.remove_point(1)
    assert scheduled(sampler) == [1.0] * 10


@pytest.mark.parametrize("name", PRESETS)
def test_a_request_put_back_shows_its_curve(run, sampler, lab, name):
    lab.use_preset(name)
    lab.set_value("upblocks.*", 0.9)
    curve, request = lab.curve, json.loads(json.dumps(sampler.request.to_json()))
    lab.revert_all()
    sampler.set(steps=7)
    again = SamplingRequest.from_json(request)
    sampler.set(**{name: getattr(again, name) for name in ("steps", "threshold", "overrides")})
    assert sampler.request == again
    assert lab.is_scheduled
    assert lab.curve == curve
    other = ThresholdLab(run, sampler)
    assert other.is_scheduled
    assert other.curve == curve
    assert sampler.request == again  # looking changes nothing


def test_a_schedule_of_some_steps_leaves_the_rest_to_the_common_threshold(sampler, lab):
    part = Override(layer="*", kind="threshold", value=0.9, steps=(3, 5))
    sampler.set(overrides=(part, LESION))
    assert lab.is_scheduled
    assert lab.curve.steps(10).tolist() == [1.0] * 3 + [0.9] * 3 + [1.0] * 4
    sampler.set(threshold=1.2)
    assert sampler.request.overrides == (part, LESION)
    assert lab.curve.steps(10).tolist() == [1.2] * 3 + [0.9] * 3 + [1.2] * 4


def test_another_model_has_no_curve_yet(sampler, lab):
    lab.use_preset("Cosine")
    sampler.set_model(model_info(entry("other").path, card(), layers=SMALL_LAYERS))
    assert not lab.is_scheduled
    assert [each.id for each in lab.layers] == [each.id for each in SMALL_LAYERS]
    assert lab.results().values.shape == (len(SMALL_LAYERS), sampler.request.steps)


def test_while_a_run_goes_on_it_is_said_to_be_for_the_next(run, sampler, lab):
    fake = FakeRun(run, FakeRecorder(LAYERS, num_steps=10))
    fake.request = sampler.request
    fake.start().step(2)
    assert not lab.is_for_next_run
    lab.use_preset("Constant")
    assert lab.is_for_next_run


# rates ------------------------------------------------------------------------------------------


def finished(run, seed, steps=6, layers=LAYERS, overrides=()):
    fake = FakeRun(run, FakeRecorder(layers, num_steps=steps, seed=seed))
    fake.request = SamplingRequest(num=2, steps=steps, overrides=overrides)
    fake.start().step(steps).finish()
    return fake.recorder.rates().mean(axis=0)


def test_the_rates_of_the_last_two_runs_are_kept(run, lab):
    assert lab.traces.last is None
    first = finished(run, seed=1)
    assert lab.traces.before is None
    second = finished(run, seed=2, steps=8)
    assert lab.traces.before.rates == pytest.approx(first)
    assert lab.traces.last.rates == pytest.approx(second)


def test_of_a_run_in_progress_only_what_is_done(run, lab):
    first = finished(run, seed=1)
    FakeRun(run, FakeRecorder(LAYERS, num_steps=6)).start().step(2)
    assert lab.traces.last.steps_done == 2
    assert np.isnan(lab.traces.last.rates[2:]).all()
    assert lab.traces.before.rates == pytest.approx(first)


def test_runs_of_other_layers_are_not_compared(run, lab):
    finished(run, seed=1, layers=SMALL_LAYERS)
    finished(run, seed=2)
    assert lab.traces.before is None


def test_with_the_thresholds_that_were_in_force(run, lab):
    steps = Override(layer="*", kind="threshold", value=0.9, steps=(0, 1))
    finished(run, seed=1, overrides=(steps,))
    assert lab.traces.last.thresholds.tolist() == [0.9, 0.9, 1.0, 1.0, 1.0, 1.0]
    fake = FakeRun(run, FakeRecorder(LAYERS, num_steps=6)).start().step(2)
    fake.set_threshold(1.1)
    fake.step(1)
    assert lab.traces.last.thresholds.tolist() == [1.0, 1.0, 1.1, 1.1, 1.1, 1.1]
