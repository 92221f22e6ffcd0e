"""The figures of all cells, one row for each, and the CSV file of them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.atomic import atomic_write
from spikestudio.sweeps.cells import Cell, SweepPlan
from spikestudio.sweeps.folder import Outcome, SweepFolder
from spikestudio.sweeps.measures import Mean, difference, mean

if TYPE_CHECKING:
    from spikestudio.metrics.judge import Judge


@dataclass(frozen=True, slots=True)
class Row:
    """One cell with what is known of it; ``outcome`` is None where it was not done.

    ``difference`` is from the images of the cell's reference, ``confidence`` that of a judge.
    """

    cell: Cell
    outcome: Outcome | None
    difference: Mean | None = None
    confidence: Mean | None = None

    @property
    def state(self) -> str:
        """``done``, ``failed`` or ``open``."""
        if self.outcome is None:
            return "open"
        return "failed" if self.outcome.error else "done"

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the table's columns; None is an empty field."""
        outcome = self.outcome
        return {
            "cell": self.cell.index,
            **self.cell.texts,
            "state": self.state,
            "mean_firing_rate": outcome and outcome.mean_rate,
            "synaptic_operations_per_image": outcome and outcome.synaptic_operations,
            **_columns("difference", self.difference),
            "reference_cell": self.cell.reference,
            **_columns("judge_confidence", self.confidence),
            "seconds": outcome and outcome.seconds,
            "device": outcome and outcome.device,
            "error": (outcome and outcome.error) or None,
            "id": self.cell.id,
        }


def make_rows(files: SweepFolder, judge: Judge | None = None) -> list[Row]:
    """Rows of all cells; images are compared, and judged if there is a judge."""
    outcomes = [files.outcome(cell) for cell in files.plan.cells]
    references = _References(files)
    rows = []
    for cell, outcome in zip(files.plan.cells, outcomes, strict=True):
        images = files.images(cell) if outcome is not None and not outcome.error else None
        if images is None:
            rows.append(Row(cell, outcome))
            continue
        reference = references.images(cell.reference)
        gaps = None if reference is None else difference(images, reference)
        rows.append(
            Row(
                cell,
                outcome,
                None if gaps is None else mean(gaps),
                None if judge is None else mean(confidence(judge, images)),
            )
        )
    return rows


def save_table(path: Path, rows: Sequence[Row]) -> None:
    """Write the rows as CSV, every number in full; raises ``ExportError``."""
    values = [row.to_json() for row in rows]
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(values[0]))
        writer.writeheader()
        writer.writerows(values)


def check_judge_fits(judge: Judge, plan: SweepPlan) -> None:
    """Raise ``DataError`` if a cell draws images that the judge does not know."""
    from spikestudio.metrics.quality import check_judge

    for dataset in dict.fromkeys(cell.dataset for cell in plan.cells):
        check_judge(judge, dataset)


class _References:
    """Images of the cells that others are compared with; the last ones stay in memory."""

    def __init__(self, files: SweepFolder) -> None:
        self._files = files
        self._kept: dict[int, NDArray[np.uint8] | None] = {}

    def images(self, index: int) -> NDArray[np.uint8] | None:
        if index not in self._kept:
            if len(self._kept) >= 8:
                self._kept.pop(next(iter(self._kept)))
            cell = self._files.plan.cells[index]
            is_done = self._files.outcome(cell) is not None
            self._kept[index] = self._files.images(cell) if is_done else None
        return self._kept[index]


def confidence(judge: Judge, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How sure a judge is of each image ``[B, H, W, C]``, of whichever class."""
    from spikestudio.metrics.judge import IMAGE_SIZE
    from spikestudio.metrics.quality import fit

    fitted, _ = fit(images, IMAGE_SIZE, 1)
    return np.asarray(judge.probabilities(fitted).max(1))


def _columns(name: str, value: Mean | None) -> dict[str, float | None]:
    return {
        name: None if value is None else value.mean,
        f"{name}_low": None if value is None else value.low,
        f"{name}_high": None if value is None else value.high,
    }
