"""Writing files so that either the whole new file is there or the old one, untouched."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from spikestudio.errors import ExportError


@contextmanager
def atomic_write(path: Path | str) -> Iterator[Path]:
    """Give a temporary path in the folder of ``path``; it takes the name ``path`` at a clean exit.

    The caller creates and fills the temporary file. It is flushed to the disk before it is renamed,
    and removed if the block raises. A link is followed, so that what it points to is replaced.

    Raises
    ------
    ExportError
        The folder is missing or read-only, the disk is full, ``path`` is no regular file, or any
        other ``OSError`` from the block. What was at ``path`` before is unchanged.
    """
    path = Path(path)
    try:
        target = Path(os.path.realpath(path))
        _refuse_unwritable(path, target)
        temporary = temporary_beside(target)
        try:
            yield temporary
            _flush(temporary)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        _flush_folder(target.parent)
    except OSError as error:
        raise export_error(path, error) from error


@contextmanager
def atomic_folder(path: Path | str, stale: Collection[Path] = ()) -> Iterator[Path]:
    """Give a temporary folder; its files are in the folder ``path`` after a clean exit.

    A new folder appears as a whole. In one that exists every file is replaced by renaming once all of
    them are complete; ``stale`` are files of an earlier output in it, removed if not written again.
    Raises ``ExportError`` as ``atomic_write`` does.
    """
    path = Path(path)
    try:
        target = Path(os.path.realpath(path))
        is_new = not target.exists()
        temporary = temporary_beside(target if is_new else target / "any")
        temporary.mkdir()
        try:
            yield temporary
            files = sorted(temporary.iterdir())
            for file in files:
                _flush(file)
            if is_new:
                temporary.replace(target)
            else:
                for file in files:
                    file.replace(target / file.name)
                for file in {*stale} - {path / file.name for file in files}:
                    file.unlink()
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        _flush_folder(target)
    except OSError as error:
        raise export_error(path, error) from error


def check_writable(path: Path | str) -> None:
    """Raise ``ExportError`` if a file could not be written at ``path``; nothing is left behind.

    For asking before hours of work, not after.
    """
    path = Path(path)
    try:
        target = Path(os.path.realpath(path))
        _refuse_unwritable(path, target)
        temporary = temporary_beside(target)
        temporary.touch(exist_ok=False)
        temporary.unlink()
    except OSError as error:
        raise export_error(path, error) from error


def temporary_beside(target: Path) -> Path:
    """Name of a file that does not exist yet, in the folder of ``target``."""
    return target.with_name(f".spikestudio-{secrets.token_hex(6)}.tmp")


def export_error(path: Path, error: OSError) -> ExportError:
    """Say in one sentence why ``path`` could not be written and what to do."""
    folder = path.absolute().parent
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            why = f"the folder {folder} does not exist; create it or choose another path."
        case errno.EACCES | errno.EPERM | errno.EROFS:
            why = f"the folder {folder} cannot be written to; choose another path."
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            why = "the disk is full; free some space and try again (what was there is unchanged)."
        case errno.EISDIR:
            why = "it is a folder; give the name of a file."
        case errno.ENAMETOOLONG:
            why = "its name is too long; choose a shorter one."
        case _:
            why = f"{error.strerror or error}; choose another path."
    return ExportError(f"Cannot write {path}: {why}", path=path)


def _refuse_unwritable(path: Path, target: Path) -> None:
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder", str(path))
    if target.exists() and not target.is_file():
        raise ExportError(
            f"Cannot write {path}: it is a device or pipe; give the name of a file.", path=path
        )
    if target.exists() and not os.access(target, os.W_OK):
        raise ExportError(
            f"Cannot write {path}: the file is read-only; choose another name.", path=path
        )


def _flush(file: Path) -> None:
    with file.open("rb+") as handle:
        os.fsync(handle.fileno())


def _flush_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:  # some network file systems cannot; the file itself is safe by now
        pass
    finally:
        os.close(descriptor)
