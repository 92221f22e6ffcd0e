"""How long work is followed and given up."""

from __future__ import annotations

from collections.abc import Callable

from spikestudio.errors import ExportError

Progress = Callable[[int, int], object]
"""Called with the parts that are done and their number."""


class ExportCancelledError(ExportError):
    """The export was given up; nothing was written."""
