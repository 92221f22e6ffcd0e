"""Table of a bench: images, figures with bars that compare, and what is still waited for."""

from __future__ import annotations

from math import isqrt
from typing import Any

from PySide6.QtCore import (
    QItemSelectionModel,
    QModelIndex,
    QRect,
    QSize,
    QSortFilterProxyModel,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from spikestudio.app import theme
from spikestudio.app.plots.axes import hatch_brush
from spikestudio.app.views.bench_rows import FIRST, IMAGES, MODEL, SORT_ROLE, BenchTable, Index
from spikestudio.bench.answer import Answer
from spikestudio.bench.table import COLUMNS
from spikestudio.language import tr

MARGIN, BAR, SIDE = 8, 6, 124  # pixels; the last one is the height of a row and of its images
MODEL_WIDTH = 184


class BenchTableView(QTableView):
    """Shows and sorts a ``BenchTable``; ``opened`` gives the answer of a row that was activated."""

    opened = Signal(object)

    def __init__(self, answers: BenchTable) -> None:
        super().__init__()
        self._answers = answers
        self._sorted = _Order(self)
        self._sorted.setSourceModel(answers)
        self._sorted.setSortRole(SORT_ROLE)
        self.setModel(self._sorted)
        self.setItemDelegate(_Cell(answers, self._sorted, self))
        self.setAccessibleName(tr("Answers of the models"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setHighlightSections(False)
        header.setSortIndicatorClearable(True)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        self.activated.connect(self._on_activated)
        theme.manager.changed.connect(self._fit)
        self._fit()

    @property
    def current(self) -> Answer | None:
        """The answer of the row that is selected."""
        rows = self.selectionModel().selectedRows()
        return self._answers.answer(self._sorted.mapToSource(rows[0]).row()) if rows else None

    def select_row(self, row: int) -> None:
        """Select the row at a place of the table as it is sorted."""
        flags = QItemSelectionModel.SelectionFlag
        self.selectionModel().setCurrentIndex(
            self._sorted.index(row, MODEL), flags.ClearAndSelect | flags.Rows
        )

    @Slot(QModelIndex)
    def _on_activated(self, index: QModelIndex) -> None:
        answer = self._answers.answer(self._sorted.mapToSource(index).row())
        if answer is not None:
            self.opened.emit(answer)

    @Slot()
    def _fit(self) -> None:
        """Give rows and columns the sizes of the text."""
        header, metrics = self.horizontalHeader(), QFontMetrics(theme.font())
        header.resizeSection(IMAGES, theme.px(SIDE))
        header.resizeSection(MODEL, theme.px(MODEL_WIDTH))
        for k, column in enumerate(COLUMNS, start=FIRST):
            widest = max(metrics.horizontalAdvance(text) for text in (column.title, tr("000 ms* ")))
            header.resizeSection(k, widest + theme.px(2 * MARGIN))
        self.verticalHeader().setDefaultSectionSize(theme.px(SIDE))
        self.verticalHeader().setMinimumSectionSize(theme.px(SIDE))

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(200), theme.px(SIDE) + self.horizontalHeader().height())


class _Order(QSortFilterProxyModel):
    """Sorts; rows without a figure come last, whichever way the others are."""

    def lessThan(self, left: Index, right: Index) -> bool:  # noqa: N802  Qt override
        first, second = left.data(SORT_ROLE), right.data(SORT_ROLE)
        if first is None or second is None:
            is_falling = self.sortOrder() is Qt.SortOrder.DescendingOrder
            return (first is None) is is_falling and first is not second
        return bool(first < second)


class _Cell(QStyledItemDelegate):
    """Draws images, three lines of words, or a figure above its bar."""

    def __init__(
        self, answers: BenchTable, order: QSortFilterProxyModel, parent: QTableView
    ) -> None:
        super().__init__(parent)
        self._answers, self._order = answers, order

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        fields: Any = option  # the stubs lack its fields
        rect: QRect = fields.rect
        if fields.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, theme.color("selected"))
        painter.fillRect(rect.adjusted(0, rect.height() - 1, 0, 0), theme.color("border"))
        row = self._order.mapToSource(index).row()
        if index.column() == IMAGES:
            self._paint_images(painter, rect, row)
        elif index.column() == MODEL:
            self._paint_words(painter, rect, row)
        else:
            self._paint_figure(painter, rect, row, index.column())

    def _paint_images(self, painter: QPainter, rect: QRect, row: int) -> None:
        pictures = self._answers.pictures(row)
        if not pictures:
            room = rect.adjusted(theme.px(4), theme.px(4), -theme.px(4), -theme.px(4))
            painter.fillRect(room, hatch_brush())
            return
        room = rect.adjusted(4, 4, -4, -4)
        per_row = isqrt(len(pictures) - 1) + 1
        side = min(room.width(), room.height())
        width, height = pictures[0].width(), pictures[0].height()
        # Whole pixels where there is room for them, else as many images as fit.
        scale = max(1, (side - 2 * (per_row - 1)) // (per_row * max(width, height)))
        for k, picture in enumerate(pictures):
            line, place = divmod(k, per_row)
            target = QRect(
                room.left() + place * (width * scale + 2),
                room.top() + line * (height * scale + 2),
                width * scale,
                height * scale,
            )
            if room.contains(target):
                painter.drawImage(target, picture)

    def _paint_words(self, painter: QPainter, rect: QRect, row: int) -> None:
        margin = theme.px(MARGIN)
        room = rect.adjusted(margin, margin, -margin, -margin)
        answer = self._answers.answer(row)
        is_failed = answer is not None and bool(answer.error)
        name, data, note = self._answers.lines(row)
        for text, font, token in (
            (name, theme.font(semibold=True), "text"),
            (data, theme.font("caption"), "muted"),
            (note, theme.font("caption"), "error" if is_failed else "muted"),
        ):
            painter.setFont(font)
            painter.setPen(theme.color(token))
            metrics = painter.fontMetrics()
            if text is note:
                painter.drawText(room, _WRAPPED, _cut(note, metrics, room))
                return
            elided = metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, room.width())
            if text:
                painter.drawText(room, _TOP_LEFT, elided)
                room.setTop(room.top() + metrics.height() + theme.px(2))

    def _paint_figure(self, painter: QPainter, rect: QRect, row: int, column: int) -> None:
        margin = theme.px(MARGIN)
        room = rect.adjusted(margin, margin, -margin, -margin)
        painter.setFont(theme.font())
        painter.setPen(theme.color("text"))
        text = str(self._answers.index(row, column).data())
        painter.drawText(room, _TOP_RIGHT, text)
        share = self._answers.share(row, column)
        if share is None:
            return
        top = room.top() + painter.fontMetrics().height() + theme.px(4)
        track = QRect(room.left(), top, room.width(), theme.px(BAR))
        painter.fillRect(track, theme.color("border", 0.5))
        bar = QRect(track)
        bar.setWidth(max(1 if share else 0, round(share * track.width())))
        if self._answers.is_disturbed(row, column):
            painter.fillRect(bar, theme.color("warn", 0.35))
            painter.fillRect(bar, hatch_brush())
        else:
            painter.fillRect(bar, theme.color("accent"))


_FLAG = Qt.AlignmentFlag
_TOP_LEFT = _FLAG.AlignLeft | _FLAG.AlignTop
_TOP_RIGHT = _FLAG.AlignRight | _FLAG.AlignTop
_WRAPPED = int(_TOP_LEFT) | int(Qt.TextFlag.TextWordWrap)


def _cut(text: str, metrics: QFontMetrics, room: QRect) -> str:
    """Return as many words as there is room for in several lines; the tooltip has them all."""
    words = text.split(" ")
    while words and metrics.boundingRect(room, _WRAPPED, text).height() > room.height():
        words.pop()
        text = " ".join(words) + "…"
    return text
