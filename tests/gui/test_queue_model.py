"""The queue on a fake worker: which run starts when, and that a cancel hits only what it names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spikestudio.app.viewmodels.queue import MOST_FAILURES
from spikestudio.app.viewmodels.run import RunState
from spikestudio.sampling.branch import Branch
from spikestudio.sampling.events import RunStarted
from spikestudio.sampling.worker import LoadFailed, ModelLoaded, ModelLoading
from tests.gui.queue_desk import PARENT, Desk, key_of


@pytest.fixture
def desk(qapp):
    return Desk()


@pytest.fixture
def busy(desk):
    """Seed 0 is running, seeds 1 to 3 wait."""
    desk.queue.sample()
    desk.start()
    for seed in (1, 2, 3):
        desk.add(seed=seed)
    return desk


# asking -------------------------------------------------------------------------------------


def test_the_first_request_starts_at_once_and_the_others_follow_in_order(busy):
    assert busy.seeds == [0]
    assert busy.waiting == [1, 2, 3]
    for done in range(1, 4):
        while busy.advance():
            pass
        assert busy.seeds == list(range(done + 1))
        busy.start()
    while busy.advance():
        pass
    assert busy.queue.entries == []
    assert busy.seeds == [0, 1, 2, 3]


def test_sample_enqueues_while_a_run_is_asked_for_or_goes_on(desk):
    assert desk.queue.sample_label == "Sample"
    desk.queue.sample()
    assert desk.queue.sample_label == "Queue"
    desk.sampler.set(seed=1)
    desk.queue.sample()  # the run has not begun yet
    desk.start()
    desk.sampler.set(seed=2)
    desk.queue.sample()
    assert (desk.seeds, desk.waiting) == ([0], [1, 2])
    assert desk.told == ["Queued: 1 waiting.", "Queued: 2 waiting."]


def test_sample_next_goes_in_front_of_all_that_wait(busy):
    busy.sampler.set(seed=9)
    busy.queue.sample_next()
    assert busy.waiting == [9, 1, 2, 3]
    assert busy.seeds == [0]
    assert "in front" in busy.told[-1]


def test_sample_next_starts_at_once_where_nothing_runs(desk):
    desk.queue.sample_next()
    assert desk.seeds == [0]
    assert desk.waiting == []


def test_nothing_can_be_asked_for_without_a_model_or_while_one_is_loading(desk):
    desk.checkpoint.load(desk.models["b"].path)
    assert not desk.queue.can_add
    desk.queue.sample()
    assert desk.seeds == desk.waiting == []


def test_what_waits_keeps_its_request_whatever_the_controls_do(busy):
    lesion = {"layer": "head.neuron", "kind": "silence"}
    busy.sampler.set(seed=4, threshold=0.9, overrides=(lesion,))
    busy.queue.sample()
    asked = busy.queue.waiting[-1].request
    busy.sampler.set(seed=77, threshold=1.2, steps=9, overrides=())
    for seed in (1, 2, 3):
        busy.queue.cancel(key_of(busy, seed))
    while busy.advance():
        pass
    assert busy.worker.requests[-1] == asked
    assert (asked.seed, asked.threshold, asked.steps) == (4, 0.9, 3)
    assert [each.kind for each in asked.overrides] == ["silence"]


# cancelling ---------------------------------------------------------------------------------


def test_cancelling_one_that_waits_touches_no_other(busy):
    control = busy.worker.control
    assert busy.queue.cancel(key_of(busy, 2))
    assert busy.waiting == [1, 3]
    assert not control.is_cancelled
    assert busy.run.state is RunState.RUNNING


def test_what_was_taken_away_comes_back_at_its_place(busy):
    busy.queue.cancel(key_of(busy, 2))
    assert busy.queue.can_put_back
    busy.queue.put_back()
    assert busy.waiting == [1, 2, 3]
    assert not busy.queue.can_put_back
    busy.queue.clear()
    assert busy.waiting == []
    busy.queue.put_back()
    assert busy.waiting == [1, 2, 3]


def test_cancelling_the_run_in_progress_lets_the_next_one_start(busy):
    cancelled = busy.worker.control
    assert busy.queue.cancel(key_of(busy, 0))
    assert busy.run.state is RunState.STOPPING
    assert busy.waiting == [1, 2, 3]
    busy.advance()
    assert cancelled.is_cancelled
    assert busy.seeds == [0, 1]
    assert not busy.worker.control.is_cancelled
    assert busy.waiting == [2, 3]


def test_a_late_cancel_of_one_that_has_ended_does_nothing(busy):
    late = key_of(busy, 0)
    while busy.advance():
        pass
    busy.start()
    assert not busy.queue.cancel(late)
    assert not busy.worker.control.is_cancelled
    assert busy.run.state is RunState.RUNNING
    assert busy.waiting == [2, 3]


def test_cancelling_before_the_worker_has_begun_hits_that_run_only(desk):
    desk.queue.sample()
    desk.add(seed=1)
    first = desk.worker.control
    desk.queue.cancel(key_of(desk, 0))
    assert first.is_cancelled
    desk.finish()
    assert desk.seeds == [0, 1]
    assert not desk.worker.control.is_cancelled


def test_the_cancel_command_of_the_window_stops_only_the_run_in_progress(busy):
    busy.sampler.cancel()
    busy.advance()
    assert busy.seeds == [0, 1]
    assert busy.waiting == [2, 3]


# order --------------------------------------------------------------------------------------


def test_what_waits_can_change_places(busy):
    assert busy.queue.move(key_of(busy, 3), 0)
    assert busy.waiting == [3, 1, 2]
    assert busy.queue.move(key_of(busy, 3), 99)
    assert busy.waiting == [1, 2, 3]
    assert not busy.queue.move(key_of(busy, 3), 2)
    assert not busy.queue.move(key_of(busy, 0), 1)  # it runs
    busy.queue.move(key_of(busy, 2), 0)
    while busy.advance():
        pass
    assert busy.seeds == [0, 2]


def test_a_duplicate_waits_right_behind_and_has_a_key_of_its_own(busy):
    copy = busy.queue.duplicate(key_of(busy, 1))
    assert busy.waiting == [1, 1, 2, 3]
    assert len({each.key for each in busy.queue.entries}) == 5
    assert busy.queue.cancel(copy)
    assert busy.waiting == [1, 2, 3]
    busy.queue.duplicate(key_of(busy, 0))
    assert busy.waiting == [0, 1, 2, 3]


# waiting ------------------------------------------------------------------------------------


def test_a_paused_run_lets_no_other_start(busy):
    busy.sampler.toggle_pause()
    busy.advance()
    assert busy.run.state is RunState.PAUSED
    busy.add(seed=4)
    assert "paused" in busy.told[-1]
    busy.advance()
    assert busy.seeds == [0]
    busy.sampler.toggle_pause()
    while busy.advance():
        pass
    assert busy.seeds == [0, 1]


def test_pause_after_this_waits_for_go_on(busy):
    busy.queue.set_pausing(key_of(busy, 1), is_pausing=True)
    while busy.advance():
        pass
    busy.finish()
    assert busy.seeds == [0, 1]
    assert busy.queue.held
    assert busy.queue.current is None
    busy.queue.go_on()
    busy.settle()
    assert not busy.queue.held
    assert busy.seeds == [0, 1, 2]


def test_a_paused_queue_does_not_keep_sample_from_sampling(busy):
    busy.queue.set_pausing(key_of(busy, 0), is_pausing=True)
    while busy.advance():
        pass
    assert busy.queue.held
    assert busy.queue.sample_label == "Sample"
    busy.sampler.set(seed=8)
    busy.queue.sample()
    busy.finish()
    assert busy.seeds == [0, 8]
    assert busy.waiting == [1, 2, 3]
    assert busy.queue.held


def test_nothing_is_held_once_nothing_waits_but_what_comes_back_is(busy):
    busy.queue.set_pausing(key_of(busy, 0), is_pausing=True)
    while busy.advance():
        pass
    busy.queue.clear()
    assert not busy.queue.held
    busy.queue.put_back()
    busy.settle()
    assert busy.queue.held
    assert busy.seeds == [0]


def test_a_run_that_fails_does_not_stop_the_queue_but_two_in_a_row_do(busy):
    busy.fail()
    assert busy.seeds == [0, 1]
    assert not busy.queue.held
    busy.fail()
    assert MOST_FAILURES == 2
    assert busy.seeds == [0, 1]
    assert "failed" in busy.queue.held
    assert busy.warned == [busy.queue.held]
    busy.queue.go_on()
    busy.settle()
    busy.finish()
    assert busy.seeds == [0, 1, 2, 3]


def test_a_run_that_another_dock_asks_for_is_the_one_in_progress(desk):
    desk.sampler.sample_request(replace(desk.sampler.request, seed=5))
    desk.add(seed=6)
    assert desk.queue.current.request.seed == 5
    desk.finish()
    assert desk.seeds == [5, 6]


def test_a_branch_waits_with_its_parent_and_its_picture(busy):
    busy.queue.clear()
    branch = Branch()
    busy.queue.add(replace(busy.sampler.request, seed=5), branch=branch, parent=PARENT)
    assert busy.queue.waiting[0].thumbnail.max() == 7
    while busy.advance():
        pass
    assert busy.worker.branches[-1] == (branch, PARENT)


def test_closing_starts_nothing(busy):
    busy.queue.stop()
    while busy.advance():
        pass
    assert busy.seeds == [0]


# models -------------------------------------------------------------------------------------


def test_what_was_asked_for_with_another_model_loads_that_first(busy):
    for seed in (2, 3):
        busy.queue.cancel(key_of(busy, seed))
    busy.checkpoint.load(busy.models["b"].path)
    while busy.advance():
        pass
    assert busy.seeds == [0]  # the worker would meet b
    busy.end_load("b")
    assert busy.seeds == [0]
    assert busy.loads[-1] == busy.models["a"].path
    assert "Loading a for" in busy.told[-1]
    busy.end_load("a")
    assert busy.seeds == [0, 1]


def test_nothing_starts_between_two_loads_that_the_worker_has_in_hand(busy):
    busy.checkpoint.load(busy.models["b"].path)
    busy.checkpoint.load(busy.models["a"].path)
    while busy.advance():
        pass
    busy.end_load("b")
    busy.checkpoint.take(ModelLoading(busy.models["a"].path))
    busy.settle()
    assert busy.seeds == [0]
    assert len(busy.loads) == 3  # a is on its way: it is not asked for once more
    busy.checkpoint.take(ModelLoaded(busy.models["a"]))
    busy.settle()
    assert busy.seeds == [0, 1]


def test_the_queue_waits_at_one_whose_model_cannot_be_loaded(busy):
    path = busy.models["a"].path
    busy.load("b")
    while busy.advance():
        pass
    busy.checkpoint.take(LoadFailed(path, "a.safetensors is gone."))
    busy.settle()
    assert busy.queue.waiting[0].problem == "a.safetensors is gone."
    assert busy.queue.held
    assert busy.warned == [busy.queue.held]
    assert busy.seeds == [0]
    assert busy.loads[-1] == path
    busy.queue.go_on()
    busy.settle()
    assert len(busy.loads) == 4  # a, b, a, and a once more
    busy.end_load("a")
    assert busy.seeds == [0, 1]


def test_other_weights_in_the_same_file_are_not_sampled(busy):
    busy.load("b")
    while busy.advance():
        pass
    other = busy.models["a"]
    busy.models["a"] = replace(other, card=replace(other.card, tensors_sha256="f" * 64))
    busy.end_load("a")
    assert "other weights" in busy.queue.waiting[0].problem
    assert busy.queue.held
    assert busy.seeds == [0]


def test_each_tells_what_differs_from_the_run_before(busy):
    busy.load("b")
    busy.add(seed=3, threshold=0.9)
    queue = busy.queue
    changes = [each.changes(queue.predecessor(each)) for each in queue.entries]
    assert changes[0] == ["seed 0, threshold 1.000"]
    assert changes[1] == ["seed 0 → 1"]
    assert changes[4][0] == "model b"
    assert changes[4][-1] == "threshold 1.000 → 0.900"
    copy = queue.entry(queue.duplicate(queue.waiting[0].key))
    assert copy.changes(queue.predecessor(copy)) == ["same request as #2"]


def test_the_run_in_progress_is_compared_with_the_one_before_it(busy):
    while busy.advance():
        pass
    current = busy.queue.current
    assert current.changes(busy.queue.predecessor(current)) == ["seed 0 → 1"]


def test_events_of_a_run_belong_to_the_request_that_was_queued(busy):
    started: list[RunStarted] = []
    busy.run.started.connect(lambda: started.append(busy.run.run))
    while busy.advance():
        pass
    busy.start()
    assert started[-1].request is busy.queue.current.request
