"""Logging set-up. Modules log to ``logging.getLogger(__name__)`` and never print."""

from __future__ import annotations

import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_MAX_BYTES = 1_000_000


def set_up(file: Path | None = None) -> None:
    """Send the package's warnings to stderr and, if ``file`` is given, its messages there too.

    A log file that cannot be opened is reported on stderr and otherwise ignored: a full or read-only
    disk must not keep the application from starting.
    """
    logger = logging.getLogger("spikestudio")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
        handler.close()
    if sys.stderr is not None:  # a windowed program on Windows has none
        console = logging.StreamHandler()
        console.setLevel(logging.WARNING)
        console.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
        logger.addHandler(console)
    if file is None:
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(file, maxBytes=_MAX_BYTES, backupCount=2, encoding="utf-8")
    except OSError as error:
        logger.warning("No log is kept: cannot open %s (%s).", file, error.strerror)
        return
    handler.setFormatter(logging.Formatter(_FORMAT))
    logger.addHandler(handler)
