"""Runs under command: cancel, pause, step, changed parameters, and networks that break off."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from torch import nn

from spikestudio.checkpoints.loader import LoadedModel
from spikestudio.errors import ConfigError
from spikestudio.neurons.nodes import spiking_layers
from spikestudio.sampling.control import RunControl
from spikestudio.sampling.events import (
    TERMINAL_EVENTS,
    Cancelled,
    Event,
    Finished,
    ImagePreview,
    ParametersChanged,
    Paused,
    Resumed,
    RunStarted,
    StepFinished,
    TokensUnmasked,
)
from spikestudio.sampling.run import SamplingRun
from tests.tiny import evaluate, num_hooks, run_to_end, same_bits, tiny_model, tiny_request

STEPS = 4
ARCHITECTURES = ("sddpm", "spiking-diffusion", "sdit")
over_architectures = pytest.mark.parametrize("architecture", ARCHITECTURES)


def start(model: LoadedModel, **changes: Any) -> SamplingRun:
    return SamplingRun(model, tiny_request(model, **{"steps": STEPS} | changes))


def pictures(events: list[Event]) -> list[np.ndarray]:
    """What each step predicted, with the tokens of a token model beside it."""
    found = []
    for event in events:
        if isinstance(event, ImagePreview):
            found.append(event.decoded if event.x0_hat is None else event.x0_hat)
    return found


def token_maps(events: list[Event]) -> list[np.ndarray]:
    return [event.tokens for event in events if isinstance(event, TokensUnmasked)]


def of_type(events: list[Event], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


@contextmanager
def at_every_neuron(network: nn.Module, call: Callable[[str, Any], None]) -> Iterator[None]:
    """Call back whenever a spiking layer has fired, with its id and the layer."""
    handles = [
        node.register_forward_hook(lambda node, _, __, name=name: call(name, node))
        for name, node in spiking_layers(network).items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class Usable:
    """A model that must be as good as new after what is done to it."""

    def __init__(self, architecture: str) -> None:
        self.model = tiny_model(architecture)
        self.before = evaluate(self.model)
        self.events = list(start(self.model))

    def check(self) -> None:
        assert num_hooks(self.model.network) == 0
        assert same_bits(evaluate(self.model), self.before)
        again = list(start(self.model))
        for one, other in zip(pictures(self.events), pictures(again), strict=True):
            assert np.array_equal(one, other)


# Cancel


@over_architectures
def test_cancel_after_every_step(architecture):
    usable = Usable(architecture)
    for last in range(STEPS - 1):
        run = start(usable.model, snn_steps=usable.model.card.snn_steps)
        events = []
        for event in run:
            events.append(event)
            if isinstance(event, StepFinished) and event.step == last:
                run.cancel()
        assert isinstance(events[-1], Cancelled)
        assert [event.step for event in of_type(events, StepFinished)] == list(range(last + 1))
        result = events[-1].result
        assert run.result is result
        assert result.steps_done == len(result.thresholds) == last + 1
        assert not result.is_complete
        assert np.array_equal(result.images, pictures(usable.events)[last])
        if usable.model.is_token_model:
            assert np.array_equal(result.tokens, token_maps(usable.events)[last])
        assert events[0].recorder.steps_done == last + 1
    usable.check()


@over_architectures
def test_cancel_before_the_first_step(architecture):
    usable = Usable(architecture)
    run = start(usable.model)
    run.cancel()
    events = list(run)
    assert [type(event) for event in events] == [RunStarted, Cancelled]
    assert run.result.steps_done == 0
    assert run.result.images is None
    usable.check()


@over_architectures
def test_cancel_after_the_last_step_comes_too_late(architecture):
    usable = Usable(architecture)
    run = start(usable.model)
    for event in run:
        if isinstance(event, StepFinished) and event.step == STEPS - 1:
            run.cancel()
    assert isinstance(event, Finished)
    assert event.result.is_complete
    run.cancel()
    usable.check()  # which runs again: a late cancel does not reach the next run


@over_architectures
def test_cancel_at_every_spiking_layer(architecture):
    usable = Usable(architecture)
    model = usable.model
    per_step = len(SamplingRun(model, tiny_request(model)).layers)
    for stop_at in range(per_step + 1, 2 * per_step + 1):  # all those of the second step
        run = start(model)
        fired: list[str] = []

        def count(name: str, _: Any, run=run, fired=fired, stop_at=stop_at) -> None:
            fired.append(name)
            if len(fired) == stop_at:
                run.cancel()

        with at_every_neuron(model.network, count):
            events = list(run)
        assert isinstance(events[-1], Cancelled)
        assert len(fired) == stop_at  # not one layer more
        steps_done = stop_at // per_step
        assert events[-1].result.steps_done == steps_done
        assert np.array_equal(events[-1].result.images, pictures(usable.events)[steps_done - 1])
        recorder = events[0].recorder
        assert recorder.steps_done == steps_done
        assert np.isnan(recorder.rates()[:, steps_done:]).all()
    usable.check()


# Pause and single step


class InThread:
    """A run in a thread of its own, whose events are awaited."""

    def __init__(self, run: SamplingRun) -> None:
        self.run = run
        self.control: RunControl = run.control
        self.events: list[Event] = []
        self._queue: queue.Queue[Event] = queue.Queue()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        for event in self.run:
            self._queue.put(event)

    def until(self, kind: type | tuple[type, ...]) -> Any:
        """Wait for the next event of a kind."""
        while True:
            event = self._queue.get(timeout=30)
            self.events.append(event)
            if isinstance(event, kind):
                return event

    def finish(self) -> None:
        self.until(TERMINAL_EVENTS)
        self._thread.join(5)
        assert not self._thread.is_alive()
        assert self._queue.empty()


@over_architectures
def test_pause_step_and_resume_from_another_thread(architecture):
    usable = Usable(architecture)
    run = start(usable.model, steps=6)
    run.control.pause()
    job = InThread(run)
    assert job.until(Paused).step == 0
    job.control.step_once()
    assert job.until(Resumed).step == 0
    assert job.until(Paused).step == 1
    job.control.step_once()
    job.control.step_once()
    assert job.until(StepFinished).step == 1
    assert job.until(StepFinished).step == 2
    assert job.until(Paused).step == 3
    job.control.resume()
    assert job.until(Resumed).step == 3
    job.finish()
    assert isinstance(job.events[-1], Finished)
    plain = list(start(usable.model, steps=6))
    assert [type(event) for event in job.events if not isinstance(event, Paused | Resumed)] == [
        type(event) for event in plain
    ]
    for one, other in zip(pictures(job.events), pictures(plain), strict=True):
        assert np.array_equal(one, other)
    usable.check()


@over_architectures
def test_cancel_while_paused(architecture):
    usable = Usable(architecture)
    run = start(usable.model)
    run.control.step_once()
    job = InThread(run)
    assert job.until(Paused).step == 1
    job.control.cancel()
    job.finish()
    assert isinstance(job.events[-1], Cancelled)
    assert job.events[-1].result.steps_done == 1
    assert np.array_equal(job.events[-1].result.images, pictures(usable.events)[0])
    usable.check()


def test_parameters_set_in_a_pause_hold_for_the_next_step():
    model = tiny_model("sddpm")
    run = start(model)
    run.control.step_once()
    job = InThread(run)
    job.until(Paused)
    job.control.set_parameters(threshold=0.9)
    job.control.resume()
    job.finish()
    assert job.events[-1].result.thresholds == (1.0, 0.9, 0.9, 0.9)


@pytest.mark.parametrize("name", ["ddim", "ancestral"])
def test_clipping_reaches_the_sampler(name):
    """An untrained network predicts far outside the range, so the first step already differs."""
    model = tiny_model("sddpm")
    first = {}
    for is_clipped in (True, False):
        events = list(SamplingRun(model, tiny_request(model, sampler=name, clip_x0=is_clipped)))
        first[is_clipped] = next(event for event in events if isinstance(event, ImagePreview))
    assert not np.array_equal(first[True].x_t, first[False].x_t)


# Changed parameters


def with_changes(run: SamplingRun, changes: dict[int, dict[str, float]]) -> list[Event]:
    """Set parameters right after the steps that are the keys."""
    events = []
    for event in run:
        events.append(event)
        if isinstance(event, StepFinished) and event.step in changes:
            run.control.set_parameters(**changes[event.step])
    return events


@over_architectures
def test_a_threshold_changed_in_mid_run(architecture):
    usable = Usable(architecture)
    model = usable.model
    run = start(model)
    seen: list[tuple[str, float]] = []
    with at_every_neuron(model.network, lambda name, node: seen.append((name, node.v_threshold))):
        events = with_changes(run, {1: {"threshold": 0.7}})

    # The steps before are those of the unchanged run to the bit, those after are others.
    plain, changed = pictures(usable.events), pictures(events)
    assert [np.array_equal(a, b) for a, b in zip(plain, changed, strict=True)] == [
        True,
        True,
        False,
        False,
    ]
    # It reaches every neuron.
    assert len(seen) == STEPS * len(run.layers)
    steps = [seen[i : i + len(run.layers)] for i in range(0, len(seen), len(run.layers))]
    for step, layers in enumerate(steps):
        assert {name for name, _ in layers} == {layer.id for layer in run.layers}
        assert {threshold for _, threshold in layers} == {1.0 if step < 2 else 0.7}
    # It is told and recorded.
    (change,) = of_type(events, ParametersChanged)
    assert (change.step, change.threshold, change.temperature) == (2, 0.7, 1.0)
    assert events.index(change) < events.index(of_type(events, StepFinished)[2])
    assert events.index(change) > events.index(of_type(events, StepFinished)[1])
    assert [event.threshold for event in of_type(events, StepFinished)] == [1.0, 1.0, 0.7, 0.7]
    assert run.result.thresholds == (1.0, 1.0, 0.7, 0.7)
    assert run.result.parameter_changes() == [{"step": 2, "threshold": 0.7, "temperature": 1.0}]
    recorder = events[0].recorder
    kept = [recorder.potentials(recorder.selected, step).threshold for step in range(STEPS)]
    assert kept == [1.0, 1.0, 0.7, 0.7]
    # And the network is as it was.
    assert {node.v_threshold for node in spiking_layers(model.network).values()} == {1.0}
    usable.check()


@over_architectures
def test_a_change_taken_back_in_time_is_none(architecture):
    usable = Usable(architecture)
    run = start(usable.model)
    events = []
    for event in run:
        events.append(event)
        if isinstance(event, StepFinished):
            run.control.set_parameters(threshold=0.6, temperature=0.3)
            run.control.set_parameters(threshold=1.0, temperature=1.0)
    assert of_type(events, ParametersChanged) == []
    for one, other in zip(pictures(usable.events), pictures(events), strict=True):
        assert np.array_equal(one, other)
    usable.check()


@over_architectures
def test_a_change_and_its_reversal_are_both_recorded(architecture):
    usable = Usable(architecture)
    run = start(usable.model)
    events = with_changes(run, {0: {"threshold": 0.7}, 2: {"threshold": 1.0}})
    assert run.result.thresholds == (1.0, 0.7, 0.7, 1.0)
    assert [change["step"] for change in run.result.parameter_changes()] == [1, 3]
    assert [event.step for event in of_type(events, ParametersChanged)] == [1, 3]
    usable.check()


@over_architectures
def test_a_change_before_the_start_is_the_request_with_that_value(architecture):
    model = tiny_model(architecture)
    run = start(model)
    run.control.set_parameters(threshold=0.8)
    events = list(run)
    assert of_type(events, ParametersChanged)[0].step == 0
    asked = run_to_end(model, steps=STEPS, threshold=0.8)
    assert np.array_equal(run.result.images, asked.images)
    assert run.result.parameter_changes()[0]["step"] == 0


@over_architectures
def test_the_same_changes_give_the_same_pixels(architecture):
    model = tiny_model(architecture)
    changes = {0: {"threshold": 0.9}, 1: {"threshold": 1.2, "temperature": 0.5}}
    first, second = (with_changes(start(model), changes) for _ in range(2))
    assert np.array_equal(first[-1].result.images, second[-1].result.images)


def test_a_temperature_changed_in_mid_run():
    model = tiny_model("spiking-diffusion")
    plain = list(start(model, num=8, steps=6))
    run = start(model, num=8, steps=6)
    events = with_changes(run, {1: {"temperature": 0.05}})
    assert run.result.temperatures == (1.0, 1.0, 0.05, 0.05, 0.05, 0.05)
    equal = [
        np.array_equal(a, b) for a, b in zip(token_maps(plain), token_maps(events), strict=True)
    ]
    assert equal[:2] == [True, True]
    assert not equal[-1]


def test_a_change_out_of_range_is_refused_and_the_run_goes_on():
    model = tiny_model("sddpm")
    run = start(model)
    for event in run:
        if isinstance(event, StepFinished):
            with pytest.raises(ConfigError):
                run.control.set_parameters(threshold=-1.0)
    assert isinstance(event, Finished)
    assert run.result.thresholds == (1.0,) * STEPS


@over_architectures
def test_snn_steps_of_a_request_are_reverted(architecture):
    usable = Usable(architecture)
    other = run_to_end(usable.model, steps=STEPS, snn_steps=7)
    assert not np.array_equal(other.images, usable.events[-1].result.images)
    usable.check()


# A network that breaks off


@over_architectures
@pytest.mark.parametrize("error", [RuntimeError("out of order"), KeyboardInterrupt()])
@pytest.mark.parametrize("layer", [0, -1])
def test_an_exception_in_the_network_leaves_the_model_clean(architecture, error, layer):
    usable = Usable(architecture)
    model = usable.model
    run = start(model, snn_steps=6, threshold=0.8)
    broken_layer = run.layers[layer].id
    calls: list[str] = []

    def break_off(name: str, _: Any) -> None:
        calls.append(name)
        if name == broken_layer and calls.count(name) == 2:
            raise error

    events: list[Event] = []
    with at_every_neuron(model.network, break_off), pytest.raises(type(error)):
        events.extend(run)
    assert [event.step for event in of_type(events, StepFinished)] == [0]
    assert run.result is None
    usable.check()
