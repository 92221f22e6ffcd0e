"""Table of what the doctor found: kind, tensor, details; the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QRect, Qt, Slot
from PySide6.QtGui import QFontMetrics, QIcon, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from spikestudio.app import theme
from spikestudio.app.widgets.icons import icon
from spikestudio.checkpoints.library import printable
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.checkpoints.diagnosis import Row

Index = QModelIndex | QPersistentModelIndex
NO_INDEX = QModelIndex()
TITLES = (tr("Finding"), tr("Tensor"), tr("Details"))
TIPS = (
    tr("What is the matter; a cross: the file cannot be used because of it"),
    tr("Name in the file, or the network's where the file lacks it"),
    tr("What was found and what is needed"),
)
LIKELY = tr("likely rename")
WIDEST = tr("wrong constant")  # kind that must fit
ROW = Qt.ItemDataRole.UserRole
MARGIN, ICON = 8, 16


class DoctorRows(QAbstractTableModel):
    """The findings of one file."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Row] = []

    def show(self, rows: Sequence[Row]) -> bool:
        """Show other findings; True if they are others than before."""
        if list(rows) == self.rows:
            return False
        self.beginResetModel()
        self.rows = list(rows)
        self.endResetModel()
        return True

    def row(self, index: Index) -> Row | None:
        """Return the finding of a row."""
        return self.rows[index.row()] if 0 <= index.row() < len(self.rows) else None

    def rowCount(self, parent: Index = NO_INDEX) -> int:  # noqa: N802  Qt override
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = NO_INDEX) -> int:  # noqa: N802  Qt override
        return 0 if parent.isValid() else len(TITLES)

    def headerData(  # noqa: N802  Qt override
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return TITLES[section]
            case Qt.ItemDataRole.ToolTipRole:
                return TIPS[section]
            case Qt.ItemDataRole.TextAlignmentRole:
                return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row = self.row(index)
        if row is None:
            return None
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return printable((row.kind, row.name, row.details)[index.column()])
            case Qt.ItemDataRole.ToolTipRole | Qt.ItemDataRole.AccessibleTextRole:
                weight = "error" if row.is_error else "note"
                parts = (f"{weight}, {row.kind}", row.name, row.details)
                return ": ".join(printable(part) for part in parts if part)
            case role if role == ROW:
                return row
        return None


class DoctorTable(QTableView):
    """Shows ``DoctorRows``; long names are cut in the middle, and whole in the tooltip."""

    def __init__(self, rows: DoctorRows) -> None:
        super().__init__()
        self.setModel(rows)
        self.setItemDelegate(_Cell(self))
        self.setAccessibleName(tr("Findings"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setMinimumHeight(theme.px(80))
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        theme.manager.changed.connect(self._fit)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        self._fit()

    @Slot()
    def _fit(self) -> None:
        metrics, header = QFontMetrics(theme.font()), self.horizontalHeader()
        kind = metrics.horizontalAdvance(WIDEST) + theme.px(3 * MARGIN + ICON)
        header.resizeSection(0, kind)
        header.resizeSection(1, max((self.viewport().width() - kind) // 2, theme.px(60)))
        self.verticalHeader().setDefaultSectionSize(metrics.height() + theme.px(8))


class _Cell(QStyledItemDelegate):
    """Text, and before the kind a sign; cells that the style sheet draws take several times as long."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        fields: Any = option  # the stubs lack its fields
        rect: QRect = fields.rect
        row: Any = index.data(ROW)
        if fields.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, theme.color("selected"))
        margin, size = theme.px(MARGIN), theme.px(ICON)
        left = rect.left() + margin
        token = "muted"
        if index.column() == 0:
            token = "error" if row.is_error else "text"
            top = rect.center().y() - size // 2
            painter.drawPixmap(left, top, sign(row).pixmap(size, size))
            left += size + margin // 2
        elif index.column() == 1:
            token = "text"
        room = rect.right() - margin // 2 - left
        painter.setFont(theme.font())
        painter.setPen(theme.color(token))
        is_name = index.column() == 1 or (index.column() == 2 and not row.is_error)
        mode = Qt.TextElideMode.ElideMiddle if is_name else Qt.TextElideMode.ElideRight
        text = painter.fontMetrics().elidedText(str(index.data()), mode, room)
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRect(left, rect.top(), room, rect.height()), flags, text)


def sign(row: Row) -> QIcon:
    """Return a cross for an error, arrows for a likely rename, else an i."""
    if row.is_error:
        return icon("mdi6.close-circle-outline", "error")
    if row.kind == LIKELY:
        return icon("mdi6.swap-horizontal", "accent")
    return icon("mdi6.information-outline", "muted")
