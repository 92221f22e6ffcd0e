"""List of checkpoint files: a thumbnail and three lines for each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QRect, Qt
from PySide6.QtGui import QPainter, QPixmap

from spikestudio.app import theme
from spikestudio.app.viewmodels.facts import count
from spikestudio.app.viewmodels.library_facts import date_text, first_figure, size_text
from spikestudio.app.views.card_rows import NO_INDEX, CardDelegate, Index, paint_lines
from spikestudio.app.widgets.icons import icon
from spikestudio.app.widgets.model_card import CardState, paint_thumbnail, summary, thumbnail
from spikestudio.checkpoints.catalog import titles
from spikestudio.checkpoints.library import Item, printable
from spikestudio.language import tr

ITEM, STATE = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1
BADGE = 16
BADGES = {
    CardState.IN_USE: ("mdi6.check-circle", "accent"),
    CardState.LOADING: ("mdi6.progress-download", "accent"),
    CardState.UNUSABLE: ("mdi6.alert-circle-outline", "error"),
}


class LibraryRows(QAbstractListModel):
    """Files in the order in which they are listed, and which of them is in use."""

    def __init__(self) -> None:
        super().__init__()
        self.items: list[Item] = []
        self._titles: dict[Path, str] = {}
        self._in_use: Path | None = None
        self._loading: Path | None = None

    def show(self, items: Sequence[Item]) -> bool:
        """List other files; True if they are others than before."""
        if list(items) == self.items:
            return False
        self.beginResetModel()
        self.items = list(items)
        self._titles = titles(item.entry for item in items)
        self.endResetModel()
        return True

    def mark(self, in_use: Path | None, loading: Path | None) -> None:
        """Mark the file in use, and the one that is being loaded."""
        if (in_use, loading) != (self._in_use, self._loading):
            self._in_use, self._loading = in_use, loading
            if self.items:
                self.dataChanged.emit(self.index(0), self.index(len(self.items) - 1))

    def item(self, index: Index) -> Item | None:
        """Return the file of a row."""
        return self.items[index.row()] if 0 <= index.row() < len(self.items) else None

    def title(self, item: Item) -> str:
        """Return a file's name, with its folder where others listed have the same."""
        return self._titles.get(item.entry.path, item.entry.name)

    def index_of(self, path: Path | None) -> QModelIndex:
        """Return the row of a file."""
        rows = (row for row, item in enumerate(self.items) if item.entry.path == path)
        row = next(rows, None)
        return QModelIndex() if row is None else self.index(row)

    def state(self, item: Item) -> CardState:
        """Return what is to be marked on a file."""
        if item.card is None:
            return CardState.UNUSABLE
        if item.entry.path == self._loading:
            return CardState.LOADING
        return CardState.IN_USE if item.entry.path == self._in_use else CardState.IDLE

    def rowCount(self, parent: Index = NO_INDEX) -> int:  # noqa: N802  Qt override
        return 0 if parent.isValid() else len(self.items)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        item = self.item(index)
        if item is None:
            return None
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self.title(item)
            case Qt.ItemDataRole.ToolTipRole:
                return item.entry.error or printable(str(item.entry.path))
            case Qt.ItemDataRole.AccessibleTextRole:
                state = self.state(item).value
                return ". ".join(filter(None, (self.title(item), *lines(item), state)))
            case role if role == ITEM:
                return item
            case role if role == STATE:
                return self.state(item)
        return None


def lines(item: Item) -> tuple[str, str]:
    """Return what a row says under the name of the file."""
    size = size_text(item.entry.size_bytes)
    if item.card is None:
        return reason(item), f"{size} · {date_text(item.modified)}"
    parts = (
        first_figure(item.card),
        tr("{count} parameters", count=count(item.entry.num_parameters)),
        size,
        tr("bundled") if item.entry.is_bundled else date_text(item.modified),
    )
    return summary(item.card), " · ".join(parts)


def reason(item: Item) -> str:
    """Return why a file cannot be used, without its path, which would leave no room for the rest."""
    error = (item.entry.error or "").replace(printable(str(item.entry.path)), tr("this file"))
    return error[:1].upper() + error[1:]


class LibraryDelegate(CardDelegate):
    """Draws a file: its picture, its lines, and whether it is in use."""

    side = 48

    def __init__(self, parent: Any = None) -> None:  # noqa: ANN401  as Qt has it
        super().__init__(parent)
        self._pictures: dict[Path, QPixmap] = {}

    def picture(self, item: Item) -> QPixmap:
        """Return the picture that comes with a bundled file; those of strangers are not opened."""
        if not item.entry.is_bundled:
            return QPixmap()
        path = item.entry.path
        if path not in self._pictures:
            self._pictures[path] = thumbnail(path)
        return self._pictures[path]

    def paint_card(
        self, painter: QPainter, rect: QRect, picture: QRect, room: QRect, index: Index
    ) -> None:
        rows = index.model()
        if not isinstance(rows, LibraryRows) or (item := rows.item(index)) is None:
            return
        state = rows.state(item)
        picture.moveTop(rect.center().y() - picture.height() // 2)
        architecture = item.card.architecture if item.card else ""
        paint_thumbnail(painter, picture, self.picture(item), architecture)
        if state in BADGES:
            size = theme.px(BADGE)
            room.setRight(room.right() - size - theme.px(4))
            name, token = BADGES[state]
            painter.drawPixmap(
                room.right() + theme.px(4), room.top(), icon(name, token).pixmap(size, size)
            )
        below = "error" if state is CardState.UNUSABLE else "muted"
        texts = (rows.title(item), *lines(item))
        paint_lines(painter, room, zip(texts, ("text", below, "muted"), strict=True))
