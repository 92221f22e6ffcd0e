"""Looking for checkpoint files in a folder and those in it, within bounds that are told.

Links are followed, but no folder is entered twice, so that loops end. What is hidden stays so.
"""

from __future__ import annotations

import os
import stat
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from spikestudio.checkpoints.catalog import SUFFIXES
from spikestudio.language import tr, tr_n

MAX_FILES = 2_000  # whose headers are read, of one folder with those in it
MAX_DEPTH = 8  # folders inside one another
MAX_SEEN = 100_000  # files and folders of any kind


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a search goes in one folder: files listed, levels below it, names looked at."""

    files: int = MAX_FILES
    depth: int = MAX_DEPTH
    seen: int = MAX_SEEN


@dataclass(slots=True)
class Search:
    """What was found in one folder; ``error`` says why nothing could be.

    ``files`` are those within the limits and ``num_found`` counts all; ``is_whole`` is False where the
    search was given up before its end. ``num_deep`` and ``num_unreadable`` count folders left out.
    """

    folder: Path
    limits: Limits = Limits()
    files: list[Path] = field(default_factory=list)
    num_found: int = 0
    num_seen: int = 0
    num_deep: int = 0
    num_unreadable: int = 0
    is_whole: bool = True
    error: str = ""

    @property
    def left_out(self) -> str:
        """What is not listed, and why; empty if everything is."""
        if self.error:
            return self.error
        parts = []
        if len(self.files) < self.num_found:
            of = "" if self.is_whole else tr("more than ")
            parts.append(
                tr(
                    "first {num_files:,} of {of}{num_found:,} files",
                    num_files=len(self.files),
                    of=of,
                    num_found=self.num_found,
                )
            )
        if not self.is_whole:
            parts.append(tr("the search ended after {seen:,} names", seen=self.limits.seen))
        if self.num_deep:
            parts.append(
                tr(
                    "{folders} deeper than {depth} levels left out",
                    folders=_folders(self.num_deep),
                    depth=self.limits.depth,
                )
            )
        if self.num_unreadable:
            parts.append(tr("{folders} could not be read", folders=_folders(self.num_unreadable)))
        return ", ".join(parts)

    def run(self, known: set[str]) -> Iterator[None]:
        """Look into one folder after the other; ``known`` are the real paths of files listed already.

        Files come folder by folder, the outer ones first, each by name. Yields after every folder, so
        that the search can be interrupted.
        """
        try:
            entered = {_identity(self.folder)}
        except OSError as error:
            self.error = _cannot_open(error)
            return
        waiting = deque([(self.folder, 0)])
        while waiting and self.is_whole:
            folder, depth = waiting.popleft()
            try:
                names = self._names(folder)
            except OSError as error:
                self.num_unreadable += 1
                if depth == 0:
                    self.num_unreadable, self.error = 0, _cannot_open(error)
                continue
            for entry in names:
                if _is_folder(entry):
                    self._note_folder(Path(entry.path), depth + 1, entered, waiting)
                elif entry.name.lower().endswith(SUFFIXES) and not _is_state(entry):
                    self._note_file(Path(entry.path), known)
            yield

    def _names(self, folder: Path) -> list[os.DirEntry[str]]:
        names = []
        with os.scandir(folder) as entries:
            for entry in entries:
                if self.num_seen == self.limits.seen:
                    self.is_whole = False
                    break
                self.num_seen += 1
                if not _is_hidden(entry):
                    names.append(entry)
        return sorted(names, key=lambda entry: (entry.name.casefold(), entry.name))

    def _note_file(self, path: Path, known: set[str]) -> None:
        real = os.path.realpath(path)
        if real not in known:
            known.add(real)
            self.num_found += 1
            if len(self.files) < self.limits.files:
                self.files.append(path)

    def _note_folder(
        self,
        path: Path,
        depth: int,
        entered: set[tuple[int, int]],
        waiting: deque[tuple[Path, int]],
    ) -> None:
        try:
            identity = _identity(path)
        except OSError:
            self.num_unreadable += 1
            return
        if identity not in entered:
            entered.add(identity)
            if depth > self.limits.depth:
                self.num_deep += 1
            else:
                waiting.append((path, depth))


def _identity(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, or one that leads where we may not look
        return False


def _is_state(entry: os.DirEntry[str]) -> bool:
    """Whether a training run resumes from it: it is no model, and no broken one either."""
    return entry.name == "state.safetensors" and Path(entry.path).parent.suffix == ".run"


def _is_hidden(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith("."):
        return True
    if sys.platform == "win32":
        attributes = entry.stat(follow_symlinks=False).st_file_attributes
        return bool(attributes & stat.FILE_ATTRIBUTE_HIDDEN)
    return False


def _cannot_open(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return tr("there is no such folder now")
    return tr("it cannot be read ({strerror})", strerror=error.strerror or error)


def _folders(number: int) -> str:
    return tr_n("{number:,} folder", "{number:,} folders", number, number=number)
