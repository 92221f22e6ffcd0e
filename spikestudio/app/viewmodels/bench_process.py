"""The process that does a bench: the command itself, so that the live run keeps its model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, Signal, Slot

from spikestudio import language
from spikestudio.language import tr

_LAST = 2000  # characters of what it said that are read


class BenchProcess(QObject):
    """A bench that runs; it ends with the window, and nothing of it is left but what was read."""

    lineRead = Signal(bytes)  # noqa: N815
    ended = Signal(int, str)  # exit status, and the last line on stderr

    def __init__(self, arguments: Sequence[str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._is_over = False
        self._process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        # The package is found where this one was, from whatever folder the window was started.
        root, before = str(Path(__file__).resolve().parents[3]), environment.value("PYTHONPATH")
        environment.insert("PYTHONPATH", os.pathsep.join(filter(None, (root, before))))
        environment.insert("PYTHONIOENCODING", "utf-8")
        environment.insert(language.VARIABLE, language.current())  # of what it says, not of figures
        self._process.setProcessEnvironment(environment)
        self._process.setStandardInputFile(QProcess.nullDevice())
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.finished.connect(self._on_finished)
        self._process.errorOccurred.connect(self._on_error)
        self._arguments = list(arguments)

    def begin(self) -> None:
        """Start it; who wants to know how it ends has to listen by now."""
        self._process.start(self._arguments[0], self._arguments[1:])

    @Slot()
    def _read(self) -> None:
        while self._process.canReadLine():
            self.lineRead.emit(self._process.readLine().data())

    def _on_finished(self, status: int, how: QProcess.ExitStatus) -> None:
        self._read()
        text = bytes(self._process.readAllStandardError().data())[-_LAST:].decode(
            "utf-8", "replace"
        )
        said = next((line.strip() for line in reversed(text.split("\n")) if line.strip()), "")
        self._end(status if how is QProcess.ExitStatus.NormalExit else -1, said)

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart:
            self._end(
                -1,
                tr(
                    "The bench could not be started ({errorstring}).",
                    errorstring=self._process.errorString(),
                ),
            )

    def _end(self, status: int, said: str) -> None:
        if not self._is_over:
            self._is_over = True
            self.ended.emit(status, said)

    def kill(self) -> None:
        """End it at once: it writes no files."""
        if self._process.state() is not QProcess.ProcessState.NotRunning:
            self._process.kill()

    def close(self) -> None:
        """End it and wait until it is gone; ``ended`` is not emitted."""
        self._is_over = True
        self.kill()
        self._process.waitForFinished(2000)
