"""The journal of a window: its session in a folder of its own, kept up to date while it goes on.

A clean end removes the folder. One that is left and that no process holds is of a window that ended
unexpectedly: the next one offers to recover it. ``runs`` has the layout of a session file; of a run in
progress ``progress/N`` holds the recording that is being written.
"""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from spikestudio.atomic import atomic_write
from spikestudio.language import tr
from spikestudio.sessions import files
from spikestudio.sessions.document import Run, Session
from spikestudio.sessions.lock import NAME as LOCK
from spikestudio.sessions.lock import FolderLock
from spikestudio.sessions.writing import json_bytes, write_run

if TYPE_CHECKING:
    from spikestudio.sessions.recovery import Abandoned

logger = logging.getLogger(__name__)


def default_folder() -> Path:
    """Where journals are kept; it may not exist."""
    return platformdirs.user_state_path("spikestudio", appauthor=False) / "sessions"


class Journal:
    """The folder of one window; it is made when there is something to write, by whichever thread."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._making = threading.Lock()
        self._folder: Path | None = None
        self._held: FolderLock | None = None
        self._last = 0
        self._is_closed = False

    @property
    def folder(self) -> Path:
        """The folder, private to the user; raises ``OSError``."""
        with self._making:
            if self._folder is None:
                if self._is_closed:
                    raise OSError(tr("the journal is closed"))
                folder = self.root / f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"
                self.root.mkdir(parents=True, exist_ok=True)
                folder.mkdir(mode=0o700)
                self._held = FolderLock(folder)
                self._folder = folder
            return self._folder

    def next_recording(self) -> Path:
        """A file for the recording of a run that begins; its folder is there. Raises ``OSError``."""
        folder = self.folder
        with self._making:
            self._last += 1
            place = folder / "progress" / f"{self._last}"
        place.mkdir(parents=True)
        return place / files.RECORDING

    def keep(self, run: Run) -> Run:
        """Write a run that has ended, and take its recording from ``progress``; raises ``OSError``.

        Gives the run with its recording where it now is: under a name that a user may see.
        """
        folder = self.folder
        recording = run.recording
        if recording is not None and recording.is_relative_to(folder / "progress"):
            target = folder / "runs" / f"{run.key:04}"
            target.mkdir(parents=True, exist_ok=True)
            recording = recording.replace(_unused(target / recording_name(run)))
            shutil.rmtree(run.recording.parent, ignore_errors=True)  # type: ignore[union-attr]
            run = replace(run, recording=recording)
        write_run(folder, run)
        return run

    def place_for(self, run: Run) -> Path:
        """Where the recording of a run is unpacked to; raises ``OSError``."""
        target = self.folder / "runs" / f"{run.key:04}"
        target.mkdir(parents=True, exist_ok=True)
        return _unused(target / recording_name(run))

    def write_manifest(self, session: Session) -> None:
        """Note all but the runs themselves; raises ``OSError`` or ``ExportError``."""
        with atomic_write(self.folder / files.MANIFEST) as temporary:
            temporary.write_bytes(json_bytes(session.to_json()))

    def forget(self, key: int) -> None:
        """Remove a run; its recording, which may be on the screen, stays until the end."""
        if self._folder is not None:
            _forget(self._folder / "runs" / f"{key:04}")

    def trim(self, most: int, free: Sequence[int]) -> list[int]:
        """Remove recordings, those of the keys ``free`` in this order, until they take ``most`` bytes.

        Gives the keys whose recordings went.
        """
        if self._folder is None:
            return []
        sizes: dict[int, list[Path]] = {}
        for file in (self._folder / "runs").glob("*/*.h5"):
            sizes.setdefault(int(file.parent.name), []).append(file)
        used = sum(_size(file) for found in sizes.values() for file in found)
        gone = []
        for key in free:
            if used <= most:
                break
            for file in sizes.get(key, ()):
                used -= _size(file)
                with suppress(OSError):  # on Windows one that is open stays
                    file.unlink(missing_ok=True)
                gone.append(key)
        return gone

    def clear(self) -> None:
        """Remove everything but recordings, as ``forget`` does: another session begins."""
        if self._folder is not None:
            for run in (self._folder / "runs").glob("*"):
                _forget(run)
            shutil.rmtree(self._folder / "progress", ignore_errors=True)
            (self._folder / files.MANIFEST).unlink(missing_ok=True)

    def adopt(self, other: Abandoned) -> None:
        """Go on in the folder of a window that is no more; one's own is removed."""
        self.close()
        with self._making:
            self._is_closed = False
            self._folder, self._held = other.folder, other.lock

    def close(self) -> None:
        """Remove the folder: the window ended as it should, or the journal goes on elsewhere."""
        with self._making:
            self._is_closed = True
            if self._folder is not None:
                remove(self._folder, self._held)
            self._folder = self._held = None


def recording_name(run: Run) -> str:
    """Name of the file of a recording, which the window shows; nothing of it is a stranger's."""
    return f"run {run.number}.h5" if run.number else files.RECORDING


def _unused(path: Path) -> Path:
    """The path, with a number if an earlier session has left such a file."""
    number, free = 2, path
    while free.exists():
        free, number = path.with_stem(f"{path.stem} ({number})"), number + 1
    return free


def _forget(run: Path) -> None:
    for part in run.iterdir() if run.is_dir() else ():
        if part.suffix != ".h5":
            part.unlink(missing_ok=True)
    with suppress(OSError):  # there is a recording
        run.rmdir()


def remove(folder: Path, held: FolderLock | None) -> None:
    """Remove a journal; its lock goes last, so that nobody takes half of it for a whole."""
    for part in folder.iterdir() if folder.is_dir() else ():
        if part.name != LOCK:
            with suppress(OSError):
                shutil.rmtree(part) if part.is_dir() else part.unlink()
    if held is not None:
        held.release()
    shutil.rmtree(folder, ignore_errors=True)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
