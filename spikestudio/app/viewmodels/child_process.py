"""What the commands that the window starts find around them."""

from __future__ import annotations

import os
from pathlib import Path

from spikestudio import language


def environment() -> dict[str, str]:
    """Return the variables of a command: it finds the package where this process did, whatever the
    folder it is started from, and says what goes wrong in the window's language.
    """
    root = str(Path(__file__).resolve().parents[3])
    before = os.environ.get("PYTHONPATH")
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, (root, before))),
        "PYTHONIOENCODING": "utf-8",
        language.VARIABLE: language.current(),
    }
