"""The queue of the window on real networks: order, frozen requests, cancelling, pausing, models."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from spikestudio.app import context
from spikestudio.app.main_window import MainWindow
from spikestudio.app.viewmodels.run import RunState
from tests.tiny import save_tiny

WAIT_MS = 30_000


@pytest.fixture
def window(qapp, tmp_path):
    opened = MainWindow(context.create(tmp_path / "config"))
    opened.show()
    yield opened
    opened.close()
    opened.deleteLater()


@pytest.fixture
def parts(qtbot, window, tmp_path):
    window.start(str(save_tiny(tmp_path / "one.safetensors", "sddpm")))
    qtbot.waitUntil(lambda: window.context.sampler.can_sample, timeout=WAIT_MS)
    window.context.sampler.set(num=2, seed=0, steps=4)
    return window.context


def wait(qtbot, condition):
    qtbot.waitUntil(condition, timeout=WAIT_MS)


def hold_first(qtbot, parts):
    """Begin a run and let it wait at its first step."""
    parts.sampler.step()
    wait(qtbot, lambda: parts.run.state is RunState.PAUSED)


def add(parts, **changes):
    return parts.queue.add(replace(parts.sampler.request, **changes))


def ended(parts):
    return [(entry.request.seed, entry.state) for entry in parts.history.entries]


def test_each_run_does_what_was_asked_for_whatever_the_controls_say_by_then(qtbot, parts):
    hold_first(qtbot, parts)
    parts.sampler.set(seed=1, overrides=({"layer": "*", "kind": "threshold", "value": 0.8},))
    parts.queue.sample()
    lesioned = parts.sampler.request
    parts.sampler.set(seed=2, overrides=())
    parts.queue.sample_next()
    add(parts, seed=0)  # the first one once more
    parts.sampler.set(seed=99, steps=3)
    assert parts.run.state is RunState.PAUSED
    assert len(parts.queue.waiting) == 3

    parts.sampler.toggle_pause()
    wait(qtbot, lambda: len(parts.history.entries) == 4)
    finished = RunState.FINISHED
    assert ended(parts) == [(0, finished), (2, finished), (1, finished), (0, finished)]
    first, _, third, last = parts.history.entries
    assert np.array_equal(first.images, last.images)
    assert third.request == lesioned
    parts.queue.add(lesioned)
    wait(qtbot, lambda: len(parts.history.entries) == 5)
    assert np.array_equal(parts.history.entries[-1].images, third.images)
    assert not parts.queue.entries


def test_cancelling_by_key_hits_that_one_whenever_it_comes(qtbot, parts):
    hold_first(qtbot, parts)
    first = parts.queue.current.key
    second, third, fourth = (add(parts, seed=seed) for seed in (1, 2, 3))
    parts.queue.set_pausing(second, is_pausing=True)
    assert parts.queue.cancel(third)
    assert parts.queue.cancel(first)
    wait(qtbot, lambda: bool(parts.queue.held))
    cancelled, finished = RunState.CANCELLED, RunState.FINISHED
    assert ended(parts) == [(0, cancelled), (1, finished)]

    for late in (first, second, third):
        assert not parts.queue.cancel(late)
    parts.queue.go_on()
    wait(qtbot, lambda: parts.queue.current is not None)
    for late in (first, second, third):
        assert not parts.queue.cancel(late)
    wait(qtbot, lambda: len(parts.history.entries) == 3)
    assert ended(parts)[-1] == (3, finished)
    assert parts.queue.entry(fourth) is None


def test_every_cancel_in_a_row_of_short_runs_hits_the_one_it_names(qtbot, parts):
    """Cancels that come at any moment of a run: before it begins, during it, as it ends."""
    parts.sampler.set(steps=2)
    hold_first(qtbot, parts)
    keys = [add(parts, seed=seed) for seed in range(1, 9)]
    named = {keys[index]: index + 1 for index in (0, 3, 4, 7)}
    begun = []

    def cancel_if_named():
        current = parts.queue.current
        if current is not None and current.key not in begun:
            begun.append(current.key)
            if current.key in named:
                parts.queue.cancel(current.key)

    parts.queue.changed.connect(cancel_if_named)
    parts.sampler.toggle_pause()
    wait(qtbot, lambda: len(parts.history.entries) == 9)
    parts.queue.changed.disconnect(cancel_if_named)
    states = dict(ended(parts))
    assert set(states) == set(range(9))
    for seed, state in states.items():
        expected = RunState.CANCELLED if seed in named.values() else RunState.FINISHED
        assert state is expected, seed


def test_a_run_that_fails_lets_the_next_one_start(qtbot, window, parts):
    hold_first(qtbot, parts)
    add(parts, seed=1, sampler="absorbing")  # this model has no tokens
    add(parts, seed=2)
    parts.sampler.toggle_pause()
    wait(qtbot, lambda: len(parts.history.entries) == 2 and not parts.queue.entries)
    assert ended(parts) == [(0, RunState.FINISHED), (2, RunState.FINISHED)]
    assert any(message.kind == "error" for message in window.notifications.messages)


def test_another_model_is_loaded_when_its_turn_comes(qtbot, parts, tmp_path):
    one = parts.checkpoint.model
    hold_first(qtbot, parts)
    add(parts, seed=1)
    parts.checkpoint.load(save_tiny(tmp_path / "two.safetensors", "spiking-diffusion"))
    parts.sampler.toggle_pause()
    wait(qtbot, lambda: len(parts.history.entries) == 2 and not parts.sampler.is_busy)
    weights = [entry.tensors_sha256 for entry in parts.history.entries]
    assert weights == [one.card.tensors_sha256] * 2
    assert ended(parts) == [(0, RunState.FINISHED), (1, RunState.FINISHED)]
    assert parts.sampler.model.card.tensors_sha256 == one.card.tensors_sha256


def test_a_model_that_is_gone_makes_the_queue_wait(qtbot, parts, tmp_path):
    path = parts.checkpoint.model.path
    hold_first(qtbot, parts)
    key = add(parts, seed=1)
    parts.checkpoint.load(save_tiny(tmp_path / "two.safetensors", "spiking-diffusion"))
    hidden = path.rename(path.with_name("hidden.safetensors"))
    parts.sampler.toggle_pause()
    wait(qtbot, lambda: bool(parts.queue.held))
    assert path.name in parts.queue.entry(key).problem
    hidden.rename(path)
    parts.queue.go_on()
    wait(qtbot, lambda: len(parts.history.entries) == 2)
    assert ended(parts)[-1] == (1, RunState.FINISHED)


def test_closing_the_window_drops_what_waits(qtbot, window, parts):
    hold_first(qtbot, parts)
    for seed in (1, 2, 3):
        add(parts, seed=seed)
    window.close()
    assert parts.is_closed
    assert not parts.queue.waiting
    assert not any(thread.name == "sampling" for thread in threading.enumerate())
