"""Writing a session: as a file, which is there as a whole or not at all, or into a folder of ours."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spikestudio.atomic import atomic_write
from spikestudio.errors import ExportError
from spikestudio.export.progress import ExportCancelledError, Progress
from spikestudio.language import tr
from spikestudio.sessions import files
from spikestudio.sessions.document import Run, Session, with_recording
from spikestudio.sessions.files import MEBIBYTE, member
from spikestudio.sessions.limits import DEFAULT_LIMIT_MB

_PART = 4 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of a file: its size in bytes, and the runs whose recordings it holds or lacks."""

    path: Path
    nbytes: int
    kept: tuple[str, ...]
    left_out: tuple[str, ...]


def save_session(
    path: Path | str,
    session: Session,
    *,
    limit_mb: float = DEFAULT_LIMIT_MB,
    progress: Progress | None = None,
    is_cancelled: Callable[[], bool] | None = None,
) -> Saved:
    """Write a session file.

    Recordings of pinned runs are always kept, others from the newest on as long as all together fit
    ``limit_mb`` MiB; of the rest the file says what is left out. Raises ``ExportError``, and
    ``ExportCancelledError`` if ``is_cancelled`` said so; then what was at ``path`` is unchanged.
    """
    path = Path(path)
    runs = chosen(session.runs, int(limit_mb * MEBIBYTE))
    try:
        with atomic_write(path) as temporary:
            with zipfile.ZipFile(temporary, "x", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
                _put(archive, files.MANIFEST, json_bytes(session.to_json()))
                for done, run in enumerate(runs):
                    _put_run(archive, run, is_cancelled)
                    if is_cancelled is not None and is_cancelled():
                        raise ExportCancelledError(
                            tr("{path} was not saved: it was cancelled.", path=path.name), path=path
                        )
                    if progress is not None:
                        progress(done + 1, len(runs))
            nbytes = temporary.stat().st_size
    except zipfile.LargeZipFile as error:  # pragma: no cover  ZIP64 is allowed
        raise ExportError(
            tr("Cannot write {path}: it would be too large.", path=path), path=path
        ) from error
    return Saved(
        path,
        nbytes,
        tuple(run.name for run in runs if run.recording),
        tuple(run.name for run in runs if not run.recording and run.left_out),
    )


def chosen(runs: Iterable[Run], limit: int) -> list[Run]:
    """The same runs, without the recordings that are not kept within so many bytes."""
    runs = list(runs)
    sizes = {
        run.key: run.recording.stat().st_size
        for run in runs
        if run.recording is not None and run.recording.is_file()
    }
    kept: set[int] = set()
    used = 0
    for run in sorted(runs, key=lambda each: (not each.is_pinned, -each.key)):
        size = sizes.get(run.key)
        if size is not None and (run.is_pinned or used + size <= limit):
            kept.add(run.key)
            used += size
    result = []
    for run in runs:
        if run.key in kept:
            result.append(replace(run, left_out=""))
        elif run.key in sizes:
            mebibytes = sizes[run.key] / MEBIBYTE
            most = limit / MEBIBYTE
            why = f"Its recording of {mebibytes:,.3g} MiB did not fit the limit of {most:,.3g} MiB."
            result.append(with_recording(run, None, why))
        else:
            result.append(with_recording(run, None, run.left_out or "It has no recording."))
    return result


def write_run(folder: Path, run: Run) -> None:
    """Write a run but for its recording into a folder of ours; raises ``ExportError``."""
    target = folder / "runs" / f"{run.key:04}"
    target.mkdir(parents=True, exist_ok=True)
    for name, data in _parts(run):
        with atomic_write(target / name) as temporary:
            temporary.write_bytes(data)


def json_bytes(values: Any) -> bytes:  # noqa: ANN401  any JSON value
    """JSON as it is stored."""
    return json.dumps(values, ensure_ascii=False, allow_nan=False, indent=1).encode(
        "utf-8", "replace"
    )


def _parts(run: Run) -> Iterable[tuple[str, bytes]]:
    for name in files.ARRAYS:
        values = getattr(run, name)
        if values is not None:
            yield f"{name}.npy", files.array_bytes(name, values)
    yield files.RUN, json_bytes(run.to_json())  # last: what is described is there


def _put_run(archive: zipfile.ZipFile, run: Run, is_cancelled: Callable[[], bool] | None) -> None:
    for name, data in _parts(run):
        _put(archive, member(run.key, name), data)
    if run.recording is None:
        return
    info = _info(member(run.key, files.RECORDING))
    info.compress_type = zipfile.ZIP_STORED  # read back as it is; see ``files.ZipSource``
    with run.recording.open("rb") as file, archive.open(info, "w", force_zip64=True) as part:
        while data := file.read(_PART):
            if is_cancelled is not None and is_cancelled():
                return  # the caller gives up the whole file
            part.write(data)


def _put(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = _info(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, data)


def _info(name: str) -> zipfile.ZipInfo:
    """Without a time: the same session is the same file."""
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.external_attr = 0o600 << 16
    return info
