"""The library of checkpoints as its dock sees it: folders, their files, and a scan in progress."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from spikestudio.checkpoints.library import Item, Scan, printable, read_item, standing_folders
from spikestudio.language import tr

PIECE_S = 0.15  # of a scan, after which other work in the background has its turn
STOPPED = tr("The folders were not looked through to the end.")
Submit = Callable[[Callable[[], Any], Callable[[Any], None], Callable[[str, str], None]], None]


class LibraryModel(QObject):
    """Scans in the background, a piece at a time, and opens files.

    ``items`` grow while the first scan goes on; a later scan replaces them at its end. ``left_out``
    says in sentences what of the folders is not listed.
    """

    changed = Signal()
    foldersChanged = Signal()  # noqa: N815
    refused = Signal(str)  # why something could not be done

    def __init__(
        self,
        submit: Submit,
        load: Callable[[Path], None],
        folders: Iterable[str] = (),
        *,
        make_scan: Callable[[tuple[Path, ...]], Scan] = Scan,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._submit, self._load, self._make_scan = submit, load, make_scan
        self._scan: Scan | None = None  # in progress
        self._fresh: list[Item] = []  # found by it
        self.folders = tuple(dict.fromkeys(Path(each) for each in folders if each))
        self.items: tuple[Item, ...] = ()
        self.left_out: tuple[str, ...] = ()
        self.has_scanned = False
        self.failure = ""

    # folders --------------------------------------------------------------------------------

    def add_folder(self, folder: Path) -> None:
        """Look through one more folder from now on."""
        folder = folder.absolute()
        if folder in (*self.folders, *standing_folders()):
            self.refused.emit(
                tr("{folder} is looked through already.", folder=printable(str(folder)))
            )
            return
        self._set_folders((*self.folders, folder))

    def remove_folder(self, folder: Path) -> None:
        """Look through a folder no more; its files stay where they are."""
        self._set_folders(tuple(each for each in self.folders if each != folder))

    def _set_folders(self, folders: tuple[Path, ...]) -> None:
        if folders != self.folders:
            self.folders = folders
            self.foldersChanged.emit()
            self.scan()

    # scanning -------------------------------------------------------------------------------

    @property
    def is_scanning(self) -> bool:
        """Whether a scan is in progress."""
        return self._scan is not None

    @property
    def num_scanned(self) -> int:
        """Files that the scan in progress has looked at."""
        return len(self._fresh)

    @Slot()
    def scan(self) -> None:
        """Look through all folders anew; a scan in progress is given up."""
        self._scan = self._make_scan(self.folders)
        self._fresh, self.failure = [], ""
        self._go_on(self._scan)
        self.changed.emit()

    @Slot()
    def stop(self) -> None:
        """Give up the scan in progress; what it found stays listed."""
        if self._scan is not None:
            self._scan, self.has_scanned = None, True
            self.left_out = tuple(dict.fromkeys((*self.left_out, STOPPED)))
            self.changed.emit()

    def _go_on(self, scan: Scan) -> None:
        start = len(self._fresh)
        self._submit(partial(_piece, scan, start), partial(self._take, scan), self._fail)

    def _take(self, scan: Scan, piece: tuple[list[Item], tuple[str, ...] | None]) -> None:
        if scan is not self._scan:  # given up
            return
        found, left_out = piece
        self._fresh += found
        if left_out is None:
            self._go_on(scan)
        else:
            self._scan, self.left_out = None, left_out
        if left_out is not None or not self.has_scanned:
            self.items = tuple(self._fresh)
        self.has_scanned = self.has_scanned or left_out is not None
        self.changed.emit()

    def _fail(self, message: str, _details: str) -> None:
        self._scan, self.failure = None, message
        self.changed.emit()

    # files ----------------------------------------------------------------------------------

    def open(self, item: Item) -> None:
        """Load a file, after a look whether it is still there; ``refused`` says why it cannot be."""
        look = partial(read_item, item.entry.path, item.folder)
        self._submit(look, self._take_look, lambda message, _: self.refused.emit(message))

    def _take_look(self, seen: Item) -> None:
        path = seen.entry.path
        changed = tuple(seen if item.entry.path == path else item for item in self.items)
        if changed != self.items:
            self.items = changed
            self.changed.emit()
        if seen.card is None:
            self.refused.emit(seen.entry.error or "")
        else:
            self._load(path)


def _piece(scan: Scan, start: int) -> tuple[list[Item], tuple[str, ...] | None]:
    """Go on with a scan: what it found from ``start`` on, and at its end what was left out."""
    is_done = scan.advance(PIECE_S)
    return scan.items[start:], tuple(scan.left_out()) if is_done else None
