"""What happens during a sweep, as values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikestudio.sweeps.cells import Cell, SweepPlan
from spikestudio.sweeps.folder import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepEvent:
    """Base of all events of a sweep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepStarted(SweepEvent):
    """First event. ``cells`` are those that this process will do; others are done or not its own."""

    plan: SweepPlan
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellStarted(SweepEvent):
    """A cell begins; its checkpoint is loaded."""

    cell: Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class CellProgressed(SweepEvent):
    """Denoising step ``step`` (0-based) of a cell is done."""

    cell: Cell
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFinished(SweepEvent):
    """A cell is done and its files are written; ``images`` uint8 ``[N, H, W, C]``."""

    cell: Cell
    outcome: Outcome
    images: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFailed(SweepEvent):
    """The run of a cell broke off; ``outcome.error`` says why. The sweep goes on."""

    cell: Cell
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSkipped(SweepEvent):
    """A cell was left out on demand; it stays open."""

    cell: Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingForOthers(SweepEvent):
    """Own cells are done; ``num`` of other processes are not."""

    num: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepFinished(SweepEvent):
    """Last event of a complete sweep; counts are of all cells, ``num_open`` of those skipped."""

    num_done: int
    num_failed: int
    num_open: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepCancelled(SweepEvent):
    """Last event of a cancelled sweep; what is done stays."""

    num_done: int
    num_failed: int
    num_open: int
