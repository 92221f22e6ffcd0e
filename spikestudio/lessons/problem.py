"""The one error of a lesson that cannot be used."""

from __future__ import annotations

from pathlib import Path

from spikestudio.errors import SpikeStudioError


class LessonError(SpikeStudioError):
    """A lesson cannot be used; ``path`` is the file and ``line`` (from 1, 0: none) the place in it."""

    def __init__(self, path: Path, reason: str, *, line: int = 0) -> None:
        place = f"{path.parent.name}/{path.name}" + (f", line {line}" if line else "")
        super().__init__(f"The lesson cannot be used because {reason} ({place}): mend that file.")
        self.path, self.line = path, line
