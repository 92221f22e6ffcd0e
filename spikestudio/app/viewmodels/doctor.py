"""The checkpoint doctor as its page sees it: one file, what is wrong with it, and what was accepted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from spikestudio.checkpoints.library import printable
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.checkpoints.diagnosis import Diagnosis

Submit = Callable[[Callable[[], Any], Callable[[Any], None], Callable[[str, str], None]], None]


class DoctorModel(QObject):
    """Examines one file at a time in the background.

    ``found`` stays while more renames are tried; ``failure`` says why an examination was impossible.
    """

    changed = Signal()
    refused = Signal(str)  # why something could not be done
    told = Signal(str)  # what was done

    def __init__(
        self,
        submit: Submit,
        load: Callable[[Path], None] | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._submit, self._load = submit, load
        self._turn = 0  # of the newest examination; older ones are dropped
        self.path: Path | None = None
        self.found: Diagnosis | None = None
        self.is_busy = False
        self.failure = ""

    def examine(self, path: Path) -> None:
        """Examine a file as it is."""
        self.path, self.found = path, None
        self._begin(partial(_diagnose, path))

    @Slot()
    def forget_renames(self) -> None:
        """Examine the file again as it is."""
        if self.path is not None:
            self._begin(partial(_diagnose, self.path))

    def accept(self, renames: Mapping[str, str]) -> None:
        """Examine the file again as if some tensors had other names, old ones to new ones."""
        if self.found is not None and renames:
            self._begin(partial(self.found.accepting, dict(renames)))

    @Slot()
    def accept_likely(self) -> None:
        """Accept every likely rename."""
        if self.found is not None:
            self._begin(self.found.accepting_likely)

    @property
    def likely(self) -> dict[str, str]:
        """Names in the file that are probably other ones of the network's."""
        findings = self.found.findings if self.found else None
        return dict(findings.likely) if findings else {}

    @property
    def accepted(self) -> dict[str, str]:
        """Renames that were accepted."""
        return dict(self.found.choices.renames) if self.found else {}

    def _begin(self, job: Callable[[], Diagnosis]) -> None:
        self._turn += 1
        self.is_busy, self.failure = True, ""
        turn = self._turn
        self._submit(job, partial(self._take, turn), partial(self._fail, turn))
        self.changed.emit()

    def _take(self, turn: int, found: Diagnosis) -> None:
        if turn == self._turn:
            self.is_busy, self.found = False, found
            self.changed.emit()

    def _fail(self, turn: int, message: str, _details: str) -> None:
        if turn != self._turn:
            return
        self.is_busy = False
        if self.found is None:
            self.failure = message
        else:  # what was found before still holds
            self.refused.emit(message)
        self.changed.emit()

    # files ----------------------------------------------------------------------------------

    def save_report(self, path: Path) -> None:
        """Write what was found, ``.json`` or ``.txt``."""
        if self.found is not None:
            self._write(partial(self.found.save, path), path, "")

    @property
    def cannot_mend(self) -> str:
        """Why no mended copy can be saved; empty if it can."""
        if self.found is None or self.is_busy:
            return tr("Examine a file first.")
        if not self.found.is_usable:
            return tr("The file still cannot be used: accept renames, or get it again.")
        if not self.found.choices.renames:
            return tr("The file can be used as it is: there is nothing to mend.")
        return ""

    def save_mended(self, path: Path) -> None:
        """Write a copy with the accepted names as a ``.safetensors`` file, and load it."""
        if self.found is not None and not self.cannot_mend:
            self._write(partial(_mend, self.found, path), path, "load")

    def _write(self, job: Callable[[], None], path: Path, then: str) -> None:
        def done(_: None) -> None:
            self.told.emit(
                tr(
                    "Saved {path} in {parent}.",
                    path=printable(path.name),
                    parent=printable(str(path.parent)),
                )
            )
            if then and self._load is not None:
                self._load(path)

        self._submit(job, done, lambda message, _: self.refused.emit(message))


def _diagnose(path: Path) -> Diagnosis:
    from spikestudio.checkpoints.diagnosis import diagnose  # brings torch

    return diagnose(path)


def _mend(found: Diagnosis, path: Path) -> None:
    """Write a copy of a file under the names that were accepted."""
    from spikestudio.checkpoints.building import checked_tensors
    from spikestudio.checkpoints.contents import open_checkpoint
    from spikestudio.checkpoints.safetensors_io import save

    contents = open_checkpoint(found.path, found.second, found.choices)
    save(path, checked_tensors(contents), contents.card)
