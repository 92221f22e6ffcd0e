"""The training run that is looked at: started as a process of its own, followed by its folder."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtGui import QImage

from spikestudio.app.viewmodels.training_form import Submit, TrainingFormModel
from spikestudio.app.viewmodels.training_process import launch
from spikestudio.app.viewmodels.training_reading import RunReader, Snapshot
from spikestudio.errors import SpikeStudioError
from spikestudio.language import tr
from spikestudio.training.options import RUN_SUFFIX, TrainingOptions
from spikestudio.training.processes import process_start
from spikestudio.training.status import STATUS_FILE, ask_stop, read_status

State = Literal["none", "starting", "running", "stopping", "finished", "stopped", "failed", "lost"]

LOOK_MS = 700  # between two looks at the folder of a run that is at work
MOST_KNOWN = 12
LOST = tr("The run ended without saying so; continue with Resume.")
LOST_WITHOUT_STATE = tr(
    "The run ended without saying so, and before it saved anything: start it anew."
)


def _at_work(folders: list[Path]) -> Path | None:
    """The first folder in which a process trains."""
    for folder in folders:
        status = read_status(folder)
        if status is not None and status.is_alive:
            return folder
    return None


class TrainingModel(QObject):
    """The run of one folder, whoever started it, and the ``form`` of the next one.

    ``known`` are folders of runs, newest first; the list given is changed in place, so that the
    settings that it belongs to remember it.
    """

    changed = Signal()
    attached = Signal()

    def __init__(
        self,
        submit: Submit,
        known: list[str] | None = None,
        *,
        start_process: Callable[[list[str], Path], int] = launch,
        parent_folder: Path | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._submit, self._start_process = submit, start_process
        self.form = TrainingFormModel(submit, parent_folder, self)
        self.known = known if known is not None else []
        self.known[:] = [text for text in self.known if isinstance(text, str)][:MOST_KNOWN]
        self.folder: Path | None = None
        self.snapshot: Snapshot | None = None
        self.state: State = "none"
        self.failure = ""  # why it failed, or what could not be done
        self._reader: RunReader | None = None
        self._launched: tuple[int, str] | None = None
        self._launched_at = self._stop_asked = 0.0
        self._is_looking = self._is_closed = False
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.look)

    @property
    def is_active(self) -> bool:
        """Whether a process is at work in the folder."""
        return self.state in ("starting", "running", "stopping")

    @property
    def can_resume(self) -> bool:
        """Whether there is a saved state that was not trained to the end."""
        has_state = self.snapshot is not None and self.snapshot.has_state
        return has_state and self.state in ("stopped", "failed", "lost")

    @property
    def checkpoint(self) -> Path | None:
        """What can be loaded of the run: the finished checkpoint, else the latest one."""
        if self.folder is None or self.snapshot is None:
            return None
        out = self.folder.with_suffix(".safetensors")
        return out if self.state == "finished" and out.is_file() else self.snapshot.latest

    # commands -------------------------------------------------------------------------------

    def start(self) -> None:
        """Start what was checked, and look at it."""
        checked = self.form.checked
        if checked is not None:
            self._begin(checked.options)
            self.form.begun()

    def resume(self) -> None:
        """Go on with the run that is looked at."""
        snapshot = self.snapshot
        if snapshot is None or not self.can_resume:
            return
        request = snapshot.status.request if snapshot.status is not None else {}
        try:
            options = TrainingOptions.of_run(request, snapshot.folder)
        except SpikeStudioError as error:
            self._say(str(error))
            return
        self._begin(options)

    def _begin(self, options: TrainingOptions) -> None:
        folder = options.run_folder
        self.attach(folder, looks=False)
        try:
            pid = self._start_process(options.command(), folder)
        except OSError as error:
            self.state = "failed"
            self._say(
                tr("Training could not be started ({error}): choose another output.", error=error)
            )
            return
        self._launched, self._launched_at = (pid, process_start(pid)), time.time()
        self._set_state("starting")
        self._timer.start()
        self.look()

    def stop(self) -> None:
        """Have the run save and end after its step."""
        if self.folder is None or self.state not in ("starting", "running"):
            return
        self._stop_asked = time.monotonic()
        launched = self._launched
        try:
            if self.state == "starting" and launched and not self._has_told(launched):
                self._end_at_once(*launched)  # nothing is lost: it has not begun
            else:
                ask_stop(self.folder)
        except SpikeStudioError as error:
            self._say(str(error))
            return
        self._set_state("stopping")

    def _has_told(self, launched: tuple[int, str]) -> bool:
        status = self.snapshot.status if self.snapshot is not None else None
        return status is not None and (status.pid, status.started) == launched

    @staticmethod
    def _end_at_once(pid: int, started: str) -> None:
        if started and process_start(pid) == started:
            os.kill(pid, signal.SIGTERM)

    def attach(self, folder: Path, *, looks: bool = True) -> None:
        """Look at the run of a folder, whether it is at work or has ended."""
        if not looks or folder != self.folder:
            self._reader = RunReader(folder)
            self.snapshot, self._launched, self._stop_asked = None, None, 0.0
        self.folder, self.failure = folder, ""
        self.remember(folder)
        self.attached.emit()
        if looks:
            self.look()

    def attach_chosen(self, folder: Path) -> str:
        """Look at a folder that somebody chose; returns why that is none of a run, else nothing."""
        if folder.suffix != RUN_SUFFIX and folder.with_suffix(RUN_SUFFIX).is_dir():
            folder = folder.with_suffix(RUN_SUFFIX)
        names = ("log.csv", STATUS_FILE, "state.safetensors")
        if not any((folder / name).is_file() for name in names):
            return tr(
                "{folder} holds no training run: choose a folder whose name ends in .run.",
                folder=folder,
            )
        self.attach(folder)
        return ""

    def remember(self, folder: Path) -> None:
        """Put a folder in front of those that are known."""
        text = str(folder)
        self.known[:] = [text, *(each for each in self.known if each != text)][:MOST_KNOWN]

    def sample_image(self, path: Path, done: Callable[[QImage], None]) -> None:
        """Have a picture read; a null image if it cannot be."""
        if not self._is_closed:
            self._submit(lambda: QImage(str(path)), done, lambda *_: done(QImage()))

    def close(self) -> None:
        """Look no more; the run goes on."""
        self._is_closed = True
        self._timer.stop()

    def recall(self) -> None:
        """Look at the newest known run that is at work, unless one is looked at already."""
        if self.folder is None and self.known and not self._is_closed:
            known = [Path(text) for text in self.known]
            self._submit(partial(_at_work, known), self._on_recalled, lambda *_: None)

    def _on_recalled(self, folder: Path | None) -> None:
        if folder is not None and self.folder is None and not self._is_closed:
            self.attach(folder)

    # what the folder tells ------------------------------------------------------------------

    @Slot()
    def look(self) -> None:
        """Have the folder read."""
        reader = self._reader
        if self._is_looking or self._is_closed or reader is None:
            return
        self._is_looking = True
        self._submit(
            partial(reader.read, self._launched),
            partial(self._on_read, reader),
            partial(self._on_read_failed, reader),
        )

    def _on_read(self, reader: RunReader, snapshot: Snapshot) -> None:
        self._is_looking = False
        if reader is not self._reader:
            self.look()
            return
        self.snapshot = snapshot
        state, self.failure = self._judge(snapshot)
        if self.state == "stopping" and state in ("starting", "running") and self._stop_asked:
            state = "stopping"
        self._set_state(state)
        if self.is_active and not self._is_closed:
            self._timer.start()
        else:
            self._timer.stop()

    def _judge(self, snapshot: Snapshot) -> tuple[State, str]:
        status, launched = snapshot.status, self._launched
        if launched is not None and not self._has_told(launched):
            if snapshot.is_launched_alive:
                return "starting", ""
            if status is None or status.at < self._launched_at:
                return self._ended_unsaid(snapshot)
        if status is None:
            return ("lost", "") if snapshot.num_rows or snapshot.has_state else ("none", "")
        if snapshot.is_alive:
            return ("starting" if status.state == "starting" else "running"), ""
        if status.state == "finished":
            return "finished", ""
        if status.state == "stopped":
            return "stopped", ""
        if status.state == "failed":
            return "failed", status.reason
        return "lost", LOST if snapshot.has_state else LOST_WITHOUT_STATE

    def _ended_unsaid(self, snapshot: Snapshot) -> tuple[State, str]:
        """State of a run whose process ended before it said a word."""
        if self._stop_asked:
            return "stopped", ""
        said = snapshot.said[-1] if snapshot.said else tr("it left no word.")
        return "failed", tr("Training ended before it began: {said}", said=said)

    def _on_read_failed(self, reader: RunReader, message: str, _details: str) -> None:
        self._is_looking = False
        if reader is self._reader:
            self._say(message)

    def _set_state(self, state: State) -> None:
        self.state = state
        self.changed.emit()

    def _say(self, message: str) -> None:
        self.failure = message
        self.changed.emit()
