"""What reads and writes for a session: one thread of its own, in the order in which it is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from spikestudio.app.jobs import Jobs

POLL_MS = 30


class SessionWork(QObject):
    """Jobs of a session; what the user waits for has a name in ``busy``, progress and a cancel.

    The thread is not that of the window's other jobs, which would wait for a large file.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.busy = ""  # as in "Saving a.spikestudio"
        self.progress: tuple[int, int] = (0, 0)  # runs done, and all
        self.is_cancelled = self.is_closed = False
        self._jobs = Jobs()
        self._poll = QTimer(self)
        self._poll.setInterval(POLL_MS)
        self._poll.timeout.connect(self._deliver)

    @property
    def is_active(self) -> bool:
        """Whether something is being read or written."""
        return self._jobs.is_active

    def begin(self, what: str) -> None:
        """Say what the user waits for."""
        self.busy, self.progress, self.is_cancelled = what, (0, 0), False
        self.changed.emit()

    def end(self) -> None:
        """Say that it is done."""
        self.busy = ""
        self.changed.emit()

    def note_progress(self, done: int, total: int) -> None:
        """Take in how far it is; from any thread."""
        self.progress = (done, total)  # read by the window's thread when it delivers

    def submit(
        self,
        job: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[str, str], None],
    ) -> None:
        """Do a job in the thread; then ``done`` or ``failed`` in the window's, as ``Jobs`` does."""
        if not self.is_closed:
            self._jobs.submit(job, done, failed)
            self._poll.start()

    @Slot()
    def _deliver(self) -> None:
        self._jobs.deliver()
        if self.busy:
            self.changed.emit()
        if not self._jobs.is_active:
            self._poll.stop()

    def close(self) -> None:
        """Give up what is under way, and end the thread."""
        self.is_closed = self.is_cancelled = True
        self._poll.stop()
        self._jobs.close()


def nothing(_result: object) -> None:
    """What is done needs no word."""
