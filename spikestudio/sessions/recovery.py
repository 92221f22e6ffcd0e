"""What windows left that ended unexpectedly: found, and read."""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from spikestudio.errors import RecordingError, SpikeStudioError
from spikestudio.language import tr, tr_n
from spikestudio.sessions import files
from spikestudio.sessions.document import Run, Session
from spikestudio.sessions.files import FolderSource, SessionError
from spikestudio.sessions.journal import remove
from spikestudio.sessions.lock import NAME as LOCK
from spikestudio.sessions.lock import FolderLock
from spikestudio.sessions.reading import read_run

if TYPE_CHECKING:
    from spikestudio.checkpoints.card import Card
    from spikestudio.recording.hdf5 import Recording

_NEW_SECONDS = 60  # a folder without a lock may be about to get one


@dataclass(frozen=True, slots=True, eq=False)
class Abandoned:
    """The journal of a window that ended unexpectedly; its lock is held, so no other recovers it."""

    folder: Path
    lock: FolderLock
    num_runs: int
    in_progress: tuple[int, int] | None  # steps done of the run that was cut off, and all of them
    ended: datetime

    @property
    def text(self) -> str:
        """What is in it, as in ``3 runs, and one cut off after 12 of 50 steps``."""
        runs = tr_n("{num_runs:,} run", "{num_runs:,} runs", self.num_runs, num_runs=self.num_runs)
        if self.in_progress is None:
            return runs if self.num_runs else tr("a note")
        done, total = self.in_progress
        cut = tr("cut off after {done:,} of {total:,} steps", done=done, total=total)
        return (
            tr("{runs}, and one {cut}", runs=runs, cut=cut)
            if self.num_runs
            else tr("one run, {cut}", cut=cut)
        )

    def discard(self) -> None:
        """Remove it."""
        remove(self.folder, self.lock)

    def leave(self) -> None:
        """Leave it to another window."""
        self.lock.release()


def abandoned(root: Path) -> list[Abandoned]:
    """Journals that nobody holds and that hold something, the newest first; empty ones are removed."""
    found = []
    for folder in sorted(root.iterdir(), reverse=True) if root.is_dir() else ():
        if not folder.is_dir() or folder.is_symlink() or _may_begin(folder):
            continue
        try:
            held = FolderLock(folder)
        except OSError:  # of a window that is open, or not ours
            continue
        journal = _look(folder, held)
        if journal is None:
            remove(folder, held)
        else:
            found.append(journal)
    return found


def recover(journal: Abandoned, cards: Collection[Card] = ()) -> tuple[Session, list[str]]:
    """Read a journal, with the run that was cut off as one that was stopped.

    Parameters
    ----------
    journal
        Whose runs and recordings stay where they are.
    cards
        Those of the checkpoints at hand: they say which size and channels pictures have.

    Returns
    -------
    tuple
        The session, and of every part that could not be read why, in a sentence.
    """
    source = FolderSource(journal.folder)
    problems: list[str] = []
    runs = []
    for key in _keys(journal.folder):
        try:
            run = read_run(source, key)
        except SessionError as error:
            problems.append(str(error))
            continue
        found = (journal.folder / "runs" / f"{key:04}").glob("*.h5")
        newest = max(found, key=lambda file: file.stat().st_mtime, default=None)
        runs.append(replace(run, recording=newest))
    for file in sorted(journal.folder.glob("progress/*/recording.h5"), key=lambda f: f.parent.name):
        last = max((run.key for run in runs), default=0)
        number = max((run.number for run in runs), default=0) + 1
        try:
            cut = cut_off(file, last + 1, number, cards)
        except SpikeStudioError as error:
            problems.append(str(error))
            continue
        if cut is not None:
            runs.append(cut)
    try:
        manifest = Session.from_json(files.read_json(source, files.MANIFEST), tuple(runs))
    except (SpikeStudioError, KeyError, TypeError, ValueError):  # it died before it was written
        manifest = Session(runs=tuple(runs))
    return manifest, problems


def cut_off(file: Path, key: int, number: int, cards: Collection[Card] = ()) -> Run | None:
    """The run of a recording that was never ended; None if no step was done.

    Raises ``RecordingError`` if the file cannot be used.
    """
    from spikestudio.export.origin import Origin
    from spikestudio.recording.hdf5 import open_recording

    recording = open_recording(file)
    try:
        done = recording.steps_done
        if done <= recording.first_step:
            return None
        origin = dict(recording.origin)
        Origin.of(origin)
        images = _images(recording, done - 1, cards)
        tokens = (recording.state(done - 1) or {}).get("guess")
        return Run(
            key=key,
            number=number,
            state="finished" if done == recording.num_steps else "cancelled",
            ended_at=datetime.fromtimestamp(file.stat().st_mtime).isoformat(timespec="seconds"),
            origin=origin,
            layers=recording.layers,
            rates=recording.rates(),
            images=images,
            thumbnail=None if images is None else images[:4],
            tokens=tokens,
            recording=file,
        )
    finally:
        recording.close()


def _images(recording: Recording, step: int, cards: Collection[Card]) -> NDArray[Any] | None:
    state = recording.state(step)
    if state is None:
        raise RecordingError(
            tr("The recording {recording_path} holds no step.", recording_path=recording.path),
            recording.path,
        )
    if "x0_hat" not in state:
        return state.get("decoded")
    from spikestudio.recording.pictures import pictures

    sha256 = recording.origin["checkpoint"]["tensors_sha256"]
    card = next((each for each in cards if each.tensors_sha256 == sha256), None)
    size, channels = (card.image_size, card.image_channels) if card else (None, None)
    return pictures(state["x0_hat"], size, channels)


def _look(folder: Path, held: FolderLock) -> Abandoned | None:
    keys = _keys(folder)
    progress = None
    for file in folder.glob("progress/*/recording.h5"):
        with suppress(SpikeStudioError, OSError):
            progress = _progress(file) or progress
    keys = [key for key in keys if _is_own(folder, key)]
    if not keys and progress is None and not _has_note(folder):
        return None
    times = [part.stat().st_mtime for part in (folder / "runs", folder / "progress", folder)
             if part.exists()]  # fmt: skip
    return Abandoned(folder, held, len(keys), progress, datetime.fromtimestamp(max(times)))


def _is_own(folder: Path, key: int) -> bool:
    """Whether a run was made in that window, and is no recording that was merely opened there."""
    try:
        values = files.read_json(FolderSource(folder), files.member(key, files.RUN))
        return bool(values["number"] != 0)
    except (SpikeStudioError, KeyError):  # to be told of when it is recovered
        return True


def _has_note(folder: Path) -> bool:
    try:
        return bool(files.read_json(FolderSource(folder), files.MANIFEST).get("note"))
    except SpikeStudioError:  # it was not written yet
        return False


def _progress(file: Path) -> tuple[int, int] | None:
    from spikestudio.recording.hdf5 import open_recording

    recording = open_recording(file)
    try:
        done = recording.steps_done
        return (done, recording.num_steps) if done > recording.first_step else None
    finally:
        recording.close()


def _keys(folder: Path) -> list[int]:
    names = (file.parent.name for file in (folder / "runs").glob(f"*/{files.RUN}"))
    return sorted(int(name) for name in names if name.isdecimal())


def _may_begin(folder: Path) -> bool:
    """Whether a window may just be making it."""
    return not (folder / LOCK).exists() and time.time() - folder.stat().st_mtime < _NEW_SECONDS
