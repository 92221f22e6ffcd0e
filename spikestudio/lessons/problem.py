"""The errors of lessons and lesson packs that cannot be used."""

from __future__ import annotations

from pathlib import Path

from spikestudio.errors import SpikeStudioError
from spikestudio.language import tr


class LessonError(SpikeStudioError):
    """A lesson cannot be used; ``path`` is the file and ``line`` (from 1, 0: none) the place in it.

    ``page`` (from 1, 0: none) is the page that the place belongs to, ``reason`` what is wrong there.
    """

    def __init__(self, path: Path, reason: str, *, line: int = 0, page: int = 0) -> None:
        place = place_text(f"{path.parent.name}/{path.name}", line, page)
        super().__init__(
            tr(
                "The lesson cannot be used because {reason} ({place}): mend that file.",
                reason=reason,
                place=place,
            )
        )
        self.path, self.reason, self.line, self.page = path, reason, line, page


class PackError(SpikeStudioError):
    """A lesson pack cannot be used; nothing of it was.

    ``file`` is the name of its part (empty: the pack as a whole), ``line`` and ``page`` the place in
    that, each from 1 (0: none), ``reason`` what is wrong there and ``advice`` what to do; ``detail``
    is all that without the pack.
    """

    def __init__(
        self,
        path: Path,
        reason: str,
        advice: str = tr("choose another file"),
        *,
        file: str = "",
        line: int = 0,
        page: int = 0,
    ) -> None:
        where = f"{place_text(file, line, page)}: " if file else ""
        self.detail = tr("{where}{reason}; {advice}.", where=where, reason=reason, advice=advice)
        super().__init__(
            tr(
                "The lesson pack {path} cannot be used: {detail}",
                path=path.name,
                detail=self.detail,
            )
        )
        self.path, self.reason, self.advice = path, reason, advice
        self.file, self.line, self.page = file, line, page


def place_text(file: str, line: int = 0, page: int = 0) -> str:
    """Return a place as it is told: ``page 2 of lesson.json, line 31``."""
    of_page = tr("page {page} of ", page=page) if page else ""
    return f"{of_page}{file}" + (tr(", line {line}", line=line) if line else "")
