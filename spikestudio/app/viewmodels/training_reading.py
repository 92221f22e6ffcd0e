"""What a training run's folder tells, read beside the window's thread: only what is new of its log."""

from __future__ import annotations

import os
from array import array
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikestudio.training.processes import process_start
from spikestudio.training.status import Status, read_status

Numbers = NDArray[np.float64]

LOG_FILE, OUTPUT_FILE, LATEST_FILE = "log.csv", "output.log", "latest.safetensors"
STATE_FILE, SAMPLES = "state.safetensors", "samples"
RATES = ("rate", "rate_lowest", "rate_highest")
MOST_POINTS = 1600  # of a curve: two for each pixel that it may have
MEANS = 40  # stretches that the smooth curve of a stage is made of
_TAIL_BYTES, _TAIL_LINES = 4000, 4
_KEY = tuple[str, str]


@dataclass(frozen=True, slots=True)
class StageSpan:
    """A stage, and how many steps are done before it."""

    name: str
    first: int
    num_steps: int


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One figure over the steps of all stages; NaN between stages. ``values`` keep every extreme.

    ``mean`` is that of the last ``window`` logged values of the stage, at ``mean_steps``.
    """

    steps: Numbers
    values: Numbers
    mean_steps: Numbers
    mean: Numbers
    window: int
    last: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The folder at one moment.

    ``said`` are the last lines that the command wrote, ``has_output`` whether they are caught.
    """

    folder: Path
    status: Status | None = None
    is_alive: bool = False
    is_launched_alive: bool = False
    stages: tuple[StageSpan, ...] = ()
    total_steps: int = 0
    curves: dict[str, Curve] = field(default_factory=dict)
    num_rows: int = 0
    num_unread: int = 0
    samples: tuple[tuple[int, Path], ...] = ()
    said: tuple[str, ...] = ()
    latest: Path | None = None
    has_state: bool = False
    has_output: bool = False


class LogTail:
    """Figures of a log that grows; a line that is still being written waits for its end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._clear()

    def _clear(self) -> None:
        self._at, self._file = 0, -1
        self.series: dict[_KEY, tuple[array[int], array[float]]] = {}
        self.num_rows = self.num_unread = 0

    def read(self) -> bool:
        """Take in what was added; a log that was cut is read anew. Returns whether anything changed."""
        try:
            with self._path.open("rb") as file:
                found = self._stat(file.fileno())
                is_other = found[0] != self._file or found[1] < self._at
                if is_other:
                    self._clear()
                    self._file = found[0]
                file.seek(self._at)
                block = file.read()
        except OSError:
            had_any = self.num_rows > 0
            self._clear()
            return had_any
        whole = block[: block.rfind(b"\n") + 1]
        self._at += len(whole)
        for line in whole.decode("utf-8", "replace").splitlines():
            self._take(line)
        return is_other or bool(whole)

    @staticmethod
    def _stat(descriptor: int) -> tuple[int, int]:
        found = os.fstat(descriptor)
        return found.st_ino, found.st_size

    def _take(self, line: str) -> None:
        parts = line.split(",")
        if parts[:2] == ["stage", "step"] or not line:
            return
        try:
            stage, step, name, value = parts[0], int(parts[1]), parts[2], float(parts[3])
        except (ValueError, IndexError):
            self.num_unread += 1
            return
        series = self.series.get((stage, name))
        if series is None:
            series = self.series[stage, name] = (array("q"), array("d"))
        series[0].append(step)
        series[1].append(value)
        self.num_rows += 1


class RunReader:
    """Reads one run's folder again and again; from one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._log = LogTail(folder / LOG_FILE)
        self._stages: tuple[StageSpan, ...] = ()
        self._curves: dict[str, Curve] = {}

    def read(self, launched: tuple[int, str] | None = None) -> Snapshot:
        """Look at everything; ``launched`` is a process that may not have written anything yet."""
        # Asked before the folder is read: what it wrote before it ended is then found.
        is_launched_alive = launched is not None and process_start(launched[0]) == launched[1] != ""
        status = read_status(self.folder)
        is_alive = status is not None and status.is_alive
        if is_alive:
            status = read_status(self.folder) or status
        has_news = self._log.read()
        stages = self._find_stages(status)
        if has_news or stages != self._stages:
            self._stages, self._curves = stages, self._make_curves(stages)
        latest = self.folder / LATEST_FILE
        return Snapshot(
            folder=self.folder,
            status=status,
            is_alive=is_alive,
            is_launched_alive=is_launched_alive,
            stages=stages,
            total_steps=sum(stage.num_steps for stage in stages),
            curves=self._curves,
            num_rows=self._log.num_rows,
            num_unread=self._log.num_unread,
            samples=_samples(self.folder / SAMPLES),
            said=_tail(self.folder / OUTPUT_FILE),
            latest=latest if latest.is_file() else None,
            has_state=(self.folder / STATE_FILE).is_file(),
            has_output=(self.folder / OUTPUT_FILE).is_file(),
        )

    def _find_stages(self, status: Status | None) -> tuple[StageSpan, ...]:
        """Stages as they were planned; of a run that told none, as far as they were logged."""
        logged: dict[str, int] = {}
        for (stage, _), (done, _values) in self._log.series.items():
            logged[stage] = max(logged.get(stage, 0), done[-1])
        planned = dict(status.stages) if status is not None and status.stages else logged
        spans, first = [], 0
        for name, steps in planned.items():
            spans.append(StageSpan(name, first, max(1, steps)))
            first += max(1, steps)
        return tuple(spans)

    def _make_curves(self, stages: tuple[StageSpan, ...]) -> dict[str, Curve]:
        names = dict.fromkeys(name for _, name in self._log.series)
        return {name: self._curve(name, stages) for name in names}

    def _curve(self, name: str, stages: tuple[StageSpan, ...]) -> Curve:
        parts: list[tuple[Numbers, Numbers, Numbers, Numbers]] = []
        window, last = 1, float("nan")
        room = MOST_POINTS // max(1, len(stages))
        for stage in stages:
            found = self._log.series.get((stage.name, name))
            if found is None:
                continue
            steps = np.array(found[0], np.float64) + stage.first
            values = np.array(found[1], np.float64)
            window, last = max(1, len(values) // MEANS), float(values[-1])
            mean = _trailing_mean(values, window)
            stride = max(1, len(values) // room)
            thin = np.unique(np.append(np.arange(0, len(values), stride), len(values) - 1))
            parts.append((*thinned(steps, values, room), steps[thin], mean[thin]))
        gap = np.array([np.nan])

        def joined(column: int) -> Numbers:
            pieces = [piece for part in parts for piece in (part[column], gap)]
            return np.concatenate(pieces[:-1]) if pieces else np.empty(0)

        return Curve(joined(0), joined(1), joined(2), joined(3), window, last)


def thinned(steps: Numbers, values: Numbers, room: int) -> tuple[Numbers, Numbers]:
    """At most so many points, the least and the largest of every stretch among them."""
    if len(values) <= room:
        return steps, values
    size = -(-len(values) // max(1, room // 2))
    missing = -len(values) % size
    padded = np.append(values, np.full(missing, values[-1])).reshape(-1, size)
    starts = np.arange(len(padded)) * size
    picked = np.concatenate([starts + padded.argmin(axis=1), starts + padded.argmax(axis=1)])
    picked = np.unique(np.minimum(picked, len(values) - 1))
    return steps[picked], values[picked]


def _trailing_mean(values: Numbers, window: int) -> Numbers:
    """Mean of the last ``window`` values, of fewer at the beginning."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - window)
    return np.asarray((sums[ends] - sums[starts]) / (ends - starts), np.float64)


def _samples(folder: Path) -> tuple[tuple[int, Path], ...]:
    """Pictures by the step they were made at, which is their name."""
    try:
        found = [(int(path.stem), path) for path in folder.glob("*.png") if path.stem.isdecimal()]
    except (OSError, ValueError):
        return ()
    return tuple(sorted(found))


def _tail(path: Path) -> tuple[str, ...]:
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return tuple(lines[-_TAIL_LINES:])
