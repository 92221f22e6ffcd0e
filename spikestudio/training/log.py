"""The loss curve of a run, as a CSV file that grows."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from spikestudio.atomic import atomic_write, export_error
from spikestudio.errors import TrainingError
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.training.events import Progressed

LOG_FILE = "log.csv"
BOARD_FOLDER = "tensorboard"
HEADER = ["stage", "step", "name", "value"]


class LossLog:
    """Averages the losses of a few steps and appends them to a CSV file."""

    def __init__(self, path: Path, stage: str) -> None:
        self.path = path
        self.stage = stage
        self.sums: dict[str, Tensor] = {}
        self.count = 0

    def add(self, losses: Mapping[str, Tensor]) -> None:
        """Take in the losses of one step."""
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, torch.zeros(())) + value.detach().float().cpu()
        self.count += 1

    def flush(self, step: int, rates: Mapping[str, float] | None = None) -> dict[str, float]:
        """Write and return the means since the last call; ``rates`` are written beside them.

        Raises ``ExportError``; the log is then as it was.
        """
        means = {name: float(value) / self.count for name, value in self.sums.items()}
        rows = {**means, **(rates or {})}
        _append(self.path, [[self.stage, step, name, value] for name, value in rows.items()])
        self.sums, self.count = {}, 0
        return means


def _append(path: Path, rows: Sequence[Sequence[object]]) -> None:
    """Add rows, and a header to a file that is new; of rows that do not fit nothing is left."""
    try:
        with path.open("ab", buffering=0) as file:
            before = file.tell()
            text = io.StringIO(newline="")
            csv.writer(text).writerows([*([] if before else [HEADER]), *rows])
            data = memoryview(text.getvalue().encode())
            try:
                while data:  # a disk that fills takes a part, and says so at the next
                    data = data[file.write(data) or 0 :]
            except OSError:
                file.truncate(before)
                raise
    except OSError as error:
        raise export_error(path, error) from error


def trim_log(path: Path, stages: Sequence[str], step: int) -> None:
    """Drop what was logged after ``step`` of the last of ``stages``, or in stages after it."""
    if not path.exists():
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    whole = text[: text.rfind("\n") + 1]  # a process that was killed may have left half a row
    rows = list(csv.reader(io.StringIO(whole)))[1:]
    kept = [
        row
        for row in rows
        if len(row) == len(HEADER)
        and row[1].isdecimal()
        and row[0] in stages
        and (row[0] != stages[-1] or int(row[1]) <= step)
    ]
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *kept])


class Board:
    """The same curves for TensorBoard, in a folder of the run; one per process."""

    def __init__(self, run_folder: Path, done: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise TrainingError(
                tr(
                    "The log for TensorBoard needs the package tensorboard: install it, or leave "
                    "--tensorboard out, since log.csv holds the same figures."
                )
            ) from error
        # What was logged after the step that a resumed run starts from counts no longer.
        self._writer: Any = SummaryWriter(run_folder / BOARD_FOLDER, purge_step=done or None)

    def add(self, event: Progressed) -> None:
        """Write the figures of an event at the number of steps done in all stages."""
        for name, value in (event.losses | event.rates).items():
            self._writer.add_scalar(f"{event.stage}/{name}", value, event.total_done)
        self._writer.add_scalar("learning_rate", event.learning_rate, event.total_done)
        self._writer.add_scalar("snn_steps", event.snn_steps, event.total_done)

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()
