"""Writing files so that either the whole new file is there or the old one, untouched.

What is being written has a name of its own, ``TEMPORARY``, until it is complete. A process that is
killed leaves it behind; no reader takes it for anything, and the next process that writes in its folder
removes it once it is a day old.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path

from spikestudio.errors import ExportError, SpikeStudioError
from spikestudio.language import tr

TEMPORARY = ".spikestudio-*.tmp"  # names of files and folders that are being written
STALE = 24 * 3600.0  # seconds after which nobody writes to one any more
_PROBE = bytes(64 * 1024)
_swept: set[Path] = set()  # folders that this process has looked through


@contextmanager
def atomic_write(path: Path | str, *, is_new: bool = False) -> Iterator[Path]:
    """Give a temporary path in the folder of ``path``; it takes the name ``path`` at a clean exit.

    The caller creates and fills the temporary file. It is flushed to the disk before it is renamed,
    and removed if the block raises. A link is followed, so that what it points to is replaced. With
    ``is_new`` nothing is replaced: a file that has come to be there by then is an error.

    Raises
    ------
    ExportError
        The folder is missing or read-only, the disk is full, ``path`` is no regular file, or any
        other ``OSError`` from the block. What was at ``path`` before is unchanged.
    """
    with _atomic((Path(path),), is_new=is_new) as (temporary,):
        yield temporary


@contextmanager
def atomic_files(*paths: Path | str) -> Iterator[tuple[Path, ...]]:
    """As ``atomic_write``, for files that belong together: all are complete before one is renamed.

    Raises ``ExportError`` as ``atomic_write`` does.
    """
    with _atomic(tuple(map(Path, paths)), is_new=False) as temporaries:
        yield temporaries


@contextmanager
def _atomic(paths: tuple[Path, ...], *, is_new: bool) -> Iterator[tuple[Path, ...]]:
    at = paths[0]
    temporaries: tuple[Path, ...] = ()
    try:
        targets = [Path(os.path.realpath(path)) for path in paths]
        for at, target in zip(paths, targets, strict=True):
            _refuse_unwritable(at, target)
            if is_new and target.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(at))
            _sweep_once(target.parent)
        at, temporaries = paths[0], tuple(temporary_beside(target) for target in targets)
        yield temporaries
        for temporary in temporaries:
            _flush(temporary)
        for temporary, target in zip(temporaries, targets, strict=True):
            _name(temporary, target, is_new=is_new)
        for folder in {target.parent for target in targets}:
            _flush_folder(folder)
    except SpikeStudioError:
        raise
    except Exception as error:
        cause = _of_the_disk(error, temporaries)
        if cause is None:
            raise
        raise export_error(at, cause) from error
    finally:
        for temporary in temporaries:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path | str, stale: Collection[Path] = ()) -> Iterator[Path]:
    """Give a temporary folder; its files are in the folder ``path`` after a clean exit.

    A new folder appears as a whole. In one that exists every file is replaced by renaming once all of
    them are complete; ``stale`` are files of an earlier output in it, removed if not written again.
    Raises ``ExportError`` as ``atomic_write`` does.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        target = Path(os.path.realpath(path))
        is_new = not target.exists()
        made = temporary_beside(target if is_new else target / "any")
        _sweep_once(made.parent)
        made.mkdir()
        temporary = made
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
                file.unlink(missing_ok=True)
        _flush_folder(target)
    except SpikeStudioError:
        raise
    except Exception as error:
        cause = _of_the_disk(error, () if temporary is None else (temporary / "probe",))
        if cause is None:
            raise
        raise export_error(path, cause) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


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


def replace_text(path: Path, text: str) -> None:
    """Replace a small file of signals at once, which need not outlive the machine's crash.

    Raises ``OSError``; the file is then as it was.
    """
    temporary = temporary_beside(path)
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def temporary_beside(target: Path) -> Path:
    """Name of a file that does not exist yet, in the folder of ``target``."""
    return target.with_name(TEMPORARY.replace("*", secrets.token_hex(6)))


def is_temporary(path: Path) -> bool:
    """Whether a file or folder is one that was, or is, being written: no reader wants it."""
    return fnmatch(path.name, TEMPORARY)


def remove_stale(folder: Path, age: float = STALE) -> None:
    """Remove what killed processes left in a folder, if nobody has written to it for ``age`` seconds.

    What cannot be removed stays; nothing is raised.
    """
    now = time.time()
    with suppress(OSError):
        for each in folder.glob(TEMPORARY):
            with suppress(OSError):
                if now - _last_written(each) <= age:
                    continue
                if each.is_dir() and not each.is_symlink():
                    shutil.rmtree(each, ignore_errors=True)
                else:
                    each.unlink(missing_ok=True)


def unused(path: Path) -> Path:
    """The path, with ``_2``, ``_3`` … after its stem if something of that name is there already.

    Another process may take the name before it is written: write with ``is_new``.
    """
    number, free = 2, path
    while os.path.lexists(free):
        free, number = path.with_name(f"{path.stem}_{number}{path.suffix}"), number + 1
    return free


def export_error(path: Path, error: OSError) -> ExportError:
    """Say in one sentence why ``path`` could not be written and what to do."""
    folder = path.absolute().parent
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            why = tr(
                "the folder {folder} does not exist; create it or choose another path.",
                folder=folder,
            )
        case errno.EACCES | errno.EPERM | errno.EROFS:
            why = tr(
                "the folder {folder} cannot be written to; choose another path.", folder=folder
            )
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            why = tr(
                "the disk is full; free some space and try again (what was there is unchanged)."
            )
        case errno.EISDIR:
            why = tr("it is a folder; give the name of a file.")
        case errno.EEXIST:
            why = tr("something of that name is there by now; choose another name.")
        case errno.ENAMETOOLONG:
            why = tr("its name is too long; choose a shorter one.")
        case _:
            why = tr("{strerror}; choose another path.", strerror=error.strerror or error)
    return ExportError(tr("Cannot write {path}: {why}", path=path, why=why), path=path)


def _of_the_disk(error: Exception, temporaries: Collection[Path]) -> OSError | None:
    """What the system refused, if that is why writing failed; None if it is another failure.

    Libraries for pictures, HDF5 and tensors tell of a full disk by errors of their own, without the
    system's number: where a little more cannot be written either, that is the reason.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error
    for temporary in temporaries:
        try:
            with temporary.open("ab") as file:
                file.write(_PROBE)
                file.flush()
                os.fsync(file.fileno())
        except OSError as found:
            return found
    return error if isinstance(error, OSError) else None


def _name(temporary: Path, target: Path, *, is_new: bool) -> None:
    """Give a complete file its name."""
    if not is_new:
        temporary.replace(target)
        return
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without links: an empty file holds the name for a moment
        target.open("xb").close()
        temporary.replace(target)


def _last_written(path: Path) -> float:
    """Time of the last change of a file, or in a folder."""
    times = [path.lstat().st_mtime]
    if path.is_dir() and not path.is_symlink():
        times += [each.lstat().st_mtime for each in path.iterdir()]
    return max(times)


def _sweep_once(folder: Path) -> None:
    if folder not in _swept:
        _swept.add(folder)
        remove_stale(folder)


def _refuse_unwritable(path: Path, target: Path) -> None:
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, tr("is a folder"), str(path))
    if target.exists() and not target.is_file():
        raise ExportError(
            tr("Cannot write {path}: it is a device or pipe; give the name of a file.", path=path),
            path=path,
        )
    if target.exists() and not os.access(target, os.W_OK):
        raise ExportError(
            tr("Cannot write {path}: the file is read-only; choose another name.", path=path),
            path=path,
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
