"""Hand-over of events: what must not be lost, what may be replaced, and in which order it comes."""

import threading
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spikestudio.sampling.events import (
    TERMINAL_EVENTS,
    Event,
    Failed,
    ImagePreview,
    Paused,
    RunStarted,
    StepFinished,
    TokensUnmasked,
)
from spikestudio.sampling.mailbox import Mailbox

PROGRESS = (StepFinished, ImagePreview, TokensUnmasked)


def started(run: int) -> RunStarted:
    nothing: Any = None
    return RunStarted(
        run_id=run, request=nothing, device="cpu", timesteps=(), layers=(), recorder=nothing
    )


def finished_step(run: int, step: int) -> StepFinished:
    return StepFinished(
        run_id=run, step=step, t=0, seconds=0, threshold=1, temperature=1, bytes_recorded=0
    )


def unmasked(run: int, step: int) -> TokensUnmasked:
    empty = np.zeros((1, 1, 1))
    return TokensUnmasked(
        run_id=run, step=step, tokens=empty, order=empty, confidence=empty, mask_id=0
    )


def a_step(run: int, step: int) -> list[Event]:
    return [
        finished_step(run, step),
        unmasked(run, step),
        ImagePreview(run_id=run, step=step),
    ]


def test_nothing_published_nothing_drained():
    assert Mailbox().drain() == []


def test_state_changes_come_once_and_in_order():
    mailbox = Mailbox()
    events = [started(1), Paused(run_id=1, step=0), "anything else", Failed(run_id=1, message="")]
    for event in events:
        mailbox.publish(event)
    assert mailbox.drain() == events
    assert mailbox.drain() == []


def test_newer_progress_replaces_unread_progress_of_its_kind():
    mailbox = Mailbox()
    for step in range(5):
        for event in a_step(1, step):
            mailbox.publish(event)
    drained = mailbox.drain()
    assert sorted((type(event).__name__, event.step) for event in drained) == [
        ("ImagePreview", 4),
        ("StepFinished", 4),
        ("TokensUnmasked", 4),
    ]
    assert mailbox.replaced == 12


def test_progress_of_a_finished_run_does_not_reach_the_next():
    mailbox = Mailbox()
    mailbox.publish(started(1))
    mailbox.publish(finished_step(1, 7))
    mailbox.publish(Failed(run_id=1, message=""))
    mailbox.publish(started(2))
    assert [type(event) for event in mailbox.drain()] == [RunStarted, Failed, RunStarted]


# Runs as the worker publishes them, read at arbitrary moments.
runs = st.lists(
    st.tuples(
        st.lists(st.sampled_from(["step", "pause", "preview"]), max_size=8),
        st.booleans(),  # whether the run ends with a failure before it started
    ),
    max_size=4,
)


def published(plan: list[tuple[list[str], bool]]) -> list[Event]:
    events: list[Event] = []
    for run, (actions, fails_at_once) in enumerate(plan, start=1):
        if fails_at_once:
            events.append(Failed(run_id=0, message="no model"))
            continue
        events.append(started(run))
        for step, action in enumerate(actions):
            if action == "step":
                events += a_step(run, step)
            elif action == "preview":
                events.append(ImagePreview(run_id=run, step=step))
            else:
                events.append(Paused(run_id=run, step=step))
        events.append(Failed(run_id=run, message="the end"))
    return events


@given(runs, st.data())
def test_whenever_it_is_read(plan, data):
    mailbox = Mailbox()
    read: list[Event] = []
    unread_lossless = 0
    expected: dict[type, Event] = {}  # newest of each kind, of the run in progress
    events = published(plan)
    for event in events:
        mailbox.publish(event)
        if isinstance(event, PROGRESS):
            expected[type(event)] = event
        else:
            unread_lossless += 1
            if isinstance(event, RunStarted):
                expected.clear()
        if data.draw(st.booleans(), label="read now"):
            drained = mailbox.drain()
            assert len(drained) == unread_lossless + len(expected)  # memory stays bounded
            assert all(event in drained for event in expected.values())
            read += drained
            unread_lossless = 0
            expected = {}
    read += mailbox.drain()

    lossless = [event for event in read if not isinstance(event, PROGRESS)]
    assert lossless == [event for event in events if not isinstance(event, PROGRESS)]
    ended: set[int] = set()
    begun: set[int] = set()
    last_step: dict[tuple[int, type], int] = {}
    for event in read:
        if isinstance(event, RunStarted):
            begun.add(event.run_id)
        elif isinstance(event, PROGRESS):
            assert event.run_id in begun
            assert event.run_id not in ended
            assert event.step > last_step.get((event.run_id, type(event)), -1)
            last_step[event.run_id, type(event)] = event.step
        elif isinstance(event, TERMINAL_EVENTS):
            ended.add(event.run_id)


def test_a_thread_publishes_while_another_reads():
    mailbox = Mailbox()
    steps, pauses = 3000, 300
    done = threading.Event()

    def publish() -> None:
        for step in range(steps):
            mailbox.publish(finished_step(1, step))
            if step % (steps // pauses) == 0:
                mailbox.publish(Paused(run_id=1, step=step))
        done.set()

    thread = threading.Thread(target=publish)
    thread.start()
    read: list[Any] = []
    while not done.is_set():
        read += mailbox.drain()
    thread.join()
    read += mailbox.drain()
    seen = [event.step for event in read if isinstance(event, StepFinished)]
    assert seen == sorted(set(seen))
    assert seen[-1] == steps - 1
    assert len([event for event in read if isinstance(event, Paused)]) == pauses
    assert mailbox.replaced == steps - len(seen)
