"""The session of a window: saving and opening it, its page, and what was left by a crash."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from spikestudio import __version__
from spikestudio.app.viewmodels.session_keeping import SessionKeeping
from spikestudio.app.viewmodels.session_model_file import SessionModelFile
from spikestudio.app.viewmodels.session_runs import open_stored, to_entry
from spikestudio.app.viewmodels.session_work import SessionWork
from spikestudio.language import tr, tr_n
from spikestudio.sessions.document import Place, Session
from spikestudio.sessions.follower import Follower
from spikestudio.sessions.journal import Journal
from spikestudio.sessions.limits import DEFAULT_LIMIT_MB
from spikestudio.sessions.reading import has_recording, open_session
from spikestudio.sessions.recovery import Abandoned, abandoned, recover
from spikestudio.sessions.writing import Saved, save_session

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.checkpoint import CheckpointModel
    from spikestudio.app.viewmodels.history import EndedRun, HistoryModel
    from spikestudio.app.viewmodels.run import RunModel
    from spikestudio.app.viewmodels.sampler import SamplerModel
    from spikestudio.app.viewmodels.timeline import TimelineModel
    from spikestudio.sessions.files import Source

BUSY = tr("A run is in progress: cancel it or wait until it has ended, then open the session.")


class SessionModel(QObject):
    """What the runs, notes and settings of a window are kept in.

    Every run that ends goes into the journal, and from there into the session file when it is saved.
    """

    changed = Signal()  # name, note, whether there is something unsaved, or work in progress
    noteChanged = Signal()  # noqa: N815  by another one than the user: a session was opened
    told = Signal(str)
    saved = Signal(object)  # the Saved
    reported = Signal(object)  # path of the page
    warned = Signal(str)
    failed = Signal(str, str)  # in a sentence, and details
    placeWanted = Signal(object)  # noqa: N815  a Place: how the docks were arranged
    found = Signal(object)  # the Abandoned of a window that ended unexpectedly

    def __init__(
        self,
        run: RunModel,
        timeline: TimelineModel,
        sampler: SamplerModel,
        checkpoint: CheckpointModel,
        history: HistoryModel,
        journal: Journal,
        follower: Follower | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._run, self._timeline, self._sampler = run, timeline, sampler
        self._checkpoint, self._history = checkpoint, history
        self.path: Path | None = None
        self.note = ""
        self.limit_mb: float = DEFAULT_LIMIT_MB
        self.work = SessionWork(self)
        self.keeping = SessionKeeping(
            *(journal, follower or Follower(journal), self.work, history, checkpoint, self.session)
        )
        self.model_file = SessionModelFile(sampler, checkpoint, self.warned.emit)
        self._revision = self._saved_revision = 0
        self._place: Place | None = None  # to be looked at once its run is shown
        self.work.changed.connect(self.changed)
        self.keeping.warned.connect(self.warned)
        self.keeping.edited.connect(self._touch)
        history.openRequested.connect(self._open_stored)
        history.lookRequested.connect(self._on_looked)
        sampler.requestChanged.connect(self._on_request_changed)

    # reading --------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Name of the session, empty while it has no file."""
        return self.path.stem if self.path else ""

    @property
    def is_unsaved(self) -> bool:
        """Whether runs or notes have changed since the session was saved or opened."""
        return self._revision != self._saved_revision

    @property
    def has_content(self) -> bool:
        """Whether there is anything to save."""
        return bool(self._history.entries or self.note)

    @property
    def busy(self) -> str:
        """What the user waits for, as in ``Saving a.spikestudio``; empty if it is nothing."""
        return self.work.busy

    @property
    def progress(self) -> tuple[int, int]:
        """Runs that are done with, and all of them; 0 where that is not known."""
        return self.work.progress

    def session(self, place: Place | None = None) -> Session:
        """The session as it stands, without its runs."""
        return Session(
            name=self.name,
            note=self.note,
            saved_at=datetime.now().isoformat(timespec="seconds"),
            program=__version__,
            sampler=self._sampler.request,
            model=self.model_file.description,
            place=self.place() if place is None else place,
        )

    def place(self, **docks: Any) -> Place:  # noqa: ANN401  as ``Place``
        """What is looked at now; ``docks`` says how they are arranged."""
        shown, selection = self._history.shown, self._run.selection
        cursor = self._timeline.cursor
        return Place(
            shown=None if shown is None else shown.key,
            image=selection.image,
            layer=selection.layer,
            neurons=selection.neurons[:256],
            step=None if self._timeline.is_live else cursor.step,
            snn_step=cursor.snn_step,
            **docks,
        )

    def gather(self, place: Place | None = None) -> Callable[[], Session]:
        """Call what is returned in another thread to get the session with all its runs."""
        bare, entries = self.session(place), list(self._history.entries)
        make = self.keeping.maker()
        return lambda: replace(bare, runs=tuple(make(entry) for entry in entries))

    # changing -------------------------------------------------------------------------------

    def set_note(self, note: str) -> None:
        """Give the session another note."""
        if note != self.note:
            self.note = note
            self.keeping.sync_soon()
            self._touch()

    def set_limit(self, limit_mb: float) -> None:
        """Let recordings that are not kept take so many MiB in the file."""
        if limit_mb != self.limit_mb:
            self.limit_mb = limit_mb
            self.changed.emit()

    @Slot()
    def _touch(self) -> None:
        self._revision += 1
        self.changed.emit()

    @Slot()
    def _on_request_changed(self) -> None:
        if self.has_content:
            self.keeping.sync_soon()

    # saving ---------------------------------------------------------------------------------

    def save(self, path: Path, place: Place | None = None) -> None:
        """Write the session to a file; ``saved`` or ``failed`` follows."""
        if self.busy:
            return
        self.work.begin(tr("Saving {path}", path=path.name))
        gathered, revision = self.gather(place), self._revision

        def save() -> Saved:
            return save_session(
                path,
                replace(gathered(), name=path.stem),
                limit_mb=self.limit_mb,
                progress=self.work.note_progress,
                is_cancelled=lambda: self.work.is_cancelled,
            )

        def done(saved: Saved) -> None:
            self.path, self._saved_revision = path, revision
            self.work.end()
            self.saved.emit(saved)

        self.work.submit(save, done, self._fail)

    def report(self, path: Path) -> None:
        """Write a page of the session; ``reported`` or ``failed`` follows."""
        if self.busy:
            return
        self.work.begin(tr("Writing {path}", path=path.name))
        gathered, cards = self.gather(), self._cards()

        def write() -> Path:
            from spikestudio.sessions.report import save_report

            save_report(
                path,
                gathered(),
                cards,
                progress=self.work.note_progress,
                is_cancelled=lambda: self.work.is_cancelled,
            )
            return path

        def done(written: Path) -> None:
            self.work.end()
            self.reported.emit(written)

        self.work.submit(write, done, self._fail)

    @Slot()
    def cancel(self) -> None:
        """Give up what is being saved, opened or written."""
        self.work.is_cancelled = True

    # opening --------------------------------------------------------------------------------

    def open(self, path: Path) -> None:
        """Read a session and take it in the place of this one; on ``failed`` nothing has changed."""
        if self.busy:
            return
        if self._sampler.is_busy:
            self.warned.emit(BUSY)
            return
        self.work.begin(tr("Opening {path}", path=path.name))

        def done(found: tuple[Session, Source]) -> None:
            self.work.end()
            session, source = found
            if self._sampler.is_busy or self.work.is_cancelled:
                source.close()
                self.warned.emit(
                    BUSY if self._sampler.is_busy else tr("{path} was not opened.", path=path.name)
                )
                return
            self.path = path
            self._take(session, source)
            self._saved_revision = self._revision
            self.changed.emit()
            self.told.emit(tr("Opened {path}: {runs}.", path=path.name, runs=_runs(session)))

        self.work.submit(lambda: open_session(path), done, self._fail)

    def _take(self, session: Session, source: Source | None) -> None:
        self.note, self._place = session.note, session.place
        entries = [to_entry(run) for run in session.runs]
        for entry in entries:  # what was recovered lies elsewhere in a moment
            is_packed = source is not None and has_recording(source, entry.key)
            entry.is_unpacking = is_packed or entry.stored is not None
            entry.stored = None
        self._history.replace(entries)
        self.model_file.restore(session)
        self.placeWanted.emit(session.place)
        shown = session.place.shown
        runs = sorted(session.runs, key=lambda run: (run.key != shown, not run.is_pinned, -run.key))
        self.keeping.take(runs, source, self._on_kept)
        self.noteChanged.emit()
        self.changed.emit()

    def _on_kept(self, key: int) -> None:
        if self._place is not None and self._place.shown == key:
            self._history.look(key)

    @Slot(object)
    def _on_looked(self, _ended: object) -> None:
        """Go to what was looked at when the session was saved, now that its run is shown."""
        place, shown = self._place, self._history.shown
        self._place = None
        if place is None or shown is None or shown.key != place.shown:
            return
        self._run.select(image=min(place.image, shown.request.num - 1))
        layer = self._run.layer(place.layer)
        if layer is not None:
            neurons = tuple(each for each in place.neurons if each < layer.num_neurons)
            self._run.select(layer=place.layer, neurons=neurons)
        if place.step is not None:
            self._timeline.seek(place.step, place.snn_step)

    @Slot(int)
    def _open_stored(self, key: int) -> None:
        """Open the recording of a run of the session."""
        entry = self._history.entry(key)
        if entry is None or entry.stored is None:
            return

        def done(ended: EndedRun) -> None:
            self._history.take_opened(key, ended)

        def fail(message: str, details: str) -> None:
            self._history.take_opened(key, None)
            self.failed.emit(message, details)

        self.work.submit(partial(open_stored, entry, self._cards()), done, fail)

    # after a crash --------------------------------------------------------------------------

    def look_for_abandoned(self) -> None:
        """Look for what windows left that ended unexpectedly; ``found`` follows if there is any."""

        def done(journals: list[Abandoned]) -> None:
            for other in journals[1:]:
                other.leave()  # until the next start
            if journals:
                self.found.emit(journals[0])

        self.keeping.submit(partial(abandoned, self.keeping.journal.root), done)

    def recover(self, journal: Abandoned) -> None:
        """Take the session of another window in the place of this one."""
        if self._sampler.is_busy or self.busy:
            journal.leave()
            self.warned.emit(
                tr("A run is in progress, so nothing was recovered: start again later.")
            )
            return
        cards = self._cards()
        self.work.begin(tr("Recovering the last session"))

        def read() -> tuple[Session, list[str]]:
            found = recover(journal, cards)
            self.keeping.journal.adopt(journal)
            return found

        def done(found: tuple[Session, list[str]]) -> None:
            self.work.end()
            session, problems = found
            self.path = None
            self._take(session, None)
            self._touch()
            for problem in problems:
                self.warned.emit(problem)
            self.told.emit(tr("Recovered {runs}: save the session.", runs=_runs(session)))

        self.work.submit(read, done, self._fail)

    def discard(self, journal: Abandoned) -> None:
        """Remove what another window left."""
        self.keeping.submit(journal.discard)

    # end ------------------------------------------------------------------------------------

    def _cards(self) -> list[Any]:
        return [each.card for each in self._checkpoint.entries if each.card]

    def _fail(self, message: str, details: str) -> None:
        self.work.end()
        self.failed.emit(message, details)

    def close(self) -> None:
        """End the journal: the window is closed as it should. The sampling thread has ended."""
        if not self.work.is_closed:
            self.work.close()
            self.keeping.close()


def _runs(session: Session) -> str:
    number = len(session.runs)
    return tr_n("{number:,} run", "{number:,} runs", number, number=number)
