"""A run that is in memory, or in another file, as a recording file of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.atomic import atomic_write, export_error
from spikestudio.errors import ExportError
from spikestudio.export.progress import ExportCancelledError, Progress
from spikestudio.export.snapshot import Snapshot
from spikestudio.language import tr
from spikestudio.recording.hdf5 import RecordingWriter
from spikestudio.recording.layout import TOTALS
from spikestudio.recording.values import Parameters, StepRecord

SUFFIX = ".h5"


def cannot_record(run: Snapshot) -> str:
    """Why a run cannot be written as a recording, as a sentence; empty if it can."""
    if run.file is not None:
        return ""
    if run.steps_done <= run.first_step:
        return "No step is done yet."
    steps = range(run.first_step, run.steps_done)
    states = [run.state(step) for step in steps]
    is_there = all(states) and (
        "tokens" not in (states[0] or {}) or all(_has_logits(run, step) for step in steps)
    )
    if is_there:
        return ""
    return (
        "The state of some steps was let go to save memory: give the recorder more, or record to a "
        "file from the start."
    )


def complete_layers(run: Snapshot) -> tuple[str, ...]:
    """Layers of which the spikes of every step are there: only these can be in a file."""
    steps = range(run.first_step, run.steps_done)
    return tuple(
        name for name in run.recorded if all(not run.missing(name, step) for step in steps)
    )


def save_recording(
    path: Path | str,
    run: Snapshot,
    provenance: Mapping[str, Any],
    *,
    progress: Progress | None = None,
    is_cancelled: Callable[[], bool] | None = None,
) -> None:
    """Write a run as a recording, which the window opens and ``spikestudio export`` reads.

    Layers of which some spikes were let go are written with their counts alone. A run that was read
    from a file is copied. Raises ``ExportError``, and ``ExportCancelledError`` if ``is_cancelled`` said
    so; then there is no file.
    """
    path = Path(path)
    reason = cannot_record(run)
    if reason:
        raise ExportError(reason, path=path)
    with atomic_write(path) as temporary:
        if run.file is not None:
            shutil.copyfile(run.file, temporary)
            return
        plain: Any = _Recorder(run)
        try:
            writer = RecordingWriter(
                temporary, plain, states=_shapes(run), provenance=_at_start(provenance)
            )
            with _closing(writer, provenance):
                for record in _records(run, plain.recorded):
                    if is_cancelled is not None and is_cancelled():
                        raise ExportCancelledError(
                            tr("{path} was cancelled; nothing was written.", path=path.name),
                            path=path,
                        )
                    writer.add(record)
                    if progress is not None:
                        progress(record.step + 1, run.steps_done)
        except ExportError as error:
            if isinstance(error.__cause__, OSError):  # it names the temporary file
                raise export_error(path, error.__cause__) from error
            raise


@contextmanager
def _closing(writer: RecordingWriter, provenance: Mapping[str, Any]) -> Iterator[None]:
    """Close the file also where it is given up: an open one cannot be removed everywhere."""
    try:
        yield
    except ExportError:
        with suppress(ExportError):
            writer.close(provenance)
        raise
    writer.close(provenance)


class _Recorder:
    """What a writer asks of a recorder."""

    def __init__(self, run: Snapshot) -> None:
        self.layers, self.recorded = run.layers, complete_layers(run)
        self.num_steps, self.snn_steps, self.image = run.num_steps, run.snn_steps, run.image
        self.file_path: Path | None = None
        self.file_bytes = 0


def _at_start(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Provenance before the first step, so that the room kept for it holds every change."""
    return {**provenance, "changes": [], "steps_done": 0}


def _shapes(run: Snapshot) -> dict[str, tuple[int, ...]]:
    state = run.state(run.first_step)
    assert state is not None  # by ``cannot_record``
    shapes = {name: values.shape for name, values in state.items()}
    if "tokens" in state:
        shapes["logits"] = _logits(run, run.first_step).shape
    return shapes


def _has_logits(run: Snapshot, step: int) -> bool:
    return all(run.logits_of(step, image) is not None for image in range(_num(run)))


def _logits(run: Snapshot, step: int) -> NDArray[np.float32]:
    parts = [run.logits_of(step, image) for image in range(_num(run))]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):  # let go since it was asked
        raise ExportError(
            tr(
                "The recorder let go what the model said in step {step}: export again to see what is "
                "still there.",
                step=step + 1,
            )
        )
    return np.stack(known)


def _num(run: Snapshot) -> int:
    return int(run.origin["request"]["num"])


def _records(run: Snapshot, layers: tuple[str, ...]) -> Iterator[StepRecord]:
    activity = run.activity()
    others = [getattr(activity, name)[:, :, None] for name in TOTALS]
    totals = np.concatenate((activity.counts, *others), axis=2)
    for step in range(run.steps_done):
        is_own = step >= run.first_step
        spikes = {name: run.packed(name, step) for name in layers} if is_own else {}
        state = run.state(step) if is_own else None
        yield StepRecord(
            step=step,
            parameters=run.parameters(step) or Parameters(np.nan, np.nan),
            totals=totals[:, step],
            spikes={name: values for name, values in spikes.items() if values is not None},
            potentials={},
            watched=run.watched(step) if is_own else None,
            state=state,
            logits=_logits(run, step) if state is not None and "tokens" in state else None,
        )
