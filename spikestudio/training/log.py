"""The loss curve of a run, as a CSV file that grows."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from spikestudio.atomic import atomic_write

LOG_FILE = "log.csv"
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

    def flush(self, step: int) -> dict[str, float]:
        """Write and return the means since the last call."""
        means = {name: float(value) / self.count for name, value in self.sums.items()}
        is_new = not self.path.exists()
        with self.path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if is_new:
                writer.writerow(HEADER)
            writer.writerows([self.stage, step, name, value] for name, value in means.items())
        self.sums, self.count = {}, 0
        return means


def trim_log(path: Path, stages: Sequence[str], step: int) -> None:
    """Drop what was logged after ``step`` of the last of ``stages``, or in stages after it."""
    if not path.exists():
        return
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    kept = [
        row for row in rows if row[0] in stages and (row[0] != stages[-1] or int(row[1]) <= step)
    ]
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *kept])
