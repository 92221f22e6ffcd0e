"""Commands to a run, as the run sees them."""

import threading

import pytest

from spikestudio.errors import ConfigError
from spikestudio.sampling.control import RunCancelledError, RunControl


def waiting(control: RunControl) -> tuple[threading.Thread, list[str]]:
    """Start a thread that waits as a paused run does; the list tells how it ended."""
    ends: list[str] = []

    def work() -> None:
        try:
            control.wait()
            ends.append("goes on")
        except RunCancelledError:
            ends.append("cancelled")

    thread = threading.Thread(target=work)
    thread.start()
    return thread, ends


def test_a_new_run_goes_on():
    control = RunControl()
    assert not control.is_cancelled
    assert not control.is_paused
    assert not control.must_wait()
    control.check()


def test_pause_holds_until_resume():
    control = RunControl()
    control.pause()
    assert control.is_paused
    assert control.must_wait()
    control.resume()
    assert not control.is_paused
    assert not control.must_wait()


def test_step_once_grants_one_step_and_pauses():
    control = RunControl()
    control.step_once()
    assert not control.must_wait()
    assert control.must_wait()
    assert control.is_paused


def test_steps_add_up():
    control = RunControl()
    for _ in range(3):
        control.step_once()
    assert [control.must_wait() for _ in range(4)] == [False, False, False, True]


def test_pause_and_resume_forget_granted_steps():
    control = RunControl()
    control.step_once()
    control.step_once()
    control.pause()
    assert control.must_wait()
    control.step_once()
    control.resume()
    control.pause()
    assert control.must_wait()


@pytest.mark.parametrize(
    ("command", "end"),
    [("resume", "goes on"), ("step_once", "goes on"), ("cancel", "cancelled")],
)
def test_a_waiting_run_is_woken(command, end):
    control = RunControl()
    control.pause()
    thread, ends = waiting(control)
    getattr(control, command)()
    thread.join(5)
    assert ends == [end]


def test_a_step_wakes_for_one_step_only():
    control = RunControl()
    control.pause()
    thread, ends = waiting(control)
    control.step_once()
    thread.join(5)
    assert ends == ["goes on"]
    assert control.must_wait()


def test_a_step_granted_before_the_wait_is_not_lost():
    control = RunControl()
    control.pause()
    assert control.must_wait()
    control.step_once()
    control.wait()
    assert control.must_wait()


def test_cancel_wins_over_pause():
    control = RunControl()
    control.pause()
    control.cancel()
    assert not control.must_wait()
    with pytest.raises(RunCancelledError):
        control.check()
    with pytest.raises(RunCancelledError):
        control.wait()


def test_parameter_changes_are_taken_once_and_the_newest_wins():
    control = RunControl()
    assert control.take_parameters() == {}
    control.set_parameters(threshold=0.9)
    control.set_parameters(temperature=0.5)
    control.set_parameters(threshold=1.1)
    assert control.take_parameters() == {"threshold": 1.1, "temperature": 0.5}
    assert control.take_parameters() == {}


@pytest.mark.parametrize(
    "values",
    [{"threshold": 0.0}, {"threshold": float("nan")}, {"temperature": 0}, {"temperature": "hot"}],
)
def test_a_parameter_out_of_range_is_refused_and_nothing_changes(values):
    control = RunControl()
    with pytest.raises(ConfigError):
        control.set_parameters(**{"threshold": 1.0, "temperature": 1.0} | values)
    assert control.take_parameters() == {}
