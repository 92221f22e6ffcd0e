"""The numbers of the membrane dock: equation, histogram, intervals."""

import re
from dataclasses import replace

import numpy as np
import pytest

from spikestudio.app.plots.ghost_data import Asked, replay
from spikestudio.app.plots.histogram_data import intervals, rate_histogram
from spikestudio.app.plots.input_axis import InputScale
from spikestudio.app.plots.traces_data import TracesData
from spikestudio.app.views.neuron_card import equation, moment_of
from spikestudio.neurons.constants import Constants
from spikestudio.neurons.reference import integrate
from spikestudio.recording.values import Watched
from spikestudio.types import LayerInfo
from tests.gui.fakes import FakePotentials

LAYER = LayerInfo("a", "LIF", (6, 4, 4), v_threshold=1.0, v_reset=0.0, tau=2.0)
STEPS, SNN_STEPS = 5, 8


class Source:
    """Neurons with the same constants at every step."""

    num_steps, snn_steps = STEPS, SNN_STEPS

    def __init__(self, constants, forced=None):
        rng = np.random.default_rng(1)
        current = rng.normal(0.6, 1.2, (STEPS, SNN_STEPS, 96)).astype(np.float32)
        self.runs = [
            integrate(
                x,
                v_threshold=constants.v_threshold,
                tau=constants.tau,
                v_reset=constants.v_reset,
                forced=forced,
            )
            for x in current
        ]
        self.current, self.constants = current, constants

    def potentials(self, _layer, step):
        run = self.runs[step]
        return FakePotentials(run.h, run.v, self.current[step], self.constants.v_threshold)

    def spikes(self, _layer, step):
        return self.runs[step].spikes


def filled(constants, neurons=tuple(range(16))):
    layer = LAYER if constants.tau is not None else replace(LAYER, neuron="IF", tau=None)
    data = TracesData(Source(constants), layer, neurons, lambda _step: constants)
    assert data.fill(STEPS, np.inf)
    return data


CONSTANTS = [
    Constants(threshold, v_reset, tau)
    for threshold in (1.0, 0.997)
    for v_reset in (0.0, -0.3, None)
    for tau in (None, 2.0, 3.5)
]


@pytest.mark.parametrize("constants", CONSTANTS)
def test_the_printed_equation_gives_the_recorded_potentials(constants):
    data = filled(constants)
    for index, step, snn_step in np.random.default_rng(0).integers(0, (16, 5, 8), (40, 3)).tolist():
        parts = equation(moment_of(data, index, step, snn_step))
        text = "".join(part.text for part in parts).replace("−", "-")
        h, v = data.h[index, step, snn_step], data.v[index, step, snn_step]
        given, result = text.split(" = ")[2:4]
        assert re.fullmatch(r"[-+() ./0-9]+", given)
        assert eval(given) == pytest.approx(h, abs=3e-3)  # of figures rounded to 0.0005
        assert float(re.match(r"[-.0-9]+", result)[0]) == pytest.approx(h, abs=6e-4)
        spike = data.spikes[index, step, snn_step]
        assert ("fires" in text) == spike == (h >= np.float32(constants.v_threshold))
        assert ("silent" in text) != spike
        assert ("≥ θ" in text) == spike
        after = re.search(r"v = (?:h - θ = )?([-.0-9]+)", text.split("θ", 1)[1])[1]
        assert float(after) == pytest.approx(v, abs=6e-4)
        assert ("soft reset" in text) == (spike and constants.v_reset is None)


def test_a_potential_just_below_the_threshold_is_not_printed_as_equal():
    data = filled(Constants(1.0, 0.0, None))
    data.h[0, 0, 0] = 0.99996
    data.spikes[0, 0, 0] = False
    text = "".join(part.text for part in equation(moment_of(data, 0, 0, 0)))
    assert "0.99996 < θ 1.00000" in text


def test_a_silenced_neuron_is_said_to_be_silenced():
    data = filled(Constants(1.0, 0.0, None))
    data.forced[0] = np.inf
    data.spikes[0, 0, 0] = False
    assert "; silenced: silent" in "".join(p.text for p in equation(moment_of(data, 0, 0, 0)))


def test_nothing_is_said_of_what_is_not_known():
    data = filled(Constants(1.0, 0.0, None))
    data.h[0, 1, 2] = np.nan
    assert moment_of(data, 0, 1, 2) is None
    assert moment_of(data, 0, STEPS, 0) is None
    assert moment_of(data, 0, -1, 0) is None


@pytest.mark.parametrize("constants", CONSTANTS)
def test_replay_without_a_change_is_what_was_recorded(constants):
    data = filled(constants)
    ghost = replay(data, Asked())
    assert np.array_equal(ghost.h, data.h)
    assert np.array_equal(ghost.v, data.v)
    assert np.array_equal(ghost.spikes, data.spikes)
    assert ghost.steps == STEPS


def test_replay_takes_every_constant_that_is_asked_for():
    data = filled(Constants(1.0, 0.0, 2.0))
    ghost = replay(data, Asked(0.6, 3.0, "soft"))
    for step in range(STEPS):
        x = data.current[:, step].T
        wanted = integrate(x, v_threshold=0.6, tau=3.0, v_reset=None)
        assert np.array_equal(ghost.h[:, step].T, wanted.h)
        assert np.array_equal(ghost.spikes[:, step].T, wanted.spikes)
    assert ghost.after.tolist() == ghost.spikes.sum(axis=(1, 2)).tolist()
    hard = replay(filled(Constants(1.0, None, 2.0)), Asked(reset="hard"))
    assert np.array_equal(hard.h, replay(filled(Constants(1.0, 0.0, 2.0)), Asked()).h)


def test_replay_leaves_out_what_was_not_recorded():
    data = filled(Constants(1.0, 0.0, 2.0))
    data.missing.append(2)
    ghost = replay(data, Asked(0.5))
    assert np.isnan(ghost.h[:, 2]).all()
    assert not ghost.spikes[:, 2].any()
    assert ghost.steps == STEPS - 1
    kept = [0, 1, 3, 4]
    assert ghost.before.tolist() == data.spikes[:, kept].sum(axis=(1, 2)).tolist()


class FewWatched(Source):
    """Keeps potentials of the neurons 3 and 7 only, beside those of another layer."""

    def potentials(self, _layer, _step):
        return None

    def watched(self, step):
        run, columns = self.runs[step], [7, 7, 3]
        parts = (run.h[:, columns], run.v[:, columns], self.current[step][:, columns])
        neurons = (("b", 7), ("a", 7), ("a", 3))
        return Watched(neurons, *parts, np.full(3, self.constants.v_threshold, np.float32))


def test_neurons_recorded_one_by_one_are_read_where_the_layer_was_not():
    constants = Constants(0.997, 0.0, 2.0)
    source = FewWatched(constants)
    told = Constants(1.0, 0.0, 2.0)
    data = TracesData(source, LAYER, (3, 5, 7), lambda _step: told, watched=source.watched)
    assert data.fill(STEPS, np.inf)
    whole = filled(constants, (3, 5, 7))
    assert data.missing == []
    assert data.constants == [constants] * STEPS
    for mine, wanted in ((data.h, whole.h), (data.v, whole.v), (data.current, whole.current)):
        assert np.array_equal(mine[[0, 2]], wanted[[0, 2]])
        assert np.isnan(mine[1]).all()
    ghost = replay(data, Asked())
    assert np.array_equal(ghost.h, data.h, equal_nan=True)
    assert ghost.before.tolist() == ghost.after.tolist()
    assert ghost.before[1] == 0
    assert ghost.before[0] == whole.spikes[0].sum()
    nothing = TracesData(source, LAYER, (5,), lambda _step: told, watched=source.watched)
    assert nothing.fill(STEPS, np.inf)
    assert nothing.missing == list(range(STEPS))


def test_a_lesion_stays_in_the_replay():
    data = filled(Constants(1.0, 0.0, None))
    data.forced[0], data.forced[1] = np.inf, -np.inf
    ghost = replay(data, Asked(0.4))
    assert ghost.after[0] == 0
    assert ghost.after[1] == STEPS * SNN_STEPS
    assert np.array_equal(ghost.h[2:], replay(filled(data.constants[0]), Asked(0.4)).h[2:])


# histogram ----------------------------------------------------------------------------------


@pytest.mark.parametrize("chances", [1, 2, 4, 8, 21, 41, 42, 200, 4000])
def test_every_neuron_is_in_the_bin_of_its_rate(chances):
    spikes = np.random.default_rng(2).integers(0, chances + 1, 5000)
    found = rate_histogram(spikes, chances, 1)
    assert found.neurons == 5000
    assert found.counts[0] == (spikes == 0).sum()
    assert found.counts[-1] == (spikes == chances).sum()
    assert found.mean == pytest.approx(spikes.mean() / chances)
    assert (np.diff(found.edges) > 0).all()
    expected, _ = np.histogram(spikes / chances, found.edges)
    assert found.counts.tolist() == expected.tolist()
    assert found.counts.size <= 42


def test_intervals_never_reach_across_a_denoising_step():
    spikes = np.zeros((2, 8), bool)
    spikes[0, [0, 2, 6]] = True
    spikes[1, [1, 2]] = True
    found = intervals(spikes)
    assert found.number == 3
    gaps = np.array([2, 4, 1])
    assert found.mean == pytest.approx(gaps.mean())
    assert found.cv == pytest.approx(gaps.std() / gaps.mean())
    assert intervals(np.eye(8, dtype=bool)).number == 0


# input --------------------------------------------------------------------------------------


def test_scale_of_the_input_holds_zero_and_says_where_it_is_cut():
    scale = InputScale().containing(np.array([0.4, np.nan, 1.3]), 1.0)
    assert (scale.low, scale.high) == (0.0, 2.0)
    scale = scale.containing(np.array([-70.0, 0.1]), 1.0)
    assert (scale.low, scale.high) == (-5.0, 2.0)
    assert scale.edge(2).text == "input ≤ −5 to 2"
    assert [text for _, text in scale.edge(2).marks] == ["≤ −5", "0", "2"]
    assert scale.height(0.0, 1) == pytest.approx(1.18 + 2 / 7 * 0.78)
