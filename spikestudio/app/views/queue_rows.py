"""List of the queue: a picture or a place and three lines for each, the run in progress first."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from spikestudio.app import theme
from spikestudio.app.viewmodels.queue import QueueModel
from spikestudio.app.viewmodels.queued_run import QueuedRun
from spikestudio.app.viewmodels.run import RunModel, RunState
from spikestudio.app.views.history_rows import paint_images

Index = QModelIndex | QPersistentModelIndex
NO_INDEX = QModelIndex()
ENTRY = Qt.ItemDataRole.UserRole
THUMBNAIL, MARGIN = 60, 8


class QueueRows(QAbstractListModel):
    """The entries of a ``QueueModel``; ``reload`` takes over what has changed.

    Those that wait can be dragged to another place among them.
    """

    moved = Signal(int)  # key of the one that was

    def __init__(self, run: RunModel, queue: QueueModel) -> None:
        super().__init__()
        self._run, self._queue = run, queue
        self._entries: list[QueuedRun] = []

    def reload(self) -> bool:
        """Show what there is now; True if it is other or in another order than before."""
        entries = self._queue.entries
        is_other = entries != self._entries
        if is_other:
            self.beginResetModel()
            self._entries = entries
            self.endResetModel()
        elif entries:
            self.dataChanged.emit(self.index(0), self.index(len(entries) - 1))
        return is_other

    def show_progress(self) -> None:
        """Draw the run in progress anew."""
        if self._entries and self._entries[0] is self._queue.current:
            self.dataChanged.emit(self.index(0), self.index(0))

    def entry(self, index: Index) -> QueuedRun | None:
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
        if role == ENTRY:
            return entry
        if role == Qt.ItemDataRole.DisplayRole:
            return self.title(entry)
        if role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            separator = "\n" if role == Qt.ItemDataRole.ToolTipRole else ". "
            asked = f"asked for at {entry.queued_at:%H:%M:%S}"
            return separator.join((self.title(entry), entry.facts, self.state(entry), asked))
        return None

    # moving ---------------------------------------------------------------------------------

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.ItemIsDropEnabled  # between rows, not on one
        flags = super().flags(index)
        is_waiting = self.entry(index) is not self._queue.current
        return flags | Qt.ItemFlag.ItemIsDragEnabled if is_waiting else flags

    def supportedDropActions(self) -> Qt.DropAction:  # noqa: N802  Qt override
        return Qt.DropAction.MoveAction

    def moveRows(  # noqa: N802  Qt override
        self,
        source_parent: Index,
        source: int,
        count: int,
        destination_parent: Index,
        destination: int,
    ) -> bool:
        """Let a waiting row go before the row ``destination``; what runs stays the first."""
        entry = self.entry(self.index(source)) if count == 1 else None
        if entry is None or source_parent.isValid() or destination_parent.isValid():
            return False
        first = self._queue.current is not None  # rows before those that wait
        place = max(destination, first) - first - (destination > source)
        is_moved = self._queue.move(entry.key, place)
        if is_moved:
            self.reload()
            self.moved.emit(entry.key)
        return is_moved

    # words ----------------------------------------------------------------------------------

    def changes(self, entry: QueuedRun) -> list[str]:
        """Return what differs from the run before it, each in a few words."""
        return entry.changes(self._queue.predecessor(entry))

    def title(self, entry: QueuedRun) -> str:
        """Return its name and what differs from the run before it."""
        return f"{entry.name}: {', '.join(self.changes(entry))}"

    def state(self, entry: QueuedRun) -> str:
        """Return where it is, and what keeps it or comes after it."""
        parts = [self._progress() if entry is self._queue.current else self._place(entry)]
        if entry.problem:
            parts.insert(0, entry.problem)
        if entry.is_pausing:
            parts.append("the queue pauses after it")
        return "   ".join(parts)

    def _progress(self) -> str:
        run = self._run
        if not run.state.is_active or run.run is None:
            return "starting"
        done, total = run.step.step + 1 if run.step else 0, len(run.run.timesteps)
        word = {RunState.PAUSED: "paused", RunState.STOPPING: "stopping"}.get(run.state, "sampling")
        return f"{word}, {done:,} of {total:,} steps done"

    def _place(self, entry: QueuedRun) -> str:
        queue = self._queue
        place = queue.place(entry.key) or 0
        others = f"behind {place:,} other{'' if place == 1 else 's'}"
        where = others if place else "the next one"
        before = queue.predecessor(entry) if place or queue.current else None
        model = before.model if before else queue.model
        loads = "" if entry.is_made_with(model) else f"   {entry.model.name} is loaded first"
        return f"{where}{loads}"

    def thumbnail(self, entry: QueuedRun) -> NDArray[np.uint8] | None:
        """Return what has come of it so far, or pictures of its parent, ``[k, H, W, C]``."""
        preview = self._run.preview
        if entry is not self._queue.current or not self._run.state.is_active or preview is None:
            return entry.thumbnail
        found = (preview.x0_hat, preview.decoded)
        return next((each for each in found if each is not None), entry.thumbnail)

    def badge(self, entry: QueuedRun) -> str:
        """Return its place in the queue, from 1 on; empty for the run in progress."""
        place = self._queue.place(entry.key)
        return "" if place is None else f"{place + 1:,}"

    def is_current(self, entry: QueuedRun) -> bool:
        """Whether it is the run in progress."""
        return entry is self._queue.current

    def fraction(self, entry: QueuedRun) -> float:
        """Return which part of it is done, from 0 to 1."""
        run = self._run
        if not self.is_current(entry) or not run.state.is_active or not run.run or not run.step:
            return 0.0
        return (run.step.step + 1) / len(run.run.timesteps)


class QueueDelegate(QStyledItemDelegate):
    """Draws a row; the style sheet would take several times as long."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802  Qt override
        metrics = QFontMetrics(theme.font())
        lines = metrics.height() + 2 * QFontMetrics(theme.font("caption")).height() + theme.px(4)
        return QSize(theme.px(160), max(lines, theme.px(THUMBNAIL)) + 2 * theme.px(MARGIN))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        fields: Any = option  # the stubs lack its fields
        rect: QRect = fields.rect
        entry, rows = index.data(ENTRY), index.model()
        if not isinstance(entry, QueuedRun) or not isinstance(rows, QueueRows):
            return
        painter.save()
        if fields.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, theme.color("selected"))
            if fields.state & QStyle.StateFlag.State_HasFocus:
                painter.fillRect(
                    QRect(rect.left(), rect.top(), 2, rect.height()), theme.color("accent")
                )
        elif fields.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, theme.color("hover"))
        margin, side = theme.px(MARGIN), theme.px(THUMBNAIL)
        place = QRect(rect.left() + margin, rect.top() + margin, side, side)
        _paint_picture(painter, place, rows, entry)
        left = place.right() + margin
        room = QRect(
            left, rect.top() + margin, rect.right() - margin - left, rect.height() - 2 * margin
        )
        _paint_lines(painter, room, rows, entry)
        if (fraction := rows.fraction(entry)) > 0:
            done = QRect(room.left(), rect.bottom() - 2, round(room.width() * fraction), 2)
            painter.fillRect(done, theme.color("accent"))
        if rows.is_current(entry):
            painter.fillRect(
                QRect(rect.left(), rect.bottom(), rect.width(), 1), theme.color("border")
            )
        painter.restore()


def _paint_lines(painter: QPainter, room: QRect, rows: QueueRows, entry: QueuedRun) -> None:
    y = room.top()
    title, rest = _broken(rows.changes(entry), entry.name, room.width())
    last = "warn" if entry.problem else "accent" if rows.is_current(entry) else "muted"
    for is_title, text, token in (
        (True, title, "text"),
        (False, rest or entry.facts, "text" if rest else "muted"),
        (False, rows.state(entry), last),
    ):
        painter.setFont(_title_font() if is_title else theme.font("caption"))
        metrics = painter.fontMetrics()
        painter.setPen(theme.color(token))
        line = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(
            QRect(room.left(), y, room.width(), metrics.height()), Qt.AlignmentFlag.AlignLeft, line
        )
        y += metrics.height() + theme.px(2)


def _title_font() -> QFont:
    return theme.font("body", semibold=True)


def _broken(changes: list[str], name: str, room: int) -> tuple[str, str]:
    """Return as many changes as fit into the title, at least one, and the others."""
    metrics = QFontMetrics(_title_font())
    title = f"{name}: {changes[0]}"
    for number, change in enumerate(changes[1:], 1):
        longer = f"{title}, {change}"
        if metrics.horizontalAdvance(longer) > room:
            return title, ", ".join(changes[number:])
        title = longer
    return title, ""


def _paint_picture(painter: QPainter, place: QRect, rows: QueueRows, entry: QueuedRun) -> None:
    """Draw what is there of the run; else its place in the queue."""
    images, badge = rows.thumbnail(entry), rows.badge(entry)
    if images is not None:
        paint_images(painter, place, images)
    else:
        painter.fillRect(place, theme.color("raised"))
        painter.setPen(theme.color("border"))
        painter.drawRect(place.adjusted(0, 0, -1, -1))
    if not badge:
        return
    painter.setFont(theme.font("figure" if images is None else "caption", semibold=True))
    if images is not None:  # a corner of it, so that the picture stays recognisable
        metrics = painter.fontMetrics()
        width = metrics.horizontalAdvance(badge) + theme.px(8)
        place = QRect(place.left(), place.top(), width, metrics.height())
        painter.fillRect(place, theme.color("raised"))
    painter.setPen(theme.color("muted"))
    painter.drawText(place, Qt.AlignmentFlag.AlignCenter, badge)
