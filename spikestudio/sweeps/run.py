"""Does the cells of a sweep one after the other, as a generator of events."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikestudio.errors import ConfigError, SamplingError
from spikestudio.language import tr
from spikestudio.recording.record import Record
from spikestudio.sampling.control import RunControl
from spikestudio.sampling.events import Cancelled, Failed, StepFinished
from spikestudio.sweeps.cells import Cell, SweepPlan
from spikestudio.sweeps.events import (
    CellFailed,
    CellFinished,
    CellProgressed,
    CellSkipped,
    CellStarted,
    SweepCancelled,
    SweepEvent,
    SweepFinished,
    SweepStarted,
    WaitingForOthers,
)
from spikestudio.sweeps.folder import Outcome, SweepFolder
from spikestudio.sweeps.measures import firing
from spikestudio.sweeps.plan import Models
from spikestudio.sweeps.share import Share
from spikestudio.sweeps.signals import Desk

if TYPE_CHECKING:
    from spikestudio.checkpoints.loader import LoadedModel

_LOOK = 0.2  # seconds between two looks at the cells of other processes
PATIENCE = 900.0  # seconds without a new cell after which the others are given up


class SweepControl:
    """Commands to a sweep in progress, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._run: RunControl | None = None
        self._cancelled = threading.Event()

    @property
    def is_cancelled(self) -> bool:
        """Whether ``cancel`` was called."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Stop within the cell in progress; finished cells stay."""
        self._cancelled.set()
        self.skip()

    def skip(self) -> None:
        """Leave the cell in progress out and go on with the next."""
        with self._lock:
            if self._run is not None:
                self._run.cancel()

    def begin(self) -> RunControl:
        """Control of the next cell's run."""
        run = RunControl()
        with self._lock:
            self._run = run
        if self.is_cancelled:
            run.cancel()
        return run

    def wait(self, seconds: float) -> bool:
        """Block for a while; True at once when cancelled."""
        return self._cancelled.wait(seconds)


def run_sweep(
    plan: SweepPlan,
    folder: Path | str,
    *,
    models: Models | None = None,
    control: SweepControl | None = None,
    share: Share | None = None,
    patience: float = PATIENCE,
) -> Iterator[SweepEvent]:
    """Do every open cell of a sweep; iterating does the work in the caller's thread.

    Cells that are in ``folder`` already are left as they are, so a sweep that was ended is resumed by
    running it again. The last event is ``SweepFinished`` or ``SweepCancelled``; what covers all cells
    is then written by ``outputs.write_outputs``.

    Parameters
    ----------
    plan
        As ``plan_sweep`` makes it.
    folder
        New, empty, or of the same sweep.
    models
        Where checkpoints are loaded; on the CPU if left out.
    control
        Takes commands from other threads.
    share
        The part of this process, when several do one sweep. The first one waits for all others.
    patience
        Seconds for which it waits without a new cell; longer where its own cells took long.

    Raises
    ------
    ExportError
        The folder is of another sweep, or cannot be written to.
    SamplingError
        Other processes do not go on.
    """
    models = models or Models()
    control = control or SweepControl()
    share = share or Share()
    files = SweepFolder(folder, plan)
    files.prepare()
    own = tuple(cell for cell in share.own(plan.cells) if files.outcome(cell) is None)
    desk = Desk(files.path, is_first=share.is_first, is_alone=share.size == 1)
    desk.open()
    yield SweepStarted(plan=plan, cells=own)
    skipped: set[int] = set()
    slowest = 0.0
    try:
        for cell in own:
            if control.is_cancelled:
                break
            for event in _run_cell(cell, files, models, control):
                _heed(desk, event, control)
                if isinstance(event, CellSkipped):
                    skipped.add(cell.index)
                elif isinstance(event, CellFinished):
                    slowest = max(slowest, event.outcome.seconds)
                yield event
    finally:
        desk.close()
    if share.is_first and share.size > 1:
        yield from _wait(plan, files, control, skipped, max(patience, 20 * slowest))
    outcomes = [files.outcome(cell) for cell in plan.cells]
    is_cut = control.is_cancelled and None in outcomes
    last = SweepCancelled if is_cut else SweepFinished
    yield last(
        num_done=sum(each is not None and not each.error for each in outcomes),
        num_failed=sum(each is not None and bool(each.error) for each in outcomes),
        num_open=outcomes.count(None),
    )


def _heed(desk: Desk, event: SweepEvent, control: SweepControl) -> None:
    """Tell those who watch the folder of an event, and do what they ask."""
    match event:
        case CellStarted(cell=cell):
            desk.announce(cell, 0)
        case CellProgressed(cell=cell, step=step):
            desk.announce(cell, step + 1)
        case _:
            return
    if desk.is_stop_asked():
        control.cancel()
    elif desk.take_skip(cell):
        control.skip()


def _run_cell(
    cell: Cell, files: SweepFolder, models: Models, control: SweepControl
) -> Iterator[SweepEvent]:
    from spikestudio.export.provenance import provenance
    from spikestudio.sampling.run import SamplingRun

    model = models.at(cell.path)
    if model.card.tensors_sha256 != cell.tensors_sha256:
        raise ConfigError(
            tr(
                "The checkpoint {cell_path} has changed since the sweep was planned: start it again.",
                cell_path=cell.path,
            )
        )
    # Nothing but counts is kept: what a cell did follows from its request.
    record = Record(layers=(), budget_mb=0)
    run = SamplingRun(model, cell.request, control.begin(), record=record)
    yield CellStarted(cell=cell)
    error = ""
    for event in run:
        match event:
            case StepFinished(step=step):
                yield CellProgressed(cell=cell, step=step)
            case Cancelled():
                if not control.is_cancelled:
                    yield CellSkipped(cell=cell)
                return
            case Failed(message=message):
                error = message
    if error or run.result is None or run.result.images is None:
        outcome = Outcome(seconds=0.0, device=model.device, error=error or "There are no images.")
        files.write(cell, outcome, None, {})
        yield CellFailed(cell=cell, outcome=outcome)
        return
    rate, operations = _firing(model, run)
    outcome = Outcome(
        seconds=round(run.result.seconds, 3),
        device=model.device,
        mean_rate=rate,
        synaptic_operations=operations,
    )
    files.write(cell, outcome, run.result.images, provenance(run.result))
    yield CellFinished(cell=cell, outcome=outcome, images=run.result.images)


def _firing(model: LoadedModel, run: Any) -> tuple[float | None, float | None]:  # noqa: ANN401  a SamplingRun
    denoiser = {layer.id for layer in model.layers}
    is_denoiser = [layer.id in denoiser for layer in run.layers]
    return firing(run.recorder.activity(), is_denoiser, run.request.num)


def _wait(
    plan: SweepPlan,
    files: SweepFolder,
    control: SweepControl,
    skipped: set[int],
    patience: float,
) -> Iterator[SweepEvent]:
    """Wait until the cells of all other processes are there."""
    left = [cell for cell in plan.cells if cell.index not in skipped]
    num_before, since = -1, time.monotonic()
    while not control.is_cancelled:
        left = [cell for cell in left if files.outcome(cell) is None]
        if not left:
            return
        if len(left) != num_before:
            num_before, since = len(left), time.monotonic()
            yield WaitingForOthers(num=len(left))
        if time.monotonic() - since > patience:
            raise SamplingError(
                tr(
                    "Cells of other processes are missing ({num_left:,}), with no new one for "
                    "{patience:.0f} s: repeat the command to do them.",
                    num_left=len(left),
                    patience=patience,
                )
            )
        control.wait(_LOOK)
