"""The process that does a sweep: the command itself, so that it outlives the window."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import IO, Protocol

from spikestudio.app.viewmodels.child_process import environment

_LAST = 2000  # characters of what it said that are read


class Running(Protocol):
    """A sweep that was started."""

    def poll(self) -> int | None: ...

    def said(self) -> str: ...

    def kill(self) -> None: ...

    def close(self) -> None: ...


class SweepProcess:
    """A command that runs; ``said`` is its last line on stderr."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  as long as the process
        self._process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
            # Ctrl+C in the terminal of the window is not for the sweep.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            env=environment(),
        )

    def poll(self) -> int | None:
        """Exit status, None while it runs."""
        return self._process.poll()

    def said(self) -> str:
        """Last line that it wrote on stderr."""
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, self._log.tell() - _LAST))
        lines = self._log.read().decode("utf-8", "replace").split("\n")
        return next((text.strip() for text in reversed(lines) if text.strip()), "")

    def kill(self) -> None:
        """End it at once; the cell that it is at is lost."""
        if self.poll() is None:
            if sys.platform == "win32":
                self._process.kill()
            else:
                self._process.send_signal(signal.SIGINT)

    def close(self) -> None:
        """Let go of what it said, once it has ended."""
        self._log.close()
