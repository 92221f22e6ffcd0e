"""List of runs: a thumbnail and three lines for each, the newest first."""

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
)
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from spikestudio.app import theme
from spikestudio.app.plots.axes import hatch_brush
from spikestudio.app.plots.tiles import to_qimage
from spikestudio.app.viewmodels.comparison import ComparisonModel
from spikestudio.app.viewmodels.history import CLOSED, LET_GO, Entry, HistoryModel
from spikestudio.app.viewmodels.parameters import SAMPLER_TITLES
from spikestudio.app.viewmodels.run import RunState
from spikestudio.recording.record import MEBIBYTE

Index = QModelIndex | QPersistentModelIndex
NO_INDEX = QModelIndex()
ENTRY = Qt.ItemDataRole.UserRole
THUMBNAIL, MARGIN, GAP = 60, 8, 2


class HistoryRows(QAbstractListModel):
    """The runs of a ``HistoryModel``; ``reload`` takes over what has changed."""

    def __init__(self, history: HistoryModel, comparison: ComparisonModel) -> None:
        super().__init__()
        self._history, self._comparison = history, comparison
        self._entries: list[Entry] = []

    def reload(self) -> bool:
        """Show the runs that there are now; True if they are others than before."""
        entries = list(reversed(self._history.entries))
        is_other = entries != self._entries
        if is_other:
            self.beginResetModel()
            self._entries = entries
            self.endResetModel()
        elif entries:
            self.dataChanged.emit(self.index(0), self.index(len(entries) - 1))
        return is_other

    def entry(self, index: Index) -> Entry | None:
        """Return the run of a row."""
        row = index.row()
        return self._entries[row] if 0 <= row < len(self._entries) else None

    def index_of(self, key: int) -> QModelIndex:
        """Return the row of a run."""
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
            sides = self.sides(entry)
            lines = (self.title(entry), facts(entry), self.state(entry))
            marked = f"{' and '.join(sides)} of the comparison" if sides else ""
            separator = "\n" if role == Qt.ItemDataRole.ToolTipRole else ". "
            return separator.join(filter(None, (*lines, marked)))
        return None

    def title(self, entry: Entry) -> str:
        """Return its name and what differs from the run that it is compared with."""
        origin, changes = self._history.origin(entry), self._history.changes(entry)
        name = entry.name.capitalize() if not entry.file_name else entry.file_name
        parts = [each.text for each in changes]
        if entry.branch is not None:
            of = self._history.entry(entry.parent)
            where = f" of {of.name}" if of else ""
            parts.insert(0, f"branch{where} at step {entry.branch.step + 1:,}")
        if origin is None or entry.file_name:
            return name
        is_other_model = origin.tensors_sha256 != entry.tensors_sha256
        if is_other_model:
            parts.insert(0, f"model {entry.checkpoint}")
        what = ", ".join(parts) or f"same request as {origin.name}"
        if origin.key == entry.parent and entry.branch is None and parts:
            what += f" (from {origin.name})"
        return f"{name}: {what}"

    def state(self, entry: Entry) -> str:
        """Return when and how it ended, and what is left of its recording."""
        outcome = entry.failure or entry.outcome
        seconds = entry.result.seconds if entry.result else float("nan")
        if np.isfinite(seconds) and not entry.failure:
            outcome += f" in {seconds:.1f} s"
        parts = [f"{entry.ended_at:%H:%M:%S}", outcome]
        if entry is self._history.shown:
            parts.append("shown")
        if entry.changes:
            number = len(entry.changes)
            parts.append(f"{number:,} change{'' if number == 1 else 's'} while it ran")
        if entry.ended is None:
            parts.append(CLOSED if entry.path else LET_GO)
        elif not entry.file_name:
            parts.append(f"recording {entry.ended.nbytes / MEBIBYTE:,.3g} MiB")
        if entry.is_pinned:
            parts.append("kept")
        return "   ".join(parts)

    def sides(self, entry: Entry) -> list[str]:
        """Return which sides of the comparison it is."""
        comparison = self._comparison
        return [s for s, e in (("A", comparison.a), ("B", comparison.b)) if e is entry]


def facts(entry: Entry) -> str:
    """Return the model and the size of the request."""
    request = entry.request
    sampler = SAMPLER_TITLES.get(request.sampler, request.sampler).split(",")[0]
    parts = (
        entry.checkpoint,
        f"{request.num:,} image{'' if request.num == 1 else 's'}",
        f"{len(entry.timesteps):,} steps {sampler}",
    )
    return "   ".join(filter(None, parts))


class HistoryDelegate(QStyledItemDelegate):
    """Draws a row; the style sheet would take several times as long."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802  Qt override
        metrics = QFontMetrics(theme.font())
        lines = metrics.height() + 2 * QFontMetrics(theme.font("caption")).height() + theme.px(4)
        return QSize(theme.px(160), max(lines, theme.px(THUMBNAIL)) + 2 * theme.px(MARGIN))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        fields: Any = option  # the stubs lack its fields
        rect: QRect = fields.rect
        entry, rows = index.data(ENTRY), index.model()
        if not isinstance(entry, Entry) or not isinstance(rows, HistoryRows):
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
        if entry.thumbnail is None:
            painter.fillRect(place, hatch_brush())
        else:
            paint_images(painter, place, entry.thumbnail)
        left = rect.left() + 2 * margin + side
        room = QRect(
            left, rect.top() + margin, rect.right() - margin - left, rect.height() - 2 * margin
        )
        _paint_lines(painter, room, rows, entry)
        painter.restore()


def _paint_lines(painter: QPainter, room: QRect, rows: HistoryRows, entry: Entry) -> None:
    is_bad = entry.state is RunState.FAILED
    y = room.top()
    badges = rows.sides(entry)
    for role, text, token in (
        ("body", rows.title(entry), "text"),
        ("caption", facts(entry), "muted"),
        ("caption", rows.state(entry), "error" if is_bad else "muted"),
    ):
        painter.setFont(
            theme.font("body" if role == "body" else "caption", semibold=role == "body")
        )
        metrics = painter.fontMetrics()
        left = room.left()
        if role == "body":
            for badge in badges:
                box = QRect(left, y, metrics.height(), metrics.height())
                painter.fillRect(box, theme.color("accent"))
                painter.setPen(theme.color("on_accent"))
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, badge)
                left = box.right() + theme.px(6)
        painter.setPen(theme.color(token))
        width = room.right() - left
        line = metrics.elidedText(text, Qt.TextElideMode.ElideRight, width)
        painter.drawText(QRect(left, y, width, metrics.height()), Qt.AlignmentFlag.AlignLeft, line)
        y += metrics.height() + theme.px(2)


def paint_images(painter: QPainter, place: QRect, images: NDArray[np.uint8]) -> None:
    """Draw the first images ``[B, H, W, C]``, two by two where that leaves whole pixels."""
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)  # views set it
    _, height, width, _ = images.shape
    longest = max(height, width)
    columns = 2 if len(images) > 1 and 2 * longest + GAP <= place.width() else 1
    scale = max(1, (place.width() - (columns - 1) * GAP) // (columns * longest))
    side = min(scale * longest, place.width())
    total = columns * side + (columns - 1) * GAP
    left = place.left() + (place.width() - total) // 2
    for number, image in enumerate(images[: columns * columns]):
        row, column = divmod(number, columns)
        corner = QRect(left + column * (side + GAP), place.top() + row * (side + GAP), side, side)
        painter.drawImage(corner, to_qimage(np.ascontiguousarray(image)))
