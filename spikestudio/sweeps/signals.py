"""What a sweep in progress and whoever watches its folder tell each other, through small files in it.

    progress.json    cell and step that are being done, with the time; gone when the sweep has ended
    skip             number of the cell that is to be left out
    stop             the sweep is to end; finished cells stay

Files work alike on every system, between processes that did not start each other, and for whoever
comes later, as a window that was closed and opened again.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from spikestudio.atomic import replace_text
from spikestudio.sweeps.cells import Cell

PROGRESS, SKIP, STOP = "progress.json", "skip", "stop"
FRESH = 60.0  # seconds without a word after which nobody is thought to be at work
_PAUSE = 0.25  # seconds between two announcements


@dataclass(frozen=True, slots=True)
class Progress:
    """What is being done: ``step`` of ``num_steps`` steps of cell ``cell`` are done.

    ``at`` is the time of the announcement, in seconds since 1970.
    """

    cell: int
    step: int
    num_steps: int
    at: float

    @property
    def is_fresh(self) -> bool:
        """Whether somebody is at work, as far as can be told."""
        return time.time() - self.at < FRESH


class Desk:
    """The side of the sweep: announces what is done, and sees what is asked for."""

    def __init__(self, folder: Path, *, is_first: bool, is_alone: bool) -> None:
        self._folder = folder
        self._is_first, self._is_alone = is_first, is_alone
        self._next = 0.0

    def open(self) -> None:
        """Forget what an earlier run was asked."""
        if self._is_first:
            self._remove(SKIP, STOP)

    def announce(self, cell: Cell, step: int) -> None:
        """Say that so many steps of a cell are done; too much at once is left out."""
        now = time.monotonic()
        if not self._is_first or (now < self._next and step):
            return
        self._next = now + _PAUSE
        values = {"cell": cell.index, "step": step, "num_steps": cell.num_steps, "at": time.time()}
        with suppress(OSError):  # nothing depends on it
            replace_text(self._folder / PROGRESS, json.dumps(values))

    def is_stop_asked(self) -> bool:
        """Whether the sweep is to end."""
        return (self._folder / STOP).exists()

    def take_skip(self, cell: Cell) -> bool:
        """Whether this cell is to be left out; asked once."""
        try:
            text = (self._folder / SKIP).read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            return False
        if text.strip() != str(cell.index):
            return False
        self._remove(SKIP)
        return True

    def close(self) -> None:
        """Leave no word behind, but what other processes have yet to see."""
        if self._is_first:
            self._remove(PROGRESS, *((SKIP, STOP) if self._is_alone else ()))

    def _remove(self, *names: str) -> None:
        for name in names:
            with suppress(OSError):
                (self._folder / name).unlink(missing_ok=True)


def read_progress(folder: Path) -> Progress | None:
    """What a sweep in this folder announced last; None if it does not run."""
    try:
        values = json.loads((folder / PROGRESS).read_text("utf-8"))
        progress = Progress(
            int(values["cell"]), int(values["step"]), int(values["num_steps"]), float(values["at"])
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    return progress if min(progress.cell, progress.step, progress.num_steps) >= 0 else None


def ask_stop(folder: Path) -> None:
    """Have the sweep in this folder end after the step it is at; raises ``OSError``."""
    replace_text(folder / STOP, "")


def ask_skip(folder: Path, cell: int) -> None:
    """Have a cell left out if it is the one being done; raises ``OSError``."""
    replace_text(folder / SKIP, str(cell))
