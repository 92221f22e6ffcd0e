"""What recording costs, as a table: pytest tests/benchmarks/test_recording.py

Counts of every layer and 256 watched neurons, which is what the budget is for, against the same run
without any hook; then with the spikes of one image and the potentials of one layer as well, which is
what the window keeps; then with a file. The figure is the median of ratios of neighbouring steps of
both, which see the same disturbances; none fails a test.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikestudio import paths
from spikestudio.checkpoints.loader import LoadedModel, load
from spikestudio.export.provenance import provenance
from spikestudio.recording.record import MAX_WATCHED, Record
from spikestudio.recording.recorder import Probe
from spikestudio.runtime import tune_allocator
from spikestudio.sampling.events import StepFinished
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sampling.run import SamplingRun, run_layers
from tests.benchmarks.test_budgets import DEFAULT_SDDPM
from tests.tiny import tiny_model

BUNDLED = ("sddpm-mnist", "spiking-diffusion-mnist", "sdit-mnist")

pytestmark = pytest.mark.timeout(1800)


def watch(model: LoadedModel) -> list[tuple[str, int]]:
    """256 neurons, spread over all layers."""
    layers = run_layers(model)
    rng = np.random.default_rng(0)
    chosen = (layers[k % len(layers)] for k in range(MAX_WATCHED))
    return [(layer.id, int(rng.integers(layer.num_neurons))) for layer in chosen]


def steps_of(run: SamplingRun) -> Iterator[float]:
    """Seconds of each step of a run, one at a time."""
    events = iter(run)
    while True:
        before = time.perf_counter()
        for event in events:
            if isinstance(event, StepFinished):
                break
        else:
            return
        yield time.perf_counter() - before


def unrecorded(model: LoadedModel, request: SamplingRequest) -> SamplingRun:
    run = SamplingRun(model, request)

    @contextmanager
    def nothing(*_: Any) -> Iterator[Probe]:
        yield Probe(run.recorder)

    run.recorder.attached = nothing  # type: ignore[method-assign]
    return run


def slow_down(model: LoadedModel, request: SamplingRequest, record: Record) -> tuple[float, float]:
    """Share by which recording is slower, and seconds of a step without it; runs take turns."""
    tune_allocator()
    bare = steps_of(unrecorded(model, request))
    first = next(bare)
    ratios, seconds = [], [first]
    recorded = SamplingRun(model, request, record=record, describe=provenance)
    # The hooks of the recorded run would see the other one too: its steps are taken between them.
    for with_hooks in steps_of(recorded):
        with recorded.recorder.muted(), detached(model):
            without = next(bare, None)
        if without is None:
            break
        seconds.append(without)
        ratios.append(with_hooks / without)
    return statistics.median(ratios[1:]) - 1, statistics.median(seconds)


@contextmanager
def detached(model: LoadedModel) -> Iterator[None]:
    """Take all hooks off a network for a while."""
    modules = list(model.network.modules())
    kept = [(dict(m._forward_hooks), dict(m._forward_pre_hooks)) for m in modules]
    for module in modules:
        module._forward_hooks.clear()
        module._forward_pre_hooks.clear()
    try:
        yield
    finally:
        for module, (hooks, pre_hooks) in zip(modules, kept, strict=True):
            module._forward_hooks.update(hooks)
            module._forward_pre_hooks.update(pre_hooks)


def told(
    capsys: pytest.CaptureFixture[str],
    name: str,
    model: LoadedModel,
    request: SamplingRequest,
    folder: Path,
) -> None:
    neurons = watch(model)
    records = {
        "counts and watched neurons": Record(watch=neurons, layers=(), potentials=None),
        "spikes and potentials as well": Record(watch=neurons),
        "to a file as well": Record(watch=neurons, path=folder / "run.h5"),
    }
    for what, record in records.items():
        share, seconds = slow_down(model, request, record)
        with capsys.disabled():
            print(  # noqa: T201  the table
                f"\n{name}, {request.num} images, {what}: {100 * share:+.1f} % of {seconds:.3f} s "
                "a step (budget 5 %)"
            )


@pytest.mark.parametrize("name", BUNDLED)
def test_slow_down_by_recording(name, capsys, tmp_path):
    path = paths.bundled_checkpoints() / f"{name}.safetensors"
    if not path.exists():
        pytest.skip(f"{name} is not bundled")
    model = load(path)
    request = SamplingRequest(**model.defaults() | {"steps": 40})
    told(capsys, name, model, request, tmp_path)


def test_slow_down_by_recording_of_the_default_sddpm(capsys, tmp_path):
    model = tiny_model("sddpm", **DEFAULT_SDDPM)
    told(capsys, "default SDDPM", model, SamplingRequest(num=8, steps=5), tmp_path)
