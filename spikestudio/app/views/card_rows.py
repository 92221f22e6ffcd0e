"""Lists of things with a picture and three lines each: what their models and painters share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, Protocol, TypeVar

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
)
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from spikestudio.app import theme

Index = QModelIndex | QPersistentModelIndex
NO_INDEX = QModelIndex()
ENTRY = Qt.ItemDataRole.UserRole
THUMBNAIL, MARGIN = 60, 8


class Keyed(Protocol):
    """What a row shows."""

    @property
    def key(self) -> int: ...


E = TypeVar("E", bound=Keyed)


class CardRows(QAbstractListModel, Generic[E]):
    """Rows of a list that a view-model owns; ``reload`` takes over what has changed."""

    def __init__(self) -> None:
        super().__init__()
        self._entries: list[E] = []

    def found(self) -> list[E]:
        """Return what there is now, in the order of the rows."""
        raise NotImplementedError

    def words(self, entry: E) -> list[str]:
        """Return everything that a row says, its title first."""
        raise NotImplementedError

    def reload(self) -> bool:
        """Show what there is now; True if it is other or in another order than before."""
        entries = self.found()
        is_other = entries != self._entries
        if is_other:
            self.beginResetModel()
            self._entries = entries
            self.endResetModel()
        elif entries:
            self.dataChanged.emit(self.index(0), self.index(len(entries) - 1))
        return is_other

    def entry(self, index: Index) -> E | None:
        """Return what a row shows."""
        row = index.row()
        return self._entries[row] if 0 <= row < len(self._entries) else None

    def index_of(self, key: int) -> QModelIndex:
        """Return the row of a key."""
        rows = [row for row, entry in enumerate(self._entries) if entry.key == key]
        return self.index(rows[0]) if rows else QModelIndex()

    def rowCount(self, parent: Index = NO_INDEX) -> int:  # noqa: N802  Qt override
        return 0 if parent.isValid() else len(self._entries)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        entry = self.entry(index)
        if entry is None:
            return None
        match role:
            case _ if role == ENTRY:
                return entry
            case Qt.ItemDataRole.DisplayRole:
                return self.words(entry)[0]
            case Qt.ItemDataRole.ToolTipRole:
                return "\n".join(self.words(entry))
            case Qt.ItemDataRole.AccessibleTextRole:
                return ". ".join(self.words(entry))
        return None


class CardDelegate(QStyledItemDelegate):
    """Draws a row; the style sheet would take several times as long."""

    side = THUMBNAIL  # of the picture, in pixels at normal text size

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802  Qt override
        metrics = QFontMetrics(theme.font())
        lines = metrics.height() + 2 * QFontMetrics(theme.font("caption")).height() + theme.px(4)
        return QSize(theme.px(160), max(lines, theme.px(self.side)) + 2 * theme.px(MARGIN))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        fields: Any = option  # the stubs lack its fields
        rect: QRect = fields.rect
        painter.save()
        if fields.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, theme.color("selected"))
            if fields.state & QStyle.StateFlag.State_HasFocus:
                edge = QRect(rect.left(), rect.top(), 2, rect.height())
                painter.fillRect(edge, theme.color("accent"))
        elif fields.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, theme.color("hover"))
        margin, side = theme.px(MARGIN), theme.px(self.side)
        picture = QRect(rect.left() + margin, rect.top() + margin, side, side)
        room = rect.adjusted(2 * margin + side, margin, -margin, -margin)
        self.paint_card(painter, rect, picture, room, index)
        painter.restore()

    def paint_card(
        self, painter: QPainter, rect: QRect, picture: QRect, room: QRect, index: Index
    ) -> None:
        """Draw a row's picture and its lines; ``rect`` is all of the row."""
        raise NotImplementedError


def paint_lines(
    painter: QPainter, room: QRect, lines: Iterable[tuple[str, str]], indent: int = 0
) -> None:
    """Draw a title and captions, ``(text, colour)``, each cut to ``room``; the title is indented."""
    top = room.top()
    for number, (text, token) in enumerate(lines):
        painter.setFont(theme.font("caption" if number else "body", semibold=not number))
        painter.setPen(theme.color(token))
        metrics = painter.fontMetrics()
        place = QRect(room.left(), top, room.width(), metrics.height())
        if not number:
            place.setLeft(place.left() + indent)
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, place.width())
        painter.drawText(place, Qt.AlignmentFlag.AlignLeft, shown)
        top += metrics.height() + theme.px(2)
