"""The time budgets of sampling, as a table: pytest tests/benchmarks/test_budgets.py

No figure fails a test, because each depends on the machine and on what else it does.
"""

import queue
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from rich.console import Console
from rich.table import Table
from spikingjelly.activation_based import functional, neuron, surrogate
from torch import nn

from spikestudio import paths
from spikestudio.checkpoints.loader import LoadedModel
from spikestudio.neurons.nodes import spiking_layers
from spikestudio.recording.recorder import Probe
from spikestudio.runtime import tune_allocator
from spikestudio.sampling.control import RunControl
from spikestudio.sampling.events import (
    Cancelled,
    Finished,
    ImagePreview,
    RunStarted,
    StepFinished,
)
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sampling.run import SamplingRun
from spikestudio.sampling.worker import ModelLoaded, Worker
from tests.tiny import tiny_model

BUNDLED = ("sddpm-mnist", "spiking-diffusion-mnist", "sdit-mnist")
DEFAULT_SDDPM = {
    "image_size": 32,
    "image_channels": 3,
    "base_channels": 128,
    "channel_mult": (1, 2, 2, 4),
    "num_res_blocks": 2,
    "num_snn_steps": 4,
    "num_train_timesteps": 1000,
}
CANCELS = 6
PAIRS = 3  # measured in turn, so that both sides see the same disturbances

pytestmark = pytest.mark.timeout(1800)  # on a machine that has other things to do
Row = tuple[str, str, str, str]


@pytest.fixture(scope="module")
def report(request: pytest.FixtureRequest) -> Iterator[Callable[[str, str, str, str], None]]:
    """Add a line to the table that is printed at the end: what, on what, figure, budget."""
    tune_allocator()
    rows: list[Row] = []
    yield lambda *row: rows.append(row)
    table = Table("what", "on", "measured", "budget", title=f"{torch.get_num_threads()} threads")
    for row in rows:
        table.add_row(*row)
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        Console(width=120).print("\n", table)


@pytest.fixture(scope="module")
def default_sddpm() -> LoadedModel:
    return tiny_model("sddpm", **DEFAULT_SDDPM)


def bundled(name: str) -> Any:
    path = paths.bundled_checkpoints() / f"{name}.safetensors"
    if not path.exists():
        pytest.skip(f"{name} is not bundled yet")
    return path


@contextmanager
def worker_with(name: str) -> Iterator[tuple[Worker, "queue.Queue[Any]", SamplingRequest]]:
    """A worker that has loaded a bundled model, its events, and the model's default request."""
    path = bundled(name)
    events: queue.Queue[Any] = queue.Queue()
    worker = Worker(events.put)
    try:
        worker.load(path)
        event = None
        while not isinstance(event, ModelLoaded):
            event = events.get(timeout=60)
        yield worker, events, event.model.defaults
    finally:
        worker.close()


@pytest.mark.parametrize("name", BUNDLED)
def test_first_live_sample(name, report):
    with worker_with(name) as (worker, events, defaults):
        started = time.monotonic()
        worker.sample(defaults)
        picture = last = None
        while not isinstance(last, Finished):
            last = events.get(timeout=300)
            if picture is None and isinstance(last, ImagePreview):
                picture = last.time - started
        what = f"{name}, {defaults.num} images, {defaults.steps} steps"
        report("first live sample", what, f"{last.time - started:.2f} s", "10 s")
        report("its first picture", what, f"{picture:.2f} s", "")


def cancel_latencies(run_once: Callable[[float], tuple[float, float]]) -> list[tuple[float, float]]:
    """Acknowledged and stopped, in ms, for cancels spread over the length of a step."""
    return [run_once((k + 0.5) / CANCELS) for k in range(CANCELS)]


def told(latencies: list[tuple[float, float]], report: Callable[..., None], what: str) -> None:
    for label, values, budget in zip(
        ("cancel acknowledged", "cancel stopped"),
        zip(*latencies, strict=True),
        ("100 ms", "250 ms"),
        strict=True,
    ):
        median, worst = statistics.median(values), max(values)
        report(label, what, f"median {median:.1f}, worst {worst:.1f} ms", budget)


def cancelled_at(
    control: RunControl, events: "queue.Queue[Any]", delay: float
) -> tuple[float, float]:
    time.sleep(delay)
    before = time.monotonic()
    control.cancel()
    acknowledged = time.monotonic()
    event = None
    while not isinstance(event, Cancelled | Finished):
        event = events.get(timeout=300)
    assert isinstance(event, Cancelled)
    return 1e3 * (acknowledged - before), 1e3 * (event.time - before)


@pytest.mark.parametrize("name", BUNDLED)
def test_cancel(name, report):
    with worker_with(name) as (worker, events, defaults):

        def run_once(share: float) -> tuple[float, float]:
            control = worker.sample(defaults)
            event = None
            while not isinstance(event, StepFinished):
                event = events.get(timeout=60)
            return cancelled_at(control, events, share * event.seconds)

        told(cancel_latencies(run_once), report, name)


def test_cancel_of_the_default_sddpm_at_batch_8(default_sddpm, report):
    events: queue.Queue[Any] = queue.Queue()
    worker = Worker(events.put)
    worker._model = default_sddpm  # as large as published; not bundled
    request = SamplingRequest(num=8, steps=50)
    seconds = evaluation_seconds(default_sddpm, 8)

    def run_once(share: float) -> tuple[float, float]:
        control = worker.sample(request)
        while not isinstance(events.get(timeout=60), RunStarted):
            pass
        return cancelled_at(control, events, share * seconds)

    try:
        told(cancel_latencies(run_once), report, "default SDDPM, batch 8")
    finally:
        worker.close()


def evaluation_seconds(model: LoadedModel, num: int) -> float:
    x = torch.randn(num, 3, 32, 32)
    model.predict(x, 5)
    before = time.monotonic()
    model.predict(x, 5)
    return time.monotonic() - before


def interleaved(first: Callable[[], object], second: Callable[[], object]) -> tuple[float, float]:
    """Least seconds of each, measured in turn after one call of each."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for turn in range(PAIRS + 1):
        for function, times in zip((first, second), seconds, strict=True):
            before = time.perf_counter()
            function()
            if turn:
                times.append(time.perf_counter() - before)
    return min(seconds[0]), min(seconds[1])


def sample(model: LoadedModel, request: SamplingRequest, *, recording: bool) -> None:
    run = SamplingRun(model, request)
    if not recording:

        @contextmanager
        def nothing(*_: Any) -> Iterator[Probe]:
            yield Probe(run.recorder)

        run.recorder.attached = nothing  # type: ignore[method-assign]
    *_, last = run
    assert isinstance(last, Finished)


def told_recording(model: LoadedModel, request: SamplingRequest, report: Any, what: str) -> None:
    bare, recording = interleaved(
        lambda: sample(model, request, recording=False),
        lambda: sample(model, request, recording=True),
    )
    slower = f"{100 * (recording / bare - 1):+.1f} %"
    report("slow-down by recording", what, f"{slower} of {bare:.2f} s", "5 %")


@pytest.mark.parametrize("name", BUNDLED)
def test_slow_down_by_recording(name, report):
    from spikestudio.checkpoints.loader import load

    model = load(bundled(name))
    request = SamplingRequest(**model.defaults() | {"steps": 5})
    told_recording(model, request, report, f"{name}, {request.num} images, 5 steps")


def test_slow_down_by_recording_of_the_default_sddpm(default_sddpm, report):
    request = SamplingRequest(num=8, steps=2)
    told_recording(default_sddpm, request, report, "default SDDPM, batch 8, 2 steps")


def with_plain_nodes(model: LoadedModel) -> nn.Module:
    """The same network with spikingjelly's own neurons; they keep a state that must be reset."""
    network = tiny_model("sddpm", **DEFAULT_SDDPM).network
    network.load_state_dict(model.network.state_dict())
    for name in spiking_layers(network):
        parent, _, attribute = name.rpartition(".")
        plain = neuron.IFNode(surrogate_function=surrogate.ATan(), step_mode="m")
        setattr(network.get_submodule(parent), attribute, plain)
    return network.eval()


def test_one_evaluation_against_plain_spikingjelly(default_sddpm, report):
    plain = with_plain_nodes(default_sddpm)
    ours = default_sddpm.network
    x, t = torch.randn(8, 3, 32, 32), torch.full((8,), 500)
    outputs = {}

    @torch.inference_mode()
    def evaluate(network: nn.Module, name: str) -> None:
        functional.reset_net(plain)
        outputs[name] = network(x, t)

    theirs, mine = interleaved(lambda: evaluate(plain, "plain"), lambda: evaluate(ours, "ours"))
    scale = outputs["plain"].max() - outputs["plain"].min()
    difference = float((outputs["ours"] - outputs["plain"]).abs().max() / scale)
    what = "default SDDPM, batch 8, against spikingjelly's nodes"
    report("one evaluation", what, f"{theirs / mine:.2f}x as fast ({mine:.2f} s)", "1.2x")
    report("its difference", what, f"{difference:.1e} of the range", "1e-4")
    assert difference <= 1e-4
