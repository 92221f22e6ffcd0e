"""Makings of files that mean harm."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)


def read_pickle(path: Path) -> bytes:
    """Give the pickle of a zipped torch file."""
    with zipfile.ZipFile(path) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith("data.pkl"))
        return archive.read(name)


def with_pickle(path: Path, data: bytes) -> None:
    """Put another pickle into a zipped torch file, with right checksums everywhere."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, data if name.endswith("data.pkl") else content)
