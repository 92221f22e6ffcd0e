"""How long a sweep will take and how much it will write, before it is started."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from spikestudio.language import tr, tr_n
from spikestudio.recording.record import Record
from spikestudio.sampling.events import Failed, StepFinished
from spikestudio.sweeps.cells import Cell, SweepPlan
from spikestudio.sweeps.folder import SweepFolder
from spikestudio.sweeps.plan import Models

LONG = 600.0  # seconds from which on a sweep is warned of
_TIMED = 2  # evaluations; the first one warms up
_BYTES_OF_A_CELL = 12_000  # its JSON and three copies of its provenance
Timings = MutableMapping[tuple[str, int], float]
"""Hash of a checkpoint's tensors and number of images to the seconds of one step and SNN time step."""

_COPIES = 3.4  # of the pixels: array, grid, page in base64, and the sheet


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """``seconds`` is None if no step could be timed; ``num_bytes`` is on the high side."""

    num_cells: int
    num_open: int
    seconds: float | None
    num_bytes: int

    @property
    def is_long(self) -> bool:
        """Whether it takes more than ten minutes."""
        return self.seconds is not None and self.seconds > LONG

    def text(self) -> str:
        """What there is to do, in one line without a full stop."""
        cells = tr_n(
            "{num_cells:,} cell", "{num_cells:,} cells", self.num_cells, num_cells=self.num_cells
        )
        if self.num_open == 0:
            return tr("{cells}, all done already", cells=cells)
        if self.num_open < self.num_cells:
            cells += tr(", {num_open:,} of them still to do", num_open=self.num_open)
        took = (
            "unknown"
            if self.seconds is None
            else tr("about {duration}", duration=duration(self.seconds))
        )
        size = tr("{num_bytes:,.1f} MB", num_bytes=max(self.num_bytes / 1000000.0, 0.1))
        return tr(
            "{cells}; time {took} (estimated from measured steps); up to about {size} of files",
            cells=cells,
            took=took,
            size=size,
        )


def estimate(
    plan: SweepPlan,
    folder: Path | str,
    models: Models,
    processes: int = 1,
    timings: Timings | None = None,
) -> Estimate:
    """Time two network evaluations of every checkpoint that has open cells.

    What was timed is put into ``timings``, and what is in there is not timed again.
    """
    timings = {} if timings is None else timings
    files = SweepFolder(folder, plan)
    still_open = [cell for cell in plan.cells if files.outcome(cell) is None]
    first = {cell.path: cell for cell in reversed(still_open)}
    measured: dict[Path, float | None] = {}
    for path, cell in reversed(first.items()):
        key = (cell.tensors_sha256, cell.request.num)
        if key not in timings and (seconds := _seconds_per_unit(cell, models)) is not None:
            timings[key] = seconds
        measured[path] = timings.get(key)
    return Estimate(
        num_cells=len(plan.cells),
        num_open=len(still_open),
        seconds=_total(still_open, measured, min(processes, max(1, len(still_open)))),
        num_bytes=sum(_num_bytes(cell) for cell in plan.cells),
    )


def duration(seconds: float) -> str:
    """Seconds in the unit that suits."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = seconds / 60
    return tr("{minutes:.0f} min", minutes=minutes) if minutes < 90 else f"{minutes / 60:.1f} h"


def _total(
    cells: Iterable[Cell], measured: Mapping[Path, float | None], processes: int
) -> float | None:
    total = 0.0
    for cell in cells:
        unit = measured[cell.path]
        if unit is None:
            return None
        total += unit * _units(cell) * cell.num_steps
    return total / processes


def _units(cell: Cell) -> float:
    """Work of one step: a layer is computed at each SNN step, and twice with guidance."""
    return cell.request.snn_steps * (1 if cell.request.guidance == 1 else 2)


def _seconds_per_unit(cell: Cell, models: Models) -> float | None:
    from spikestudio.sampling.run import SamplingRun

    run = SamplingRun(models.at(cell.path), cell.request, record=Record(layers=(), budget_mb=0))
    times = []
    for event in run:
        if isinstance(event, StepFinished):
            times.append(event.seconds)
            if len(times) == _TIMED:
                run.cancel()
        elif isinstance(event, Failed):
            return None
    return min(times) / _units(cell) if times else None


def _num_bytes(cell: Cell) -> int:
    pixels = cell.request.num * prod(cell.shape)
    return int(_COPIES * pixels) + _BYTES_OF_A_CELL
