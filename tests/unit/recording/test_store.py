"""The budget over random runs: bounded at every step, oldest detail first, counts never."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spikestudio.recording.record import Record
from spikestudio.recording.recorder import Recorder
from spikestudio.recording.store import STATE_SHARE
from spikestudio.recording.values import Parameters, Potentials, StepRecord, Watched
from spikestudio.types import LayerInfo


@st.composite
def runs(draw):
    """Layers, and of every step: which potentials, how many watched neurons, how large a state."""
    sizes = draw(st.lists(st.integers(1, 40), min_size=1, max_size=4))
    snn_steps = draw(st.integers(1, 4))
    step = st.tuples(
        st.integers(-1, len(sizes) - 1), st.integers(0, 5), st.sampled_from((0, 4, 20))
    )
    return sizes, snn_steps, draw(st.lists(step, min_size=1, max_size=24))


def step_record(k, sizes, snn_steps, chosen, watched, state) -> StepRecord:
    """One step whose every number tells which step it is of."""
    potentials = {}
    if chosen >= 0:
        arrays = (np.full((snn_steps, sizes[chosen]), k, np.float32) for _ in range(3))
        potentials[str(chosen)] = Potentials(*arrays, float(k))
    columns = np.full((snn_steps, watched), k, np.float32)
    return StepRecord(
        step=k,
        parameters=Parameters(1.0 + k, 1.0),
        totals=np.full((len(sizes), snn_steps + 4), k + 1, np.int64),
        spikes={
            str(i): np.full((snn_steps, -(-n // 8)), k % 256, np.uint8) for i, n in enumerate(sizes)
        },
        potentials=potentials,
        watched=Watched((("0", 0),) * watched, columns, columns, columns, columns[0])
        if watched
        else None,
        state={"x_t": np.full(state, k, np.float32)} if state else None,
    )


def stored(recorder, done) -> int:
    """Bytes of everything that can still be read."""
    total = 0
    for step in range(done):
        for layer in recorder.layers:
            if recorder.spikes(layer.id, step) is not None:
                total += recorder.snn_steps * -(-layer.num_neurons // 8)
            kept = recorder.potentials(layer.id, step)
            total += 0 if kept is None else kept.nbytes
        watched, state = recorder.watched(step), recorder.state(step)
        total += 0 if watched is None else watched.nbytes
        total += 0 if state is None else state["x_t"].nbytes
    return total


@settings(max_examples=60, deadline=None)
@given(runs(), st.integers(0, 6000))
def test_every_run_stays_within_the_budget_and_loses_the_oldest_first(run, budget):
    sizes, snn_steps, steps = run
    layers = tuple(LayerInfo(str(i), "IF", (n,), 1.0, 0.0, None) for i, n in enumerate(sizes))
    recorder = Recorder(layers, num_steps=len(steps), snn_steps=snn_steps, record=Record())
    recorder.budget_bytes = budget
    whole = True
    for k, what in enumerate(steps):
        recorder._finish_step(step_record(k, sizes, snn_steps, *what))
        done = k + 1
        assert recorder.steps_done == done
        assert recorder.bytes_used == stored(recorder, done) <= budget

        states = [s for s in range(done) if recorder.state(s) is not None]
        assert sum(recorder.state(s)["x_t"].nbytes for s in states) <= budget // STATE_SHARE
        assert all((recorder.state(s)["x_t"] == s).all() for s in states)

        def left(kind, steps_with, read, done=done):
            """Whether any is gone; what is left are the newest."""
            there = [s for s in range(done) if s in steps_with]
            kept = [s for s in there if read(s) is not None]
            assert kept == there[len(there) - len(kept) :], kind
            return len(kept) < len(there), bool(kept)

        lost, any_potentials = left(
            "potentials",
            {s for s in range(done) if steps[s][0] >= 0},
            lambda s: recorder.potentials(str(steps[s][0]), s),
        )
        lost_spikes, any_spikes = False, False
        for layer in layers:
            gone, there = left(
                layer.id, set(range(done)), lambda s, i=layer.id: recorder.spikes(i, s)
            )
            lost_spikes |= gone
            any_spikes |= there
        lost_watched, _ = left("watched", {s for s in range(done) if steps[s][1]}, recorder.watched)
        assert not (lost_spikes and any_potentials and not lost)
        whole &= not (lost or lost_spikes or lost_watched)
        whole &= states == [s for s in range(done) if steps[s][2]]

        # Counts and parameters of every step are there, and the sentence says what is not.
        activity = recorder.activity()
        for s in range(done):
            assert (activity.counts[:, s] == s + 1).all()
            assert (activity.silent[:, s] == s + 1).all()
            assert recorder.parameters(s) == Parameters(1.0 + s, 1.0)
        assert (recorder.dropped == "") == whole
        if recorder.dropped:
            assert recorder.dropped.endswith(".")
            assert recorder.dropped.startswith("To stay within ")


def test_each_step_says_why_it_is_missing():
    layers = (
        LayerInfo("0", "IF", (80,), 1.0, 0.0, None),
        LayerInfo("1", "IF", (8,), 1.0, 0.0, None),
    )
    recorder = Recorder(layers, num_steps=4, snn_steps=1, record=Record(layers=("0",)))
    recorder.budget_bytes = 25
    for k in range(3):
        record = step_record(k, [80], 1, -1, 0, 0)
        totals = np.zeros((2, 5), np.int64)
        recorder._finish_step(
            StepRecord(k, record.parameters, totals, record.spikes, {}, None, None)
        )
    reasons = [recorder.missing("0", k) for k in range(4)]
    assert reasons[1:3] == ["", ""]
    assert "MiB" in reasons[0]
    assert reasons[3] == "not computed yet"
    assert "not chosen" in recorder.missing("1", 2)
    assert recorder.dropped.startswith(
        "To stay within 2.38419e-05 MiB the recorder let go the spikes"
    )
    assert "the first step;" in recorder.dropped


def test_a_budget_for_nothing_keeps_the_counts_and_says_so():
    layers = (LayerInfo("0", "IF", (80,), 1.0, 0.0, None),)
    recorder = Recorder(layers, num_steps=4, snn_steps=1, record=Record(budget_mb=0))
    for k in range(4):
        recorder._finish_step(step_record(k, [80], 1, 0, 3, 20))
    assert recorder.bytes_used == 0
    assert recorder.dropped == (
        "To stay within 0 MiB the recorder let go the potentials of every step so far, the spikes of "
        "every step so far, the watched neurons of every step so far and the state of every step; the "
        "counts and rates of every step are kept."
    )
    assert recorder.activity().counts[:, :, 0].tolist() == [[1, 2, 3, 4]]
