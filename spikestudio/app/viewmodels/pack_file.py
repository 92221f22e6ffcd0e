"""A lesson pack as a file: opened with its starting session, and saved after it was read back."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from spikestudio.checkpoints import strict_json
from spikestudio.language import tr
from spikestudio.lessons.pack import MANIFEST, Pack
from spikestudio.lessons.pack_reading import read_pack
from spikestudio.lessons.pack_writing import save_pack
from spikestudio.lessons.problem import PackError
from spikestudio.lessons.reading import FILE, Known
from spikestudio.sessions.document import Session
from spikestudio.sessions.files import SessionError, Source, ZipSource
from spikestudio.sessions.reading import read_session
from spikestudio.sessions.writing import save_session

TEMPORARY = "spikestudio-pack-"


@dataclass(slots=True, eq=False)
class Opened:
    """A pack in use: what it says, its starting session, the file, and the folder of its pages.

    ``close`` lets both go; whoever takes the session's recordings takes the open file with it.
    """

    path: Path
    pack: Pack
    session: Session | None
    source: Source
    folder: tempfile.TemporaryDirectory[str]

    def close(self, *, keeps_source: bool = False) -> None:
        """Remove the folder, and let the file go."""
        if not keeps_source:
            self.source.close()
        self.folder.cleanup()


def open_pack(path: Path, known: Known | None = None) -> Opened:
    """Read and check a pack file; raises ``PackError``, and then nothing of it is left anywhere."""
    folder = tempfile.TemporaryDirectory(prefix=TEMPORARY, ignore_cleanup_errors=True)
    try:
        source = ZipSource(path)
        try:
            pack = read_pack(source, Path(folder.name), known)
            session = read_session(source) if pack.has_session else None
        except BaseException:
            source.close()
            raise
    except SessionError as error:
        folder.cleanup()
        raise _of_the_pack(path, error) from error
    except OSError as error:
        folder.cleanup()
        raise PackError(
            path, tr("it could not be unpacked ({error})", error=error), tr("free some space")
        ) from error
    except BaseException:
        folder.cleanup()
        raise
    return Opened(path, pack, session, source, folder)


def check_parts(path: Path, files: Mapping[str, bytes], known: Known | None = None) -> Pack:
    """Read parts that are to become a pack; raises ``PackError``."""
    with tempfile.TemporaryDirectory(prefix=TEMPORARY, ignore_cleanup_errors=True) as folder:
        return read_pack(Parts(path, files), Path(folder), known)


def save(
    path: Path,
    files: Mapping[str, bytes],
    session: Session | None = None,
    known: Known | None = None,
) -> int:
    """Check parts, write them as a pack with its starting session, and return its size in bytes.

    Raises ``PackError`` or ``ExportError``; what was at ``path`` is then unchanged.
    """
    check_parts(path, files, known)
    if session is None:
        return save_pack(path, files)
    with tempfile.TemporaryDirectory(prefix=TEMPORARY, ignore_cleanup_errors=True) as folder:
        start = Path(folder) / "start.zip"
        save_session(start, session)
        return save_pack(path, files, start)


def parts_of(path: Path, known: Known | None = None) -> tuple[dict[str, bytes], Session | None]:
    """Return the parts of a pack that can be used, and its starting session; raises ``PackError``."""
    opened = open_pack(path, known)
    try:
        names = [MANIFEST, FILE]
        files = {name: opened.source.read(name, opened.source.size(name)) for name in names}
        named = strict_json.parse(files[MANIFEST])["files"]
        folder = Path(opened.folder.name)
        return files | {name: (folder / name).read_bytes() for name in named}, opened.session
    finally:
        opened.close()


class Parts:
    """Parts of a pack that are in memory."""

    def __init__(self, path: Path, files: Mapping[str, bytes]) -> None:
        self.path, self._files = path, files

    def has(self, name: str) -> bool:
        """Whether there is such a part."""
        return name in self._files

    def size(self, name: str) -> int:
        """Bytes of a part."""
        return len(self._files[name])

    def read(self, name: str, most: int) -> bytes:
        """A part of at most so many bytes."""
        return self._files[name][:most]


def missing_model(session: Session | None, hashes: Collection[str], names: Collection[str]) -> str:
    """Return the name of the checkpoint that a session needs and that is not here, else nothing.

    ``hashes`` and ``names`` are those of the checkpoints that are known.
    """
    wanted = session.model if session is not None else None
    if wanted is None or wanted.tensors_sha256 in hashes or wanted.name in names:
        return ""
    is_elsewhere = wanted.path.startswith(("\\\\", "//"))  # no other computer is asked
    return "" if not is_elsewhere and Path(wanted.path).is_file() else wanted.name


def _of_the_pack(path: Path, error: SessionError) -> PackError:
    """Say of a pack what was found by what reads session files."""
    advice = error.advice or tr("choose another file")
    return PackError(path, error.reason or str(error).rstrip("."), advice)
