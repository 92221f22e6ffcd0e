"""What a training run says of itself in its folder, so that anybody can follow and stop it.

    status.json    process, request, where it is, and how it ended
    stop           the run is to save and end; for whoever cannot send it a signal

The process is named by its number and the moment it was started, so that another one that got the
number later is never taken for it.
"""

from __future__ import annotations

import json
import math
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from spikestudio.atomic import replace_text
from spikestudio.errors import SpikeStudioError, TrainingError
from spikestudio.language import tr
from spikestudio.training.processes import process_start

STATUS_FILE, STOP_FILE = "status.json", "stop"
SCHEMA_VERSION = 1
PAUSE = 1.0  # seconds between two announcements
FRESH = 120.0  # seconds without a word after which nobody is thought to be at work elsewhere

State = Literal["starting", "running", "finished", "stopped", "failed"]
_KINDS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("pid", "step", "num_steps", "total_done", "total_steps", "snn_steps"), int),
    **dict.fromkeys(("started", "host", "reason", "stage"), str),
    **dict.fromkeys(("learning_rate", "seconds_per_step", "at"), float),
    "request": dict,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Where a run is; steps count what is done.

    Parameters
    ----------
    pid, started, host
        Process that trains, the moment of its start as ``process_start`` gives it, and its machine.
    state, reason
        What it does; why it failed, in one sentence.
    request
        Options of the command, by name.
    stages
        Name and number of steps of every stage, in order.
    seconds_per_step
        Mean of the last logged steps; 0 while not known.
    at
        Time of the announcement, in seconds since 1970.
    """

    pid: int
    started: str
    host: str
    state: State = "starting"
    reason: str = ""
    request: Mapping[str, Any] = field(default_factory=dict)
    stages: tuple[tuple[str, int], ...] = ()
    stage: str = ""
    step: int = 0
    num_steps: int = 0
    total_done: int = 0
    total_steps: int = 0
    learning_rate: float = 0.0
    snn_steps: int = 0
    seconds_per_step: float = 0.0
    at: float = 0.0

    @property
    def is_here(self) -> bool:
        """Whether it was written on this machine."""
        return self.host == platform.node()

    @property
    def is_open(self) -> bool:
        """Whether it has not said that it ended."""
        return self.state in ("starting", "running")

    @property
    def is_alive(self) -> bool:
        """Whether its process runs; of another machine's, whether it has said so lately."""
        if not self.is_open:
            return False
        if not self.is_here:
            return time.time() - self.at < FRESH
        return bool(self.started) and process_start(self.pid) == self.started

    @property
    def seconds_left(self) -> float | None:
        """Time that the steps left take at the speed of the last ones; None while not known."""
        if not self.seconds_per_step:
            return None
        return self.seconds_per_step * max(0, self.total_steps - self.total_done)


class Desk:
    """The side of the run: announces what is done, and sees whether it is to stop."""

    def __init__(self, folder: Path, stop: threading.Event, request: Mapping[str, Any]) -> None:
        self._folder, self._stop = folder, stop
        pid = os.getpid()
        self._status = Status(
            pid=pid, started=process_start(pid), host=platform.node(), request=dict(request)
        )
        self._next = 0.0

    def begin(self) -> None:
        """Take the folder; raises ``TrainingError`` while another process trains in it."""
        other = read_status(self._folder)
        if other is not None and other.is_alive and other.pid != self._status.pid:
            where = "" if other.is_here else f" on {other.host}"
            raise TrainingError(
                tr(
                    "Process {pid}{where} trains in {folder} right now: stop it first, or "
                    "choose another output.",
                    pid=other.pid,
                    where=where,
                    folder=self._folder,
                )
            )
        with suppress(OSError):
            (self._folder / STOP_FILE).unlink(missing_ok=True)
        self._write()

    def plan(self, stages: tuple[tuple[str, int], ...]) -> None:
        """Say which stages there are."""
        self._change(stages=stages, total_steps=sum(steps for _, steps in stages))

    def note(self, **position: Any) -> None:  # noqa: ANN401  fields of the status
        """Say where it is; what comes within a second of the last word is written later."""
        self._change(**position, state="running")
        now = time.monotonic()
        if now >= self._next:
            self._next = now + PAUSE
            self._write()
            if (self._folder / STOP_FILE).exists():
                self._stop.set()

    def end(self, state: State, reason: str = "") -> None:
        """Say how it ended."""
        self._change(state=state, reason=reason)
        self._write()
        with suppress(OSError):
            (self._folder / STOP_FILE).unlink(missing_ok=True)

    def _change(self, **values: Any) -> None:  # noqa: ANN401
        self._status = replace(self._status, **values)

    def _write(self) -> None:
        self._change(at=time.time())
        text = json.dumps({"schema_version": SCHEMA_VERSION, **asdict(self._status)}, indent=1)
        with suppress(OSError):  # training does not depend on it
            replace_text(self._folder / STATUS_FILE, text)


@contextmanager
def announced(desk: Desk | None) -> Iterator[None]:
    """Say in the folder if what happens inside fails, and why; nothing without a desk."""
    if desk is None:
        yield
        return
    desk.begin()
    try:
        yield
    except SpikeStudioError as error:
        desk.end("failed", str(error))
        raise
    except KeyboardInterrupt:
        desk.end("failed", "It was interrupted a second time and ended at once.")
        raise
    except Exception as error:
        desk.end("failed", f"{type(error).__name__}: {error}")
        raise


def read_status(folder: Path) -> Status | None:
    """What the run of a folder said last; None if nothing that can be understood."""
    try:
        values = json.loads((folder / STATUS_FILE).read_text("utf-8"))
        if values["schema_version"] != SCHEMA_VERSION or values["state"] not in get_args(State):
            return None
        given = {name: kind(values[name]) for name, kind in _KINDS.items() if name in values}
        if not all(math.isfinite(each) for each in given.values() if isinstance(each, float)):
            return None
        stages = tuple((str(name), int(steps)) for name, steps in values["stages"])
        return Status(**given | {"state": values["state"], "stages": stages})
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


def ask_stop(folder: Path) -> None:
    """Have the run of a folder save and end after its step; nothing if none runs.

    A process of this machine gets a signal, after a look at whether it is still the one that wrote the
    folder; where signals cannot ask, a file does.

    Raises
    ------
    TrainingError
        It cannot be told.
    """
    status = read_status(folder)
    if status is None or not status.is_alive:
        return
    try:
        if status.is_here and sys.platform != "win32" and status.state == "running":
            os.kill(status.pid, signal.SIGTERM)
        else:  # also while it starts, when a signal could come before it can be heard
            replace_text(folder / STOP_FILE, "")
    except ProcessLookupError:
        return
    except OSError as error:
        raise TrainingError(
            tr(
                "The run in {folder} could not be told to stop ({strerror}): end process "
                "{pid} with Ctrl+C where it was started.",
                folder=folder,
                strerror=error.strerror or error,
                pid=status.pid,
            )
        ) from error
