"""The run in progress, step by step, into a file of the journal: done in the sampling thread.

A step is in the file before it is announced, so what a killed process loses is the step it was at.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spikestudio.errors import ExportError
from spikestudio.export.provenance import provenance
from spikestudio.language import tr
from spikestudio.recording import layout
from spikestudio.recording.hdf5 import RecordingWriter
from spikestudio.recording.values import Parameters, StepRecord, first_step
from spikestudio.sampling.branch import branch_of
from spikestudio.sampling.result import RunResult

if TYPE_CHECKING:
    from spikestudio.recording.recorder import Recorder, Sink
    from spikestudio.sampling.events import RunStarted

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Plain:
    """What a writer asks of a recorder, and notes on it."""

    layers: tuple[Any, ...]
    recorded: tuple[str, ...]
    num_steps: int
    snn_steps: int
    image: int
    file_path: Path | None = None
    file_bytes: int = 0


@dataclass(slots=True, eq=False)
class RunStream:
    """Writes a run to ``path`` while it goes on, within the budget of its recorder.

    Where spikes do not fit they are left out; where states do not fit either nothing is written, and
    ``left_out`` says so. ``inner`` is the sink that the recorder had before.
    """

    path: Path
    started: RunStarted
    architecture: str
    inner: Sink | None = None
    left_out: str = ""
    writer: RecordingWriter | None = field(default=None, init=False)
    _has_spikes: bool = field(default=True, init=False)

    def add(self, record: StepRecord) -> None:
        """Take in a step that was done; never raises."""
        if not self.left_out:
            try:
                if self.writer is None:
                    self._begin(record)
                if self.writer is not None:
                    self.writer.add(record if self._has_spikes else replace(record, spikes={}))
            except (ExportError, OSError, ValueError, KeyError) as error:
                logger.warning("the journal lost a run: %s", error)
                self.left_out = tr("Its recording could not be kept: {error}", error=error)
        if self.inner is not None:
            try:
                self.inner(record)
            except ExportError as error:  # as the recorder does with it
                self.started.recorder.file_error = str(error)
                self.inner = None

    def close(self, origin: Mapping[str, Any] | None) -> None:
        """End the file; ``origin`` is the provenance of what came of the run, None if it failed."""
        writer, self.writer = self.writer, None
        if writer is None:
            return
        try:
            writer.close(origin or origin_of(self.started, self.architecture))
        except (ExportError, OSError, ValueError) as error:
            logger.warning("the end of a run is not in the journal: %s", error)

    def _begin(self, record: StepRecord) -> None:
        recorder = self.started.recorder
        shapes = {name: values.shape for name, values in (record.state or {}).items()}
        if record.logits is not None:
            shapes["logits"] = record.logits.shape
        for recorded in (recorder.recorded, ()):
            if _size(recorder, recorded, shapes) <= recorder.budget_bytes:
                break
        else:
            self.left_out = tr("Its states alone are larger than the recorder's memory.")
            return
        if recorded != recorder.recorded:
            self._has_spikes = False
            logger.info(
                "the journal keeps no spikes of this run: they exceed the recorder's memory"
            )
        plain: Any = _Plain(
            *(recorder.layers, recorded, recorder.num_steps, recorder.snn_steps, recorder.image)
        )
        origin = origin_of(self.started, self.architecture)
        self.writer = RecordingWriter(self.path, plain, states=shapes, provenance=origin)
        for step in range(first_step(recorder.origin)):  # of the run that it branched from
            parameters = recorder.parameters(step) or Parameters(math.nan, math.nan)
            self.writer.add(_nothing(recorder, step, parameters))


def attach(started: RunStarted, path: Path, architecture: Callable[[str], str]) -> RunStream | None:
    """Stream a run that begins to a file; None where it is streamed to one of the user's anyhow."""
    recorder = started.recorder
    if recorder.file_path is not None or not hasattr(recorder, "sink"):
        return None
    sha256 = str(recorder.origin["checkpoint"]["tensors_sha256"])
    stream = RunStream(path, started, architecture(sha256), recorder.sink)
    recorder.sink = stream.add
    return stream


def origin_of(started: RunStarted, architecture: str) -> dict[str, Any]:
    """Provenance of a run of which only the beginning is known."""
    origin = started.recorder.origin
    return provenance(
        RunResult(
            request=started.request,
            checkpoint=str(origin["checkpoint"]["name"]),
            tensors_sha256=str(origin["checkpoint"]["tensors_sha256"]),
            architecture=architecture,
            device=started.device,
            num_threads=_threads(),
            timesteps=started.timesteps,
            steps_done=0,
            seconds=math.nan,
            thresholds=(),
            temperatures=(),
            images=None,
            branch=branch_of(origin),
        )
    )


def _threads() -> int:
    import sys

    torch: Any = sys.modules.get("torch")
    return 1 if torch is None else int(torch.get_num_threads())


def _size(recorder: Recorder, recorded: tuple[str, ...], states: Mapping[str, Any]) -> int:
    header = layout.header_of(
        recorder.layers,
        recorded,
        states,
        num_steps=recorder.num_steps,
        snn_steps=recorder.snn_steps,
        image=recorder.image,
    )
    return sum(each.nbytes for each in layout.arrays(header).values())


def _nothing(recorder: Recorder, step: int, parameters: Parameters) -> StepRecord:
    totals = np.zeros((len(recorder.layers), recorder.snn_steps + len(layout.TOTALS)), np.int64)
    return StepRecord(step, parameters, totals, {}, {}, None, None)
