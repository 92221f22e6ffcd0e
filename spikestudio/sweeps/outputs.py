"""What covers all cells: the sheet, the table and the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikestudio.language import invariant
from spikestudio.sweeps.folder import PAGE, SHEET, TABLE, SweepFolder
from spikestudio.sweeps.page import save_page
from spikestudio.sweeps.sheet import arrange, save_sheet
from spikestudio.sweeps.table import Row, make_rows, save_table

if TYPE_CHECKING:
    from spikestudio.metrics.judge import Judge


@invariant()
def write_outputs(files: SweepFolder, judge: Judge | None = None) -> list[Row]:
    """Write ``sheet.png``, ``table.csv`` and ``index.html`` of the cells that are done.

    ``judge`` measures their images as well. Raises ``ExportError``.
    """
    rows = make_rows(files, judge)
    done = {row.cell.index for row in rows if row.state == "done"}
    save_table(files.path / TABLE, rows)
    save_sheet(
        files.path / SHEET,
        files.plan,
        arrange(files.plan),
        lambda cell: files.images(cell) if cell.index in done else None,
    )
    save_page(files.path / PAGE, files, rows, "" if judge is None else _words(judge))
    return rows


def _words(judge: Judge) -> str:
    facts = judge.facts
    return (
        f"mean probability of the class that a classifier of {facts.dataset} is most sure of; it is "
        f"right on {facts.test_accuracy:.2%} of the test images, but may be sure of what is none, too"
    )
