"""Notes in Markdown: one of the session, and one of every run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.history import HistoryModel
    from spikestudio.app.viewmodels.session import SessionModel

LONGEST = 200_000  # characters of a note


class NotesModel(QObject):
    """Which note is open: that of a run by its key, or with None that of the session."""

    changed = Signal()  # another note, another list of notes, or another text than was typed

    def __init__(
        self, session: SessionModel, history: HistoryModel, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.session, self._history = session, history
        self.key: int | None = None
        history.changed.connect(self._follow)
        session.noteChanged.connect(self._on_replaced)

    @property
    def choices(self) -> list[tuple[int | None, str]]:
        """Keys and names of all notes; a bullet marks those that say something."""
        notes: list[tuple[int | None, str, str]] = [(None, tr("Session"), self.session.note)]
        notes += [
            (e.key, e.file_name or e.name.capitalize(), e.note)
            for e in reversed(self._history.entries)
        ]
        return [(key, f"{name} \N{BULLET}" if note else name) for key, name, note in notes]

    @property
    def name(self) -> str:
        """What the open note is of."""
        entry = self._history.entry(self.key)
        return tr("the session") if entry is None else entry.name

    @property
    def text(self) -> str:
        """The open note."""
        entry = self._history.entry(self.key)
        return self.session.note if entry is None else entry.note

    def open(self, key: int | None) -> None:
        """Open another note."""
        if key != self.key:
            self.key = key
            self.changed.emit()

    def write(self, text: str) -> None:
        """Give the open note another text, of at most ``LONGEST`` characters."""
        text = text[:LONGEST]
        if self._history.entry(self.key) is None:
            self.session.set_note(text)
        elif self.key is not None:
            self._history.set_note(self.key, text)

    @Slot()
    def _follow(self) -> None:
        if self.key is not None and self._history.entry(self.key) is None:
            self.key = None
        self.changed.emit()

    @Slot()
    def _on_replaced(self) -> None:
        self.key = None
        self.changed.emit()
