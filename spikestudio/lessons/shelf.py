"""The lessons that come with the application."""

from __future__ import annotations

from pathlib import Path

import platformdirs

from spikestudio.lessons import glossary
from spikestudio.lessons.lesson import ANY
from spikestudio.lessons.reading import Entry, Known, find
from spikestudio.paths import bundled_checkpoints, bundled_recordings, resource

ARCHITECTURES = ("sddpm", "spiking-diffusion", "sdit")


def folder() -> Path:
    """Folder of the bundled lessons; read-only."""
    return resource("lessons")


def progress_folder() -> Path:
    """Folder of the user's progress; it may not exist."""
    return platformdirs.user_state_path("spikestudio", appauthor=False) / "lessons"


def known(controls: tuple[str, ...] = (), docks: tuple[str, ...] = ()) -> Known:
    """Return the names that lessons may use: those of a window, and of the bundled files."""
    models = {path.stem for path in bundled_checkpoints().glob("*.safetensors")}
    models |= {path.stem for path in bundled_recordings().glob("*.h5")}
    return Known(controls, docks, {*models, *ARCHITECTURES, ANY}, glossary.load())


def bundled(controls: tuple[str, ...] = (), docks: tuple[str, ...] = ()) -> list[Entry]:
    """Return the bundled lessons, checked against the names of a window."""
    return find(folder(), known(controls, docks)) if folder().is_dir() else []
