"""The thread that owns the model: what it tells, what it survives, how it ends."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikestudio.checkpoints import loader
from spikestudio.sampling.events import (
    TERMINAL_EVENTS,
    Cancelled,
    Failed,
    Finished,
    Paused,
    RunStarted,
    StepFinished,
)
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sampling.worker import LoadFailed, ModelLoaded, ModelLoading, Worker
from tests.tiny import ARCHITECTURE_NAMES, run_to_end, save_tiny, tiny_model, tiny_request
from tests.unit.sampling.test_request import assert_one_sentence


class Watched:
    """A worker whose events are collected; ``on`` is called in the worker's thread."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.on: Callable[[Any], None] = lambda event: None
        self._queue: queue.Queue[Any] = queue.Queue()
        self.worker = Worker(self._publish)

    def _publish(self, event: Any) -> None:
        self.events.append(event)
        self.on(event)
        self._queue.put(event)

    def until(self, kind: type | tuple[type, ...]) -> Any:
        while True:
            event = self._queue.get(timeout=30)
            if isinstance(event, kind):
                return event

    def load(self, path: Path) -> Any:
        self.worker.load(path)
        return self.until((ModelLoaded, LoadFailed))


@pytest.fixture
def watched() -> Iterator[Watched]:
    watched = Watched()
    yield watched
    watched.worker.close()


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    return save_tiny(tmp_path / "tiny.safetensors", "sddpm")


def request(**changes: Any) -> SamplingRequest:
    return tiny_request(tiny_model("sddpm"), **changes)


def alive() -> bool:
    return any(thread.name == "sampling" for thread in threading.enumerate())


@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
def test_load_and_sample(watched, tmp_path, architecture):
    path = save_tiny(tmp_path / "tiny.safetensors", architecture)
    loaded = watched.load(path)
    assert [type(event) for event in watched.events] == [ModelLoading, ModelLoaded]
    assert watched.events[0].path == path
    info, model = loaded.model, tiny_model(architecture)
    assert (info.name, info.path, info.device) == ("tiny", path, "cpu")
    assert "cpu" in info.devices
    assert info.card.architecture == architecture
    assert info.parameters == sum(each.numel() for each in model.network.parameters())
    assert info.defaults == SamplingRequest(**model.defaults())
    assert not info.tsm_locked

    asked = tiny_request(model)
    watched.worker.sample(asked, image=1)
    started = watched.until(RunStarted)
    assert started.layers == info.layers
    assert started.recorder.image == 1
    finished = watched.until(TERMINAL_EVENTS)
    assert isinstance(finished, Finished)
    assert np.array_equal(finished.result.images, run_to_end(model).images)


def test_a_locked_model_says_so(watched, tmp_path):
    path = save_tiny(tmp_path / "tiny.safetensors", "sddpm", tsm=True)
    assert watched.load(path).model.tsm_locked


def test_commands_are_done_in_order(watched, checkpoint, tmp_path):
    other = save_tiny(tmp_path / "other.safetensors", "spiking-diffusion")
    watched.worker.load(checkpoint)
    watched.worker.sample(request())
    watched.worker.load(other)
    watched.worker.sample(tiny_request(tiny_model("spiking-diffusion")))
    results = [watched.until(TERMINAL_EVENTS).result for _ in range(2)]
    assert [result.architecture for result in results] == ["sddpm", "spiking-diffusion"]
    assert [result.checkpoint for result in results] == ["tiny", "other"]


def test_sampling_without_a_model_fails_in_one_sentence(watched):
    watched.worker.sample(request())
    failed = watched.until(TERMINAL_EVENTS)
    assert isinstance(failed, Failed)
    assert "No model is loaded" in failed.message
    assert_one_sentence(failed.message)


def test_a_request_that_does_not_fit_fails_and_the_worker_goes_on(watched, checkpoint):
    watched.load(checkpoint)
    watched.worker.sample(request(sampler="absorbing"))
    failed = watched.until(TERMINAL_EVENTS)
    assert isinstance(failed, Failed)
    assert_one_sentence(failed.message)
    watched.worker.sample(request())
    assert isinstance(watched.until(TERMINAL_EVENTS), Finished)


@pytest.mark.parametrize("content", [None, b"", b"not a checkpoint"])
def test_a_failed_load_keeps_the_model(watched, checkpoint, tmp_path, content):
    watched.load(checkpoint)
    broken = tmp_path / "broken.safetensors"
    if content is not None:
        broken.write_bytes(content)
    failed = watched.load(broken)
    assert isinstance(failed, LoadFailed)
    assert failed.path == broken
    assert failed.details == ""
    assert str(broken) in failed.message
    watched.worker.sample(request())
    assert watched.until(TERMINAL_EVENTS).result.checkpoint == "tiny"


def test_an_unknown_device_is_refused(watched, checkpoint):
    watched.worker.load(checkpoint, "abacus")
    failed = watched.until((ModelLoaded, LoadFailed))
    assert isinstance(failed, LoadFailed)
    assert "abacus" in failed.message


def test_an_unexpected_error_while_loading_is_reported_with_details(
    watched, checkpoint, monkeypatch, caplog
):
    def broken(*_: Any) -> None:
        raise MemoryError("too large")

    with monkeypatch.context() as patch:
        patch.setattr(loader, "load", broken)
        failed = watched.load(checkpoint)
    assert isinstance(failed, LoadFailed)
    assert "MemoryError" in failed.message
    assert "too large" in failed.message
    assert "Traceback" in failed.details
    assert "Loading" in caplog.text
    assert isinstance(watched.load(checkpoint), ModelLoaded)


def test_an_unexpected_error_while_sampling_is_reported_and_survived(
    watched, checkpoint, monkeypatch, caplog
):
    watched.load(checkpoint)

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("out of order")

    with monkeypatch.context() as patch:
        patch.setattr(loader.LoadedModel, "predict", broken)
        watched.worker.sample(request())
        started = watched.until(RunStarted)
        failed = watched.until(TERMINAL_EVENTS)
    assert isinstance(failed, Failed)
    assert failed.run_id == started.run_id
    assert "out of order" in failed.message
    assert "Traceback" in failed.details
    assert "A run failed" in caplog.text
    watched.worker.sample(request())
    finished = watched.until(TERMINAL_EVENTS)
    assert np.array_equal(finished.result.images, run_to_end(tiny_model("sddpm")).images)


def test_cancel_stops_the_run_and_only_it(watched, checkpoint):
    watched.load(checkpoint)
    controls = []

    def cancel_at_first_step(event: Any) -> None:
        if isinstance(event, StepFinished) and event.step == 0:
            controls[0].cancel()

    watched.on = cancel_at_first_step
    controls.append(watched.worker.sample(request(steps=12)))
    cancelled = watched.until(TERMINAL_EVENTS)
    assert isinstance(cancelled, Cancelled)
    assert cancelled.result.steps_done == 1
    watched.on = lambda event: None
    controls[0].cancel()  # late
    watched.worker.sample(request())
    assert isinstance(watched.until(TERMINAL_EVENTS), Finished)


def test_cancel_of_a_queued_run(watched, checkpoint):
    watched.load(checkpoint)
    first = watched.worker.sample(request())
    second = watched.worker.sample(request())
    second.cancel()
    assert isinstance(watched.until(TERMINAL_EVENTS), Finished)
    cancelled = watched.until(TERMINAL_EVENTS)
    assert isinstance(cancelled, Cancelled)
    assert cancelled.result.steps_done == 0
    assert not first.is_cancelled


def test_pause_and_step_through_the_control(watched, checkpoint):
    watched.load(checkpoint)
    is_known = threading.Event()

    def pause_at_start(event: Any) -> None:
        if isinstance(event, RunStarted):
            assert is_known.wait(30)
            control.pause()

    watched.on = pause_at_start
    control = watched.worker.sample(request())
    is_known.set()
    assert watched.until(Paused).step == 0
    control.step_once()
    assert watched.until(Paused).step == 1
    control.resume()
    assert isinstance(watched.until(TERMINAL_EVENTS), Finished)


def close_at(watched: Watched, kind: type) -> None:
    """Close while an event of this kind is published, with another run in the queue."""
    reached, queued = threading.Event(), threading.Event()

    def hold(event: Any) -> None:
        if isinstance(event, kind) and not reached.is_set():
            reached.set()
            assert queued.wait(30)
            deadline = time.monotonic() + 30
            while not control.is_cancelled and time.monotonic() < deadline:
                time.sleep(0.001)

    watched.on = hold
    control = watched.worker.sample(request(steps=12))
    watched.worker.sample(request(seed=1))
    queued.set()
    assert reached.wait(30)
    watched.worker.close()


@pytest.mark.parametrize("kind", [RunStarted, StepFinished])
def test_close_cancels_the_run_and_drops_what_is_queued(checkpoint, kind):
    watched = Watched()
    watched.load(checkpoint)
    close_at(watched, kind)
    assert not alive()
    assert isinstance(watched.events[-1], Cancelled)
    assert watched.events[-1].result.steps_done == (kind is StepFinished)
    assert len([event for event in watched.events if isinstance(event, RunStarted)]) == 1


def test_close_of_a_paused_run(checkpoint):
    watched = Watched()
    watched.load(checkpoint)
    watched.worker.sample(request()).pause()
    watched.until((Paused, Finished))
    watched.worker.close()
    assert not alive()


def test_close_at_once_and_twice():
    watched = Watched()
    watched.worker.close()
    watched.worker.close()
    assert not alive()
    assert watched.events == []


def test_after_close_nothing_is_done(checkpoint):
    watched = Watched()
    watched.load(checkpoint)
    watched.worker.close()
    watched.worker.sample(request())
    watched.worker.load(checkpoint)
    assert not alive()
    assert isinstance(watched.events[-1], ModelLoaded)
