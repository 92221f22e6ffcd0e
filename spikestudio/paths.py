"""Where things are: resources and bundled checkpoints, and the user's own folders.

Resources lie beside the package in a checkout, inside it (``_bundled``) in an installed wheel, and in
the unpacked folder of a frozen bundle.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import platformdirs

_APP = "spikestudio"
_PACKAGE = Path(__file__).resolve().parent


@cache
def bundle_root() -> Path:
    """Folder that holds ``resources`` and ``checkpoints``."""
    frozen = getattr(sys, "_MEIPASS", None)
    if frozen is not None:
        return Path(frozen)
    installed = _PACKAGE / "_bundled"
    return installed if installed.is_dir() else _PACKAGE.parent


def resource(*parts: str) -> Path:
    """Path of a file or folder under ``resources``; read-only, it may not exist."""
    return bundle_root().joinpath("resources", *parts)


def bundled_checkpoints() -> Path:
    """Folder of the checkpoints that come with the application; read-only."""
    return bundle_root() / "checkpoints"


def bundled_recordings() -> Path:
    """Folder of the recordings that come with the application; read-only."""
    return resource("recordings")


def bundled_recording(checkpoint: Path) -> Path | None:
    """Recording that comes with a bundled checkpoint; None for another file or where there is none."""
    path = bundled_recordings() / f"{checkpoint.stem}.h5"
    is_bundled = checkpoint.parent.resolve() == bundled_checkpoints().resolve()
    return path if is_bundled and path.is_file() else None


def user_checkpoints() -> Path:
    """Folder in which the user's own checkpoints are looked for; it may not exist."""
    return user_data() / "checkpoints"


def user_config() -> Path:
    """Folder of preferences and window layouts; it may not exist."""
    return platformdirs.user_config_path(_APP, appauthor=False)


def user_data() -> Path:
    """Folder of the user's own files; it may not exist."""
    return platformdirs.user_data_path(_APP, appauthor=False)


def user_cache() -> Path:
    """Folder of what can be made again; it may not exist."""
    return platformdirs.user_cache_path(_APP, appauthor=False)


def log_file() -> Path:
    """Log of the window; its folder may not exist."""
    return platformdirs.user_log_path(_APP, appauthor=False) / "spikestudio.log"
