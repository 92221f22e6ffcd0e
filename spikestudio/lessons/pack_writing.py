"""Writing a lesson pack: as a whole, after all of it was read back, or not at all."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spikestudio.atomic import atomic_write
from spikestudio.lessons.pack import MANIFEST
from spikestudio.lessons.reading import FILE

_PART = 4 * 2**20
_TIME = (1980, 1, 1, 0, 0, 0)  # the same pack is the same file


def save_pack(path: Path, files: Mapping[str, bytes], session: Path | None = None) -> int:
    """Write a pack and return its size in bytes.

    Parameters
    ----------
    path
        The file, which is replaced as a whole.
    files
        ``pack.json``, ``lesson.json``, pages and pictures by name.
    session
        A session file whose parts are put beside them as they are; it was read before.

    Raises
    ------
    ExportError
        It could not be written; what was at ``path`` is unchanged.
    """
    with atomic_write(path) as temporary:
        with zipfile.ZipFile(temporary, "x", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            order = [MANIFEST, FILE, *sorted(files.keys() - {MANIFEST, FILE})]
            for name in order:
                archive.writestr(_info(name), files[name], zipfile.ZIP_DEFLATED)
            if session is not None:
                _copy(archive, session)
        return temporary.stat().st_size


def json_text(values: Mapping[str, Any]) -> str:
    """JSON as it is stored, and as the editor's source page shows it."""
    return json.dumps(values, ensure_ascii=False, allow_nan=False, indent=2) + "\n"


def _copy(archive: zipfile.ZipFile, session: Path) -> None:
    with zipfile.ZipFile(session) as source:
        for each in source.infolist():
            info = _info(each.filename)
            info.compress_type = each.compress_type  # recordings stay as they can be read back
            with source.open(each) as part, archive.open(info, "w", force_zip64=True) as copy:
                while data := part.read(_PART):
                    copy.write(data)


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _TIME)
    info.external_attr = 0o600 << 16
    return info
