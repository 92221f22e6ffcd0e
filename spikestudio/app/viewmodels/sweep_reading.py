"""Cells of a sweep as they are read from its folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spikestudio.errors import DataError
from spikestudio.sweeps.folder import Outcome, SweepFolder
from spikestudio.sweeps.measures import difference
from spikestudio.sweeps.signals import Progress, read_progress
from spikestudio.sweeps.table import confidence

if TYPE_CHECKING:
    from spikestudio.metrics.judge import Judge

Images = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class CellResult:
    """A cell that is done, with as many of its images as the sheet shows; None if it failed.

    ``confidences`` are those of the judge of its data set, of all its images; None without a judge.
    """

    outcome: Outcome
    images: Images | None
    confidences: NDArray[np.float64] | None = None


def read_cells(
    files: SweepFolder, known: set[int], shown: int
) -> tuple[dict[int, CellResult], dict[int, NDArray[np.float64]], Progress | None]:
    """Cells that are done and not known yet, and the differences from their references."""
    progress = read_progress(files.path)
    there = {path.stem for path in (files.path / "cells").glob("*.json")}
    found: dict[int, CellResult] = {}
    gaps: dict[int, NDArray[np.float64]] = {}
    for cell in files.plan.cells:
        if cell.index in known or cell.stem not in there:
            continue
        outcome = files.outcome(cell)
        if outcome is None:
            continue
        images = None if outcome.error else files.images(cell)
        if images is None:
            found[cell.index] = CellResult(outcome, None)
        else:
            sure = _confidences(cell.dataset, images)
            found[cell.index] = CellResult(outcome, images[:shown].copy(), sure)
    done = known | found.keys()
    for cell in files.plan.cells:
        is_new = cell.index in found or cell.reference in found
        if is_new and cell.index in done and cell.reference in done:
            mine = files.images(cell)
            other = files.images(files.plan.cells[cell.reference])
            gap = None if mine is None or other is None else difference(mine, other)
            if gap is not None:
                gaps[cell.index] = gap
    return found, gaps, progress


def _confidences(dataset: str, images: Images) -> NDArray[np.float64] | None:
    judge = _judge_of(dataset)
    return None if judge is None else confidence(judge, images).astype(np.float64)


@cache
def _judge_of(dataset: str) -> Judge | None:
    """The judge that comes along for a data set; loads torch, so not for the thread of the window."""
    from spikestudio.metrics.judge import bundled_judge, load_judge

    try:
        return load_judge(bundled_judge(dataset))
    except DataError:
        return None
