"""Sessions of tiny networks, as the window makes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from spikestudio.recording.record import Record
from spikestudio.sampling.events import RunStarted
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sampling.run import SamplingRun
from spikestudio.sessions.document import Model, Place, Run, Session
from spikestudio.sessions.recovery import cut_off
from spikestudio.sessions.stream import attach
from tests.tiny import tiny_model, tiny_request


def streamed(folder: Path, architecture: str = "sddpm", *, steps: int | None = None, **changes):
    """Sample, with every step streamed to a file of ``folder``; returns the run and the stream."""
    model = tiny_model(architecture)
    run = SamplingRun(model, tiny_request(model, **changes), record=Record(image=0))
    folder.mkdir(parents=True, exist_ok=True)
    stream = None
    for event in run:
        if isinstance(event, RunStarted):
            stream = attach(event, folder / "recording.h5", lambda _: architecture)
        if steps is not None and run.recorder.steps_done == steps:
            run.cancel()
    return run, stream


def made_run(folder: Path, key: int = 1, architecture: str = "sddpm", **changes) -> Run:
    """One run with its recording, as a session has it."""
    run, stream = streamed(folder / f"{key}", architecture, **changes)
    from spikestudio.export.provenance import provenance

    stream.close(provenance(run.result))
    made = cut_off(stream.path, key, key)
    return replace(
        made,
        images=run.result.images,
        origin=provenance(run.result),
        seconds=1.25,
        note=f"note of run {key}",
    )


def made_session(folder: Path) -> Session:
    """Two runs of which the second was kept, notes and a place."""
    first = made_run(folder, 1, seed=3)
    second = replace(made_run(folder, 2, "spiking-diffusion", seed=4), parent=1, is_pinned=True)
    return Session(
        name="of two",
        note="# Why\n\nTwo runs.",
        saved_at="2026-03-01T10:00:00",
        program="0.1.0",
        sampler=SamplingRequest(seed=9, threshold=0.95),
        model=Model(name="tiny", path="tiny.safetensors", tensors_sha256="0" * 64),
        place=Place(
            layout="Inspect", shown=2, image=1, layer="x", neurons=(3, 1), step=1, snn_step=2
        ),
        runs=(first, second),
    )
