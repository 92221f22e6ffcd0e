"""Orders of neurons, filters over them, and what is shown of several layers."""

import math

import numpy as np
import pytest

from spikestudio.app.plots.raster_data import RasterStack
from spikestudio.app.plots.row_choice import RowChoice, cut
from spikestudio.app.plots.row_orders import (
    MOST_SIMILAR,
    NEVER,
    RULES,
    fields,
    passing,
    similar_orders,
)
from spikestudio.app.viewmodels.run import Known
from spikestudio.recording.filters import FIELDS, parse
from tests.gui.fakes import SMALL_LAYERS, FakeRecorder, layer


def stack_of(recorder, layers=None, steps=None):
    stack = RasterStack(Known(recorder, {}), layers or recorder.layers)
    while not stack.count(steps or recorder.steps_done, math.inf):
        pass
    return stack


@pytest.fixture
def recorder():
    made = FakeRecorder()
    for _ in range(6):
        made.advance()
    return made


def trains(recorder, layer_id):
    return np.concatenate([recorder.spikes(layer_id, step) for step in range(6)]).T


def test_latency_is_the_first_spike_of_the_run(recorder):
    fired = stack_of(recorder).fired[0]
    spikes = trains(recorder, "head.neuron")
    expected = np.where(spikes.any(axis=1), spikes.argmax(axis=1), NEVER)
    assert np.array_equal(fired.first, expected)
    order = RULES["first spike"](fired)
    assert (np.diff(expected[order]) >= 0).all()
    assert np.array_equal(np.sort(order), np.arange(144))


def test_place_goes_by_y_then_x_then_channel(recorder):
    maps, _, tokens = stack_of(recorder).fired
    channel, y, x = np.unravel_index(RULES["place (y, x)"](maps), (4, 6, 6))
    assert np.array_equal(np.lexsort((channel, x, y)), np.arange(144))
    assert np.array_equal(RULES["place (y, x)"](tokens), np.arange(15))


def test_fields_say_where_a_neuron_is_and_what_it_did(recorder):
    maps, _, tokens = stack_of(recorder).fired
    columns = fields(maps, frozenset(FIELDS))
    spikes = trains(recorder, "head.neuron")
    channel, y, x = np.unravel_index(np.arange(144), (4, 6, 6))
    for name, expected in {"channel": channel, "y": y, "x": x, "neuron": np.arange(144)}.items():
        assert np.array_equal(columns[name], expected)
    assert np.array_equal(columns["spikes"], spikes.sum(axis=1))
    np.testing.assert_allclose(columns["rate"], spikes.mean(axis=1))
    assert np.array_equal(columns["dead"], ~spikes.any(axis=1))
    assert np.array_equal(columns["saturated"], spikes.all(axis=1))
    silent = ~spikes.any(axis=1)
    assert np.isnan(columns["latency"][silent]).all()
    of_tokens = fields(tokens, frozenset(FIELDS))
    assert np.array_equal(of_tokens["x"], np.arange(15) // 5)
    assert np.array_equal(of_tokens["channel"], np.arange(15) % 5)
    assert np.isnan(of_tokens["y"]).all()


def test_a_filter_on_the_layer_passes_all_or_none_of_it(recorder):
    masks = [passing(fired, parse('layer == "head.neuron"')) for fired in stack_of(recorder).fired]
    assert masks[0].all()
    assert not masks[1].any()
    assert masks[0].shape == (144,)


class Groups:
    """A source in which neurons belong to groups that fire together."""

    num_steps, snn_steps = 20, 4

    def __init__(self, size, groups):
        rng = np.random.default_rng(0)
        self.group = rng.permutation(np.arange(size) % groups)
        self.base = (rng.random((groups, 80)) < 0.4).astype(np.uint8)
        self.noise = rng.random((size, 80)) < 0.02

    def spikes(self, _layer, step):
        spikes = self.base[self.group] ^ self.noise
        return np.ascontiguousarray(spikes[:, step * 4 : step * 4 + 4].T.astype(np.uint8))


def test_neurons_with_similar_spikes_are_beside_each_other():
    source = Groups(120, 4)
    stack = RasterStack(source, (layer("some", 120, 1),))
    stack.count(20, math.inf)
    order = similar_orders(source, stack.fired, 20)["some"]
    assert np.array_equal(np.sort(order), np.arange(120))
    assert np.count_nonzero(np.diff(source.group[order])) == 3


def test_similar_spikes_are_over_a_stated_number_of_neurons():
    source = Groups(1000, 4)
    stack = RasterStack(source, (layer("some", 1000, 1),))
    stack.count(20, math.inf)
    orders = similar_orders(source, stack.fired, 20, parse("neuron >= 100"))
    assert len(set(orders["some"].tolist())) == MOST_SIMILAR
    assert orders["some"].min() >= 100
    choice = RowChoice()
    choice.rule = "similar spikes"
    choice.take(orders, 20)
    rows = choice.rows(100)
    text = choice.text([rows[0].size], 1000, 20)
    assert text == "showing 100 of 1,000, rule: similar spikes over 256"
    assert choice.rule_text() == "similar spikes over 256 neurons up to step 20"
    assert choice.is_stale(stack.fired, 21)


def test_a_filter_whose_neurons_change_makes_the_order_stale(recorder):
    choice, early, late = RowChoice(), stack_of(recorder, steps=2), stack_of(recorder)
    choice.filter = parse("rate > 0.3")
    assert choice.make(early.fired, 2, math.inf)
    before = choice.orders["head.neuron"].copy()
    assert not choice.is_stale(early.fired, 2)
    assert choice.is_stale(late.fired, 6)
    assert np.array_equal(choice.orders["head.neuron"], before)
    choice.reset()
    choice.filter = parse("channel == 1")
    choice.make(early.fired, 2, math.inf)
    assert not choice.is_stale(late.fired, 6)


def test_orders_of_many_layers_are_made_in_slices(recorder):
    choice, fired = RowChoice(), stack_of(recorder).fired
    assert not choice.make(fired, 6, -math.inf)
    assert len(choice.orders) == 1
    assert not choice.make(fired, 6, -math.inf)
    assert choice.make(fired, 6, -math.inf)
    assert choice.made_at == 6


def test_layers_get_an_equal_number_of_rows_and_smaller_ones_leave_room():
    fired = stack_of(FakeRecorder(), SMALL_LAYERS).fired  # 144, 72 and 15 neurons
    choice = RowChoice()
    choice.make(fired, 1, math.inf)
    assert [rows.size for rows in choice.rows(30)] == [10, 10, 10]
    assert [rows.size for rows in choice.rows(75)] == [30, 30, 15]
    assert [rows.size for rows in choice.rows(400)] == [144, 72, 15]
    assert [rows.size for rows in choice.rows(2)] == [1, 1, 0]


def test_rows_are_cut_across_layers():
    rows = [np.arange(3), np.empty(0, int), np.arange(10, 15)]
    assert [part.tolist() for part in cut(rows, 2, 3)] == [[2], [], [10, 11]]
    assert [part.tolist() for part in cut(rows, 0, 99)] == [[0, 1, 2], [], [10, 11, 12, 13, 14]]
