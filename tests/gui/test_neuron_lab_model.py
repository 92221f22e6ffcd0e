"""The neuron lab's view-model: what lessons set and read."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from spikestudio.app.viewmodels.neuron_lab import PROFILE, NeuronLabModel
from spikestudio.app.viewmodels.neuron_lab_examples import EXAMPLES
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.timeline import TimelineModel
from spikestudio.errors import ConfigError
from spikestudio.neurons.lab import Neuron, drive, gradients, rates
from spikestudio.neurons.overrides import Override
from spikestudio.neurons.reference import integrate
from tests.gui.fakes import SMALL_LAYERS, FakeRun

LAYER = SMALL_LAYERS[0]


class Queue:
    """Jobs that wait until the test lets them go."""

    def __init__(self):
        self.jobs = []

    def __call__(self, job, done, failed):
        self.jobs.append((job, done, failed))

    def do(self):
        job, done, _ = self.jobs.pop(0)
        done(job())


@pytest.fixture
def run(qapp):
    return RunModel()


@pytest.fixture
def lab(run):
    model = NeuronLabModel(run, TimelineModel(run))
    model.prepare()
    return model


def recorded(run, *, neuron=7, steps=3, overrides=()):
    fake = FakeRun(run)
    if overrides:
        fake.request = replace(fake.request, overrides=overrides)
    fake.start()
    fake.step(steps)
    run.select(layer=LAYER.id, neurons=(neuron,))
    return fake


# what is set ----------------------------------------------------------------------------------


def test_every_property_changes_what_the_neuron_does(lab, qtbot):
    lab.current = (0.4,) * 8
    assert (lab.kind, lab.steps, lab.spikes) == ("IF", 8, (0, 0, 1, 0, 0, 1, 0, 0))
    assert lab.rate == 0.25
    for name, value in (
        ("threshold", 0.7),
        ("reset", "soft"),
        ("kind", "LIF"),
        ("tau", 1.5),
        ("decays_input", False),
        ("reset", -0.5),
        ("kind", "PLIF"),
    ):
        with qtbot.waitSignal(lab.changed):
            setattr(lab, name, value)
        assert getattr(lab, name) == value
        expected = drive(lab.neuron, lab.current)
        assert lab.spikes == tuple(expected.spikes)
        assert np.array_equal(lab.outcome.driven.h, expected.h)
    assert lab.neuron == Neuron(
        kind="PLIF", tau=1.5, v_threshold=0.7, reset=-0.5, decays_input=False
    )


def test_the_input_can_be_of_every_shape(lab):
    lab.amplitude = 0.5
    assert lab.current.tolist() == [0.5] * 8
    lab.steps = 4
    lab.shape = "stepped"
    assert lab.current.tolist() == [0, 0.5, 0.5, 0]
    lab.shape = "noisy"
    lab.seed, lab.noise = 3, 0.2
    noisy = lab.current.copy()
    assert len(set(noisy.tolist())) == 4
    lab.shape = "drawn"
    assert np.allclose(lab.current, noisy, atol=1e-4)
    lab.set_values({1: 2.0, 2: -1.0})
    assert lab.current.tolist()[1:3] == [2.0, -1.0]
    lab.steps = 2
    lab.steps = 4
    assert lab.current.tolist()[1:3] == [2.0, -1.0]  # what is out of sight is kept
    lab.current = [1, 0, 1]
    assert (lab.shape, lab.steps) == ("drawn", 3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "QIF"),
        ("tau", 1.0),
        ("threshold", 0),
        ("reset", "never"),
        ("steps", 0),
        ("steps", 65),
        ("steps", 2.5),
        ("shape", "sine"),
        ("amplitude", float("nan")),
        ("noise", -1),
        ("seed", -1),
        ("current", [float("inf")]),
        ("current", [0.0] * 65),
        ("surrogate", "Heaviside"),
        ("alpha", 0),
        ("cursor", 8),
        ("cursor", -1),
    ],
)
def test_a_value_that_cannot_be_changes_nothing(lab, name, value):
    def state():
        return (lab.neuron, lab.input, lab.steps, lab.cursor, lab.spikes)

    before = state()
    with pytest.raises(ConfigError) as caught:
        setattr(lab, name, value)
    assert caught.value.field == ("v_threshold" if name == "threshold" else name)
    assert str(caught.value).endswith(".")
    assert state() == before


def test_the_cursor_stays_within_the_steps(lab, qtbot):
    with qtbot.waitSignal(lab.changed):
        lab.cursor = 7
    lab.steps = 4
    assert lab.cursor == 3


def test_the_hard_reset_comes_back_after_a_soft_one(lab):
    lab.reset = -0.25
    lab.reset = "soft"
    assert lab.hard_reset == -0.25
    assert lab.neuron.v_reset is None


def test_the_surrogate_is_that_of_every_step(lab):
    lab.surrogate = "Sigmoid"
    assert lab.alpha == 4.0
    lab.alpha = 2.0
    distances = lab.outcome.driven.h - np.float32(lab.threshold)
    assert np.array_equal(lab.outcome.slopes, gradients(lab.neuron, distances))
    assert np.array_equal(lab.outcome.profile, gradients(lab.neuron, PROFILE))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each.name)
def test_examples_show_what_they_say(lab, example):
    lab.use_example(example.name)
    assert lab.neuron == example.setup.neuron
    match example.name:
        case "Charge, fire, reset" | "A leak forgets":
            assert 0 < sum(lab.spikes) < lab.steps
        case "Too weak for ever":
            assert not any(lab.spikes)
        case "Soft reset keeps the rest":
            soft = sum(lab.spikes)
            lab.reset = 0.0
            assert soft > sum(lab.spikes) > 0
        case "Only four rates":
            assert set(lab.curve.measured) == {0, 0.25, 0.5, 1}
            assert lab.curve.levels.tolist() == [0.25, 0.5, 1]
        case "Noise makes it fire":
            assert any(lab.spikes)
            lab.noise = 0.0
            assert not any(lab.spikes)
        case _:
            pytest.fail("an example without a test")


# background -----------------------------------------------------------------------------------


def test_torch_is_loaded_in_a_job_and_nothing_is_made_up_before(run):
    queue = Queue()
    lab = NeuronLabModel(run, None, queue)
    lab.threshold = 0.5
    assert (lab.spikes, lab.rate, lab.is_ready, queue.jobs) == ((), None, False, [])
    lab.prepare()
    lab.prepare()
    assert len(queue.jobs) == 1
    assert lab.is_loading
    queue.do()
    assert lab.is_ready
    assert not lab.is_loading
    assert lab.spikes == (0, 1) * 4


def test_a_failure_to_load_is_said_and_can_be_tried_again(run):
    queue = Queue()
    lab = NeuronLabModel(run, None, queue)
    lab.prepare()
    queue.jobs.pop()[2]("No module named torch", "")
    assert lab.failure == "No module named torch"
    assert not lab.is_ready
    lab.prepare()
    queue.do()
    assert (lab.is_ready, lab.failure) == (True, "")


def test_the_curve_is_measured_in_the_background_and_only_the_newest_is_asked_for(run):
    queue = Queue()
    lab = NeuronLabModel(run, None, queue)
    lab.prepare()
    queue.do()
    assert len(queue.jobs) == 1
    for threshold in (0.9, 0.8, 0.7):
        lab.threshold = threshold
    assert len(queue.jobs) == 1
    assert not lab.is_curve_current
    queue.do()  # of the first threshold, 1
    assert not lab.is_curve_current
    assert len(queue.jobs) == 1
    queue.do()
    assert lab.is_curve_current
    assert lab.curve.neuron.v_threshold == 0.7
    assert queue.jobs == []
    assert np.array_equal(lab.curve.measured, rates(lab.neuron, lab.curve.currents, lab.steps))


def test_the_surrogate_measures_nothing_anew(run):
    queue = Queue()
    lab = NeuronLabModel(run, None, queue)
    lab.prepare()
    while queue.jobs:
        queue.do()
    lab.surrogate, lab.alpha = "Sigmoid", 7.0
    assert queue.jobs == []
    assert lab.is_curve_current


def test_the_curve_reaches_as_far_as_the_input(lab):
    lab.amplitude = 20.0
    assert lab.curve.top > 20
    lab.amplitude = 0.4
    assert lab.curve.top < 5


def test_a_neuron_that_rests_above_its_threshold_has_measured_rates_only(lab):
    lab.threshold, lab.reset = 0.5, 0.8
    assert not lab.curve.has_closed_form
    assert lab.curve.edges.size == 0
    assert lab.curve.measured.max() == 1


# a real neuron --------------------------------------------------------------------------------


def test_a_real_neuron_fires_as_recorded_and_can_be_changed(lab, run):
    lab.kind, lab.threshold, lab.steps = "PLIF", 0.6, 16
    own = (lab.neuron, lab.input, lab.steps)
    fake = recorded(run)
    assert lab.cannot_take == ""
    lab.take_real()
    potentials = fake.recorder.potentials(LAYER.id, 2)
    assert np.array_equal(lab.current, potentials.current[:, 7])
    assert lab.spikes == tuple(fake.recorder.spikes(LAYER.id, 2)[:, 7])
    assert np.array_equal(lab.outcome.driven.h, potentials.h[:, 7])
    assert (lab.kind, lab.threshold, lab.reset, lab.steps) == ("IF", 1.0, 0.0, 4)
    assert lab.source == f"Neuron 7 of layer {LAYER.id}, denoising step 3"
    lab.threshold = 0.05
    expected = integrate(potentials.current[:, 7], v_threshold=0.05).spikes
    assert lab.spikes == tuple(expected)
    assert lab.real.spikes.sum() != sum(lab.spikes)
    lab.go_back()
    assert (lab.neuron, lab.input, lab.steps) == own
    assert lab.source == ""


def test_a_recorded_input_cannot_be_edited(lab, run):
    recorded(run)
    lab.take_real()
    before = lab.current.copy()
    for name, value in (("steps", 8), ("amplitude", 1.0), ("shape", "noisy"), ("current", [1.0])):
        with pytest.raises(ConfigError, match="go back to your own current"):
            setattr(lab, name, value)
    with pytest.raises(ConfigError, match="go back"):
        lab.set_values({0: 1.0})
    assert np.array_equal(lab.current, before)


def test_another_neuron_can_be_taken_and_the_own_current_is_still_there(lab, run):
    lab.current = [1.0, 2.0]
    recorded(run)
    lab.take_real()
    run.select(neurons=(8,))
    lab.take_real()
    assert lab.real.neuron == 8
    lab.go_back()
    assert lab.current.tolist() == [1.0, 2.0]
    lab.take_real()
    lab.use_example(EXAMPLES[0].name)
    assert lab.source == ""


def test_it_is_that_of_the_step_looked_at(run):
    timeline = TimelineModel(run)
    lab = NeuronLabModel(run, timeline)
    fake = recorded(run, steps=4)
    timeline.seek(1, 0)
    lab.take_real()
    assert lab.real.step == 1
    assert np.array_equal(lab.current, fake.recorder.potentials(LAYER.id, 1).current[:, 7])


def test_why_there_is_none_to_take(lab, run, qtbot):
    assert "sample first" in lab.cannot_take
    fake = recorded(run)
    run.select(neurons=())
    assert "No neuron is selected" in lab.cannot_take
    run.select(neurons=(10_000,))
    assert "has no neuron 10,000" in lab.cannot_take
    run.select(layer=SMALL_LAYERS[1].id, neurons=(0,))
    assert "was not recorded at denoising step 3" in lab.cannot_take
    before = lab.spikes
    with qtbot.waitSignal(lab.rejected) as told:
        lab.take_real()
    assert told.args == [lab.cannot_take]
    assert (lab.source, lab.spikes) == ("", before)
    assert fake.recorder.potentials(SMALL_LAYERS[1].id, 2) is None


def test_a_silenced_neuron_is_not_taken_and_another_constant_is(lab, run):
    recorded(
        run,
        overrides=(
            Override(layer=LAYER.id, kind="silence", neurons=(7,)),
            Override(layer=LAYER.id, kind="hard-reset", value=-0.5),
        ),
    )
    assert "lesion forces neuron 7" in lab.cannot_take
    run.select(neurons=(6,))
    lab.take_real()
    assert lab.reset == -0.5


# files ----------------------------------------------------------------------------------------


def test_traces_are_saved_as_csv(lab, tmp_path, qtbot):
    lab.kind = "LIF"
    with qtbot.waitSignal(lab.told) as told:
        lab.save_csv(tmp_path / "neuron.csv")
    assert told.args == [f"Saved neuron.csv in {tmp_path}."]
    with (tmp_path / "neuron.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["spike"]) for row in rows] == list(lab.spikes)
    assert rows[0]["neuron"] == "LIF"
    with qtbot.waitSignal(lab.rejected) as told:
        lab.save_csv(tmp_path / "gone" / "neuron.csv")
    assert "does not exist" in told.args[0]
