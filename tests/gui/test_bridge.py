import numpy as np
import pytest

from spikestudio.app.bridge import AWAKE_S, FASTEST_MS, IDLE_MS, SLOWEST_MS, Bridge
from spikestudio.app.jobs import Jobs
from spikestudio.app.viewmodels.checkpoint import CheckpointModel
from spikestudio.app.viewmodels.run import RunModel, RunState
from spikestudio.errors import ExportError
from spikestudio.sampling.events import Failed
from spikestudio.sampling.mailbox import Mailbox
from spikestudio.sampling.request import SamplingRequest
from tests.gui.fake_worker import FakeWorker


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class SlowView:
    """Takes ``seconds`` of the clock to draw."""

    def __init__(self, clock, seconds):
        self.clock, self.seconds, self.drawn = clock, seconds, 0

    def draw_if_needed(self):
        self.clock.now += self.seconds
        self.drawn += 1
        return True


@pytest.fixture
def parts(qapp):
    mailbox, run, jobs, clock = Mailbox(), RunModel(), Jobs(), Clock()
    worker = FakeWorker(mailbox.publish)
    checkpoint = CheckpointModel(worker.load)
    bridge = Bridge(mailbox, run, checkpoint, jobs, clock=clock)
    yield bridge, worker, run, jobs, clock
    bridge.stop()
    jobs.close()


def start(bridge, worker, steps=10):
    worker.sample(SamplingRequest(steps=steps, num=2))
    worker.start()
    bridge.tick()


def test_steps_between_two_frames_are_counted_as_dropped(parts):
    bridge, worker, run, _, _ = parts
    start(bridge, worker)
    for _ in range(4):
        worker.advance()
    bridge.tick()
    assert run.step.step == 3
    assert bridge.num_dropped == 3
    worker.advance()
    bridge.tick()
    assert bridge.num_dropped == 3


def test_a_new_run_starts_counting_anew(parts):
    bridge, worker, run, _, _ = parts
    start(bridge, worker, steps=3)
    while worker.advance():
        pass
    bridge.tick()
    assert run.state is RunState.FINISHED
    assert bridge.num_dropped == 2
    start(bridge, worker)
    assert bridge.num_dropped == 0


def test_a_run_that_could_not_start_is_told(parts):
    bridge, worker, run, _, _ = parts
    worker.publish(Failed(run_id=0, message="No model is loaded."))
    bridge.tick()
    assert run.state is RunState.FAILED
    assert run.failure.message == "No model is loaded."


@pytest.mark.parametrize(
    ("draw_s", "interval_ms"), [(0.001, FASTEST_MS), (0.008, 100), (0.1, SLOWEST_MS)]
)
def test_drawing_keeps_to_its_share_of_the_time(parts, draw_s, interval_ms):
    bridge, worker, _, _, clock = parts
    view = SlowView(clock, draw_s)
    bridge.set_views(lambda: [view])
    start(bridge, worker)
    for _ in range(40):
        bridge.tick()
    assert bridge.interval_ms == pytest.approx(interval_ms, abs=1)


def test_is_slow_when_nothing_happens_and_wakes_for_a_command(parts):
    bridge, _, run, _, clock = parts
    clock.now = 10.0
    bridge.tick()
    assert bridge.interval_ms == IDLE_MS
    run.select(image=1)
    assert bridge.interval_ms == FASTEST_MS
    clock.now += AWAKE_S + 0.1
    bridge.tick()
    assert bridge.interval_ms == IDLE_MS


def test_an_unknown_event_is_an_error(parts):
    bridge, worker, _, _, _ = parts
    worker.publish(np.zeros(3))
    with pytest.raises(TypeError, match="ndarray"):
        bridge.tick()


def test_jobs_call_back_only_in_a_frame(qtbot, parts):
    bridge, _, _, jobs, _ = parts
    results, failures = [], []
    jobs.submit(lambda: 6 * 7, results.append, lambda *words: failures.append(words))
    jobs.submit(lambda: 1 / 0, results.append, lambda *words: failures.append(words))

    def full():
        raise ExportError("The disk is full.")

    jobs.submit(full, results.append, lambda *words: failures.append(words))
    assert jobs.is_active
    assert not results

    def all_told():
        bridge.tick()
        return len(results) + len(failures) == 3

    qtbot.waitUntil(all_told)
    assert results == [42]
    assert failures[0][0].startswith("ZeroDivisionError")
    assert "Traceback" in failures[0][1]
    assert failures[1] == ("The disk is full.", "")
    assert not jobs.is_active


def test_calls_from_other_threads_are_made_in_the_next_frame(parts):
    bridge, _, _, _, _ = parts
    calls = []
    bridge.post(lambda: calls.append(1))
    assert not calls
    bridge.tick()
    assert calls == [1]
