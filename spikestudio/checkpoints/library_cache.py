"""What the headers of checkpoint files said, kept between two starts by path, time and size.

One JSON file in the platform's cache folder. It holds nothing that cannot be made again: a file that
is missing or broken in any way is an empty one.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from spikestudio import paths
from spikestudio.atomic import atomic_write
from spikestudio.checkpoints import strict_json
from spikestudio.checkpoints.card import Card
from spikestudio.errors import CheckpointError, ExportError

VERSION = 1
MAX_KEPT = 5_000  # files; those that were not asked for longest are let go
MAX_BYTES = 64 * 1024 * 1024
OFFICIAL = (".pt", ".pth")  # may need another file beside them


@dataclass(frozen=True, slots=True)
class Header:
    """What a file's header said: a card, or why there is none."""

    card: Card | None
    error: str | None
    num_parameters: int


def stamp(path: Path) -> list[int] | None:
    """Time of the last change in nanoseconds and size in bytes; None if the file cannot be looked at.

    Of an official file, which may be half of a model, also when the folders of the other half changed.
    """
    try:
        found = path.stat()
    except OSError:
        return None
    marks = [found.st_mtime_ns, found.st_size]
    if path.suffix.lower() in OFFICIAL:
        for folder in (path.parent, path.parent.parent, path.parent / "diff_result"):
            with suppress(OSError):
                marks.append(folder.stat().st_mtime_ns)
    return marks


class HeaderCache:
    """Headers by path; ``path`` is the file they are kept in, the platform's by default."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or paths.user_cache() / "library" / "headers.json"
        self._kept: dict[str, dict[str, Any]] | None = None  # until it is needed
        self._is_changed = False

    def get(self, path: Path, marks: list[int]) -> Header | None:
        """Header of a file that has not changed since; None if it must be read."""
        kept = self._read()
        found = kept.pop(str(path), None)
        if found is None:
            return None
        header = _header(found, marks, path)
        if header is None:
            self._is_changed = True
        else:
            kept[str(path)] = found  # at the end: the first ones are let go first
        return header

    def put(self, path: Path, marks: list[int], header: Header) -> None:
        """Keep a header that was read when the file had these marks."""
        self._read()[str(path)] = {
            "marks": marks,
            "card": None if header.card is None else asdict(header.card),
            "error": header.error,
            "num_parameters": header.num_parameters,
        }
        self._is_changed = True

    def save(self) -> None:
        """Replace the file atomically; does nothing if nothing changed or it cannot be written."""
        if not self._is_changed or self._kept is None:
            return
        kept = dict(list(self._kept.items())[-MAX_KEPT:])
        text = json.dumps({"version": VERSION, "program": _program(), "files": kept})
        with suppress(OSError, ExportError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(self.path) as temporary:
                temporary.write_text(text, encoding="utf-8")
            self._is_changed = False

    def _read(self) -> dict[str, dict[str, Any]]:
        if self._kept is None:
            self._kept = _load(self.path)
        return self._kept


def _load(path: Path) -> dict[str, dict[str, Any]]:
    try:
        if os.path.getsize(path) > MAX_BYTES:  # noqa: PTH202  one call
            return {}
        values = strict_json.parse(path.read_bytes())
    except (OSError, ValueError):
        return {}
    match values:
        case {"version": int(number), "program": str(program), "files": dict(files)} if (
            number == VERSION and program == _program()  # another one may read a file differently
        ):
            return {name: each for name, each in files.items() if isinstance(each, dict)}
    return {}


def _header(found: dict[str, Any], marks: list[int], path: Path) -> Header | None:
    match found:
        case {"marks": list(old), "error": str(error), "card": None} if old == marks:
            return Header(None, error, 0)
        case {"marks": list(old), "error": None, "card": dict(card), "num_parameters": int(n)} if (
            old == marks
        ):
            with suppress(CheckpointError):
                return Header(Card.from_json(card, path), None, n)
    return None


def _program() -> str:
    try:
        return version("spikestudio")
    except PackageNotFoundError:  # a checkout that was not installed
        return ""
