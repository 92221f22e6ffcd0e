"""Keeping the journal of a window up to date with its runs and notes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from spikestudio.app.viewmodels.session_runs import to_run
from spikestudio.app.viewmodels.session_work import SessionWork, nothing
from spikestudio.language import tr
from spikestudio.sessions.document import Run, Session
from spikestudio.sessions.follower import Follower
from spikestudio.sessions.journal import Journal

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.checkpoint import CheckpointModel
    from spikestudio.app.viewmodels.history import Entry, HistoryModel
    from spikestudio.sessions.files import Source

logger = logging.getLogger(__name__)

SYNC_MS = 1000  # after the last edit, until it is in the journal


class SessionKeeping(QObject):
    """Puts every run that ends into the journal, with the recording that was streamed meanwhile.

    ``session`` gives the session without its runs.
    """

    edited = Signal()  # a run ended, was deleted, kept, or got another note
    warned = Signal(str)

    def __init__(
        self,
        journal: Journal,
        follower: Follower,
        work: SessionWork,
        history: HistoryModel,
        checkpoint: CheckpointModel,
        session: Callable[[], Session],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.journal, self._follower, self._work = journal, follower, work
        self._history, self._checkpoint, self._session = history, checkpoint, session
        follower.architecture = self._architecture
        self._kept: dict[int, tuple[bool, str]] = {}  # what the journal knows of each run
        self._taken = 0  # sessions that were opened, to tell late answers
        self._taken_bytes = 0  # of the recordings of the one that is open
        self._is_told = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SYNC_MS)
        self._timer.timeout.connect(self.sync)
        history.entryAdded.connect(self._on_entry_added)
        history.edited.connect(self._on_edited)

    def maker(self) -> Callable[[Entry], Run]:
        """Call what is returned, in any thread, to get a run as it is kept."""
        model, known = self._checkpoint.model, self._checkpoint.entries
        device = model.device if model else "cpu"
        names = {e.card.tensors_sha256: e.card.architecture for e in known if e.card}
        return lambda entry: to_run(
            entry, device=device, architecture=names.get(entry.tensors_sha256, "")
        )

    def _architecture(self, sha256: str) -> str:
        model = self._checkpoint.model
        if model is None or model.card.tensors_sha256 != sha256:
            return ""
        return model.card.architecture

    # runs that end ----------------------------------------------------------------------------

    @Slot(int)
    def _on_entry_added(self, key: int) -> None:
        entry = self._history.entry(key)
        if entry is None:
            return
        recorder: Any = entry.recorder
        stream = self._follower.take(recorder)
        if stream is None and not entry.path and recorder.file_path and not recorder.file_error:
            entry.stored = recorder.file_path  # a file of the user's
        make = self.maker()
        self._kept[key] = (entry.is_pinned, entry.note)

        def keep() -> Run:
            run = make(entry)
            if stream is not None:
                stream.close(run.origin)
                is_there = stream.path.is_file()
                run = replace(
                    run,
                    recording=stream.path if is_there else None,
                    left_out="" if is_there else stream.left_out,
                )
            return self.journal.keep(run)

        def done(run: Run) -> None:
            entry.left_out = run.left_out
            if self._history.entry(key) is None:  # deleted meanwhile
                self.submit(partial(self.journal.forget, key))
                return
            if run.recording is not None and not entry.path:
                self._history.set_stored(key, run.recording)
            self._trim()

        self.submit(keep, done)
        self._on_edited()

    def _trim(self) -> None:
        """Keep the journal within what all recordings together may take."""
        shown = self._history.shown
        free = [each for each in self._history.entries if each is not shown]
        free.sort(key=lambda e: (e.is_pinned, e.key in self._history.in_use, e.key))
        most = self._history.budget_bytes + self._taken_bytes
        keys = [each.key for each in free]

        def done(gone: list[int]) -> None:
            for key in gone:
                self._history.set_stored(key, None)

        self.submit(lambda: self.journal.trim(most, keys), done)

    # edits ------------------------------------------------------------------------------------

    @Slot()
    def _on_edited(self) -> None:
        self.sync_soon()
        self.edited.emit()

    def sync_soon(self) -> None:
        """Bring the journal up to date once nothing was edited for a moment."""
        self._timer.start()

    @Slot()
    def sync(self) -> None:
        """Bring the journal up to date with what was edited."""
        entries = {each.key: each for each in self._history.entries}
        session = self._session()
        if not (entries or self._kept or session.note):
            return
        for key in [key for key in self._kept if key not in entries]:
            del self._kept[key]
            self.submit(partial(self.journal.forget, key))
        make = self.maker()
        for key, entry in entries.items():
            now = (entry.is_pinned, entry.note)
            if self._kept.get(key) != now:
                self._kept[key] = now
                self.submit(partial(_rewrite, self.journal, make, entry))
        self.submit(partial(self.journal.write_manifest, session))

    # another session --------------------------------------------------------------------------

    def take(self, runs: list[Run], source: Source | None, kept: Callable[[int], None]) -> None:
        """Put the runs of another session into the journal, in this order.

        Those of a file come from ``source``, which is closed then; those that were recovered are there
        already. ``kept`` is told of each.
        """
        from spikestudio.sessions.reading import has_recording

        self._taken += 1
        self._taken_bytes = 0
        self._kept = {run.key: (run.is_pinned, run.note) for run in runs}
        taken = self._taken
        if source is not None:
            self.submit(self.journal.clear)

        def done(key: int, run: Run) -> None:
            if taken != self._taken:
                return
            if run.recording is not None:
                self._taken_bytes += run.recording.stat().st_size
            self._history.set_stored(key, run.recording)
            kept(key)

        for run in runs:
            job = partial(self.journal.keep, run)
            if source is not None and has_recording(source, run.key):
                job = partial(self._unpack, run, source)
            self.submit(job, partial(done, run.key))
        if source is not None:
            self.submit(source.close)

    def _unpack(self, run: Run, source: Source) -> Run:
        from spikestudio.sessions.files import RECORDING, member

        target = self.journal.place_for(run)
        is_there = source.unpack(member(run.key, RECORDING), target, lambda: self._work.is_closed)
        return self.journal.keep(replace(run, recording=target if is_there else None))

    # background -------------------------------------------------------------------------------

    def submit(self, job: Callable[[], Any], done: Callable[[Any], None] = nothing) -> None:
        """Do something with the journal in the background; sampling goes on if it fails."""
        self._work.submit(job, done, self._on_failed)

    def _on_failed(self, message: str, details: str) -> None:
        """Say once that the journal does not work."""
        logger.warning("the journal: %s %s", message, details)
        if not self._is_told and not message.startswith(("TypeError", "AttributeError")):
            self._is_told = True
            self.warned.emit(
                tr("Runs are not kept for the case of a crash: {message}", message=message)
            )

    def close(self) -> None:
        """End the journal; the sampling thread and that of the work must have ended."""
        self._timer.stop()
        self._follower.close()
        self.journal.close()


def _rewrite(journal: Journal, make: Callable[[Entry], Run], entry: Entry) -> None:
    journal.keep(make(entry))
