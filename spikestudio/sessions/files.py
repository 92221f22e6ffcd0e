"""Where the parts of a session lie: in a zip file that may be a stranger's, or in a folder of ours.

Both have the same members: ``session.json``, and of every run ``runs/KEY/run.json``, some arrays as
``.npy`` and its recording. Nothing is ever unpacked under a name that a file gives.
"""

from __future__ import annotations

import io
import re
import shutil
import stat
import tokenize
import zipfile
import zlib
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spikestudio.checkpoints import strict_json
from spikestudio.errors import SpikeStudioError
from spikestudio.language import tr

SUFFIX = ".spikestudio"
MANIFEST, RUN, RECORDING = "session.json", "run.json", "recording.h5"
ARRAYS = {"images": ("|u1", 4), "rates": ("<f4", 2), "thumbnail": ("|u1", 4), "tokens": ("<i4", 3)}
"""Little-endian type and number of axes of every array of a run."""

MEBIBYTE = 1024 * 1024
MAX_MEMBERS = 20_000
MAX_JSON = 16 * MEBIBYTE
MAX_ARRAY = 512 * MEBIBYTE
MAX_ARRAYS = 2048 * MEBIBYTE  # all that is read into memory, together
MAX_DIRECTORY = 16 * MEBIBYTE
MAX_DEPTH = strict_json.MAX_LINEAGE + 4
_TAIL = 64 * 1024 + 22 + 20  # the longest end of a zip
_PART = 4 * MEBIBYTE
_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]*(/[A-Za-z0-9_][A-Za-z0-9_. -]*){0,7}/?")
BROKEN = (
    *(OSError, ValueError, SyntaxError, EOFError, KeyError, TypeError, MemoryError),
    *(RecursionError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error),
    tokenize.TokenError,  # NumPy reads headers with it
)
"""What libraries raise over damaged files."""


class SessionError(SpikeStudioError):
    """A session cannot be used; ``path`` is the file or folder.

    ``reason`` and ``advice`` are what the message is made of, where it is made of them.
    """

    def __init__(
        self, message: str, path: Path | None = None, reason: str = "", advice: str = ""
    ) -> None:
        super().__init__(message)
        self.path, self.reason, self.advice = path, reason, advice


def unusable(path: Path, reason: str, advice: str = tr("choose another file")) -> SessionError:
    """One that says in a sentence why nothing was opened."""
    return SessionError(
        tr(
            "The session {path} cannot be opened because {reason}: {advice}.",
            path=path,
            reason=reason,
            advice=advice,
        ),
        path,
        reason,
        advice,
    )


def member(key: int, name: str) -> str:
    """Name of a part of a run."""
    return f"runs/{key:04}/{name}"


class Source(Protocol):
    """Where the parts of a session are read from."""

    path: Path

    def has(self, name: str) -> bool: ...
    def size(self, name: str) -> int: ...
    def read(self, name: str, most: int) -> bytes: ...
    def unpack(self, name: str, target: Path, is_cancelled: Callable[[], bool]) -> bool: ...
    def close(self) -> None: ...


class ZipSource:
    """A session file; everything that its directory says is checked before anything is read.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    SessionError
        It is no zip, is cut off or encrypted; holds unsafe or repeated names, links, or more than any
        session of SpikeStudio; or its members overlap.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():  # a pipe would never end
            raise unusable(path, tr("there is no such file"), tr("check the path"))
        try:
            _check_end(path)
            self._archive = zipfile.ZipFile(path)
        except BROKEN as error:
            raise unusable(
                path, tr("it is no such file, or damaged ({line})", line=_line(error))
            ) from error
        try:
            self._members = _checked(path, self._archive.infolist())
        except SessionError:
            self._archive.close()
            raise

    def has(self, name: str) -> bool:
        """Whether there is such a member."""
        return name in self._members

    def size(self, name: str) -> int:
        """Bytes of a member."""
        return self._members[name].file_size

    def read(self, name: str, most: int) -> bytes:
        """All of a member of at most so many bytes."""
        if self.size(name) > most:
            raise unusable(
                self.path, tr("its {name} is larger than any that SpikeStudio writes", name=name)
            )
        try:
            with self._archive.open(self._members[name]) as file:
                data = file.read(most + 1)
        except BROKEN as error:
            raise unusable(
                self.path, tr("its {name} is damaged ({line})", name=name, line=_line(error))
            ) from error
        if len(data) != self.size(name):
            raise unusable(self.path, tr("its {name} is not as long as it says", name=name))
        return data

    def unpack(self, name: str, target: Path, is_cancelled: Callable[[], bool]) -> bool:
        """Copy a recording to a file of ours; False if it was given up, and then there is none."""
        try:
            with self._archive.open(self._members[name]) as file:
                return _copy(file, target, self.size(name), is_cancelled)
        except BROKEN as error:
            target.unlink(missing_ok=True)
            raise unusable(
                self.path, tr("its {name} is damaged ({line})", name=name, line=_line(error))
            ) from error

    def close(self) -> None:
        """Let the file go."""
        self._archive.close()


class FolderSource:
    """A session that lies in a folder of ours: the journal of a window."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def has(self, name: str) -> bool:
        """Whether there is such a part, as a plain file."""
        file = self.path / name
        return file.is_file() and not file.is_symlink()

    def size(self, name: str) -> int:
        """Bytes of a part."""
        return (self.path / name).stat().st_size

    def read(self, name: str, most: int) -> bytes:
        """All of a part of at most so many bytes."""
        try:
            with (self.path / name).open("rb") as file:
                data = file.read(most + 1)
        except OSError as error:
            raise unusable(
                self.path, tr("its {name} cannot be read ({line})", name=name, line=_line(error))
            ) from error
        if len(data) > most:
            raise unusable(
                self.path, tr("its {name} is larger than any that SpikeStudio writes", name=name)
            )
        return data

    def unpack(self, name: str, target: Path, is_cancelled: Callable[[], bool]) -> bool:
        """Copy a recording to another file; False if it was given up."""
        try:
            with (self.path / name).open("rb") as file:
                return _copy(file, target, self.size(name), is_cancelled)
        except OSError as error:
            raise unusable(
                self.path, tr("its {name} cannot be read ({line})", name=name, line=_line(error))
            ) from error

    def close(self) -> None:
        """Do nothing: no file is kept open."""


def read_json(source: Source, name: str) -> dict[str, Any]:
    """A JSON object of a session; raises ``SessionError``."""
    if not source.has(name):
        raise unusable(source.path, tr("it lacks {name}", name=name))
    try:
        values = strict_json.parse(source.read(name, MAX_JSON), MAX_DEPTH)
    except ValueError as error:
        raise unusable(
            source.path, tr("its {name} cannot be read: {error}", name=name, error=error)
        ) from error
    if not isinstance(values, dict):
        raise unusable(source.path, tr("its {name} is no JSON object", name=name))
    return values


def read_array(source: Source, key: int, name: str) -> NDArray[Any] | None:
    """An array of a run, which may not be written to; None if there is none."""
    place = member(key, f"{name}.npy")
    if not source.has(place):
        return None
    from numpy.lib import format as npy

    dtype, ndim = ARRAYS[name]
    file = io.BytesIO(source.read(place, MAX_ARRAY))
    try:
        is_known = npy.read_magic(file) == (1, 0)
        shape, is_fortran, found = npy.read_array_header_1_0(file) if is_known else ((), True, None)
        rest = file.getbuffer().nbytes - file.tell()
    except BROKEN as error:
        raise unusable(
            source.path, tr("its {place} is damaged ({line})", place=place, line=_line(error))
        ) from error
    wanted = np.dtype(dtype)
    is_whole = found == wanted and not is_fortran and len(shape) == ndim
    if not is_whole or prod(shape) * wanted.itemsize != rest:
        raise unusable(
            source.path, tr("its {place} is not an array as SpikeStudio writes it", place=place)
        )
    return np.frombuffer(file.getbuffer(), wanted, offset=file.tell()).reshape(shape)


def array_bytes(name: str, values: NDArray[Any]) -> bytes:
    """The ``.npy`` file of an array of a run."""
    from numpy.lib import format as npy

    file = io.BytesIO()
    array = np.ascontiguousarray(values, ARRAYS[name][0])
    npy.write_array(file, array, version=(1, 0), allow_pickle=False)
    return file.getvalue()


def _check_end(path: Path) -> None:
    """Refuse a directory that is too large to be read, before the library reads all of it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - _TAIL))
        tail = file.read(_TAIL)
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or place + 20 > len(tail):
        raise ValueError(tr("its end is missing"))
    count = int.from_bytes(tail[place + 10 : place + 12], "little")
    length = int.from_bytes(tail[place + 12 : place + 16], "little")
    is_large = b"PK\x06\x07" in tail[max(0, place - 20) : place]  # only a large file says so
    if count > MAX_MEMBERS or length > MAX_DIRECTORY or (is_large and size < zipfile.ZIP64_LIMIT):
        raise ValueError(tr("its directory is too large"))


def _checked(path: Path, infos: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """Members by name; raises ``SessionError`` for anything that a session never holds."""
    if len(infos) > MAX_MEMBERS:
        raise unusable(
            path,
            tr(
                "it holds {num_infos:,} files, more than any that SpikeStudio writes",
                num_infos=len(infos),
            ),
        )
    found: dict[str, zipfile.ZipInfo] = {}
    in_memory, last_end = 0, 0
    for info in sorted(infos, key=lambda each: each.header_offset):
        name = info.orig_filename
        if not _SAFE.fullmatch(name) or name != info.filename:
            raise unusable(
                path, tr("the name of a file in it is unsafe ({name!r})", name=name[:60])
            )
        if name.casefold().rstrip("/") in found:
            raise unusable(path, tr("it holds {name!r} twice", name=name[:60]))
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise unusable(path, tr("{name!r} in it is a link or a device", name=name[:60]))
        if info.flag_bits & 0x1:
            raise unusable(path, tr("it is encrypted"), tr("save it without a password"))
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise unusable(
                path, tr("{name!r} in it is compressed in an unknown way", name=name[:60])
            )
        end = info.header_offset + info.compress_size
        if info.header_offset < last_end or end > path.stat().st_size:
            raise unusable(path, tr("its parts overlap, or end behind it"), tr("get it again"))
        last_end = end
        is_recording = name.endswith(f"/{RECORDING}")
        is_stored = info.compress_type == zipfile.ZIP_STORED
        if is_stored != (info.file_size == info.compress_size) and is_stored:
            raise unusable(
                path,
                tr("{name!r} in it is not as long as it says", name=name[:60]),
                tr("get it again"),
            )
        if is_recording and not is_stored:  # so that it cannot grow when it is unpacked
            raise unusable(
                path,
                tr("{name!r} in it is compressed", name=name[:60]),
                tr("save the session again"),
            )
        in_memory += 0 if is_recording else info.file_size
        found[name.casefold().rstrip("/")] = info
    if in_memory > MAX_ARRAYS:
        raise unusable(path, tr("it holds more than any that SpikeStudio writes"))
    return {info.filename: info for info in found.values() if not info.is_dir()}


def _copy(file: IO[bytes], target: Path, size: int, is_cancelled: Callable[[], bool]) -> bool:
    if shutil.disk_usage(target.parent).free < size + 64 * MEBIBYTE:
        raise OSError(tr("the disk is too full to unpack it"))
    with target.open("xb") as copy:
        while part := file.read(_PART):
            if is_cancelled():
                break
            copy.write(part)
        else:
            return True
    target.unlink()
    return False


def _line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
