"""What all readers say of a file that they cannot read."""

from __future__ import annotations

from pathlib import Path

from spikestudio.errors import CheckpointError, UnknownFormatError
from spikestudio.language import tr


def require_file(path: Path) -> None:
    """Raise ``CheckpointError`` unless it is a regular file: opening a pipe would block for ever."""
    try:
        is_file, is_folder = path.is_file(), path.is_dir()
    except OSError as error:  # a name that is too long
        raise unreadable(path, error) from error
    if not is_file:
        raise CheckpointError(
            tr(
                "Cannot open {path}: there is {part} of that name, so "
                "check the path (spikestudio list shows the checkpoints at hand).",
                path=path,
                part=tr("a folder") if is_folder else tr("no file"),
            ),
            path=path,
        )


def unreadable(path: Path, error: OSError) -> CheckpointError:
    """Error for a file that the system does not let us read."""
    return CheckpointError(
        tr(
            "Cannot read {path}: {strerror}; check the file and its permissions.",
            path=path,
            strerror=error.strerror or error,
        ),
        path=path,
    )


def damaged(path: Path, reason: str) -> UnknownFormatError:
    """Error for a file whose bytes make no sense; ``reason`` is half a sentence."""
    return UnknownFormatError(
        tr(
            "Cannot open {path} because {reason}: get the file again or choose another.",
            path=path,
            reason=reason,
        ),
        path=path,
    )
