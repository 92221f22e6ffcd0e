"""The process that trains: the command itself, which no window owns."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from spikestudio.app.viewmodels.child_process import environment
from spikestudio.app.viewmodels.training_reading import OUTPUT_FILE

_begun: list[subprocess.Popen[bytes]] = []  # to be asked how they ended, lest they stay as zombies


def launch(arguments: Sequence[str], run_folder: Path) -> int:
    """Start training in a session of its own, which outlives the window; returns its process number.

    What it says is appended to a file of its folder. Raises ``OSError`` if it cannot be started.
    """
    _begun[:] = [each for each in _begun if each.poll() is None]
    run_folder.mkdir(parents=True, exist_ok=True)
    flags = ("CREATE_NO_WINDOW", "CREATE_NEW_PROCESS_GROUP")  # of Windows
    with (run_folder / OUTPUT_FILE).open("ab") as said:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
            creationflags=sum(getattr(subprocess, flag, 0) for flag in flags),
            env=environment(),
        )
    _begun.append(process)
    return process.pid
