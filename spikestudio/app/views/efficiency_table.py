"""Table of weight layers: what each reads, its operations, and its share of the energy."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSortFilterProxyModel,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QFontMetrics, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from spikestudio.app import theme
from spikestudio.app.plots.text import figure
from spikestudio.language import tr
from spikestudio.metrics.operations import Count, Operations, WeightLayer

PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}
UNKNOWN = "–"
NO_INDEX = QModelIndex()
Index = QModelIndex | QPersistentModelIndex
SORT_ROLE, SHARE_ROLE = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1
MARGIN = 8  # beside the text of a cell
LEAST_ROWS = 6
NAME_WIDTH = 80  # of a layer's name, at least
WIDE_NAME = 112  # where less would be left for it, what the layers read is not shown


class Column(NamedTuple):
    """One column of the table; ``widest`` is a text that must fit."""

    title: str
    tip: str
    widest: str


COLUMNS = (
    Column(tr("Layer"), tr("Weight layer, in order of evaluation"), ""),
    Column(tr("Reads"), tr("What its input is"), tr("mean spikes")),
    Column("MAC", tr("Multiply-accumulates in the accounting chosen above"), "00.0 M"),
    Column(tr("Rate"), tr("Firing rate of the neurons that it reads, now"), "0.0000"),
    Column("AC", tr("Accumulates in the accounting chosen above"), "00.0 M"),
    Column(tr("Energy"), tr("Share of the energy in the accounting chosen above"), tr("Energy 0")),
)
READS, MAC, RATE, AC, SHARE = range(1, len(COLUMNS))


class LayerTable(QAbstractTableModel):
    """The weight layers with the figures of one accounting."""

    def __init__(self) -> None:
        super().__init__()
        self._operations: Operations | None = None
        self._values: NDArray[np.float64] = np.empty((0, 4))  # MAC, rate, AC, share
        self._selected = ""

    def show_count(
        self,
        operations: Operations,
        count: Count,
        energy: NDArray[np.float64],
        rates: NDArray[np.float64],
        selected: str,
    ) -> None:
        """Show other figures ``[layers]``; rows stay what they are unless it is another model."""
        total = energy.sum()
        share = energy / total if total else np.zeros_like(energy)
        values = np.stack([count.mac, rates, count.ac, share], axis=1)
        if operations is not self._operations:
            self.beginResetModel()
            self._operations, self._values, self._selected = operations, values, selected
            self.endResetModel()
        else:
            self._values, self._selected = values, selected
            self.dataChanged.emit(self.index(0, 0), self.index(len(values) - 1, SHARE))

    def layer(self, row: int) -> WeightLayer:
        """Return the layer of a row, counted in order of evaluation."""
        assert self._operations is not None
        return self._operations.layers[row]

    def rowCount(self, parent: Index = NO_INDEX) -> int:  # noqa: N802  Qt override
        return 0 if parent.isValid() else len(self._values)

    def columnCount(self, parent: Index = NO_INDEX) -> int:  # noqa: N802  Qt override
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(  # noqa: N802  Qt override
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if orientation is Qt.Orientation.Horizontal:
            if role == Qt.ItemDataRole.DisplayRole:
                return COLUMNS[section].title
            if role == Qt.ItemDataRole.ToolTipRole:
                return COLUMNS[section].tip
            if role == Qt.ItemDataRole.TextAlignmentRole:
                return _alignment(section)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        layer, column = self.layer(index.row()), index.column()
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.AccessibleTextRole:
                return self._text(layer, index.row(), column)
            case Qt.ItemDataRole.TextAlignmentRole:
                return _alignment(column)
            case Qt.ItemDataRole.ToolTipRole if column in (0, READS):
                return _description(layer)
            case Qt.ItemDataRole.ForegroundRole:
                return theme.color("accent" if self._is_selected(layer) else "text")
            case role if role == SORT_ROLE:
                return self._sort_key(layer, index.row(), column)
            case role if role == SHARE_ROLE and column == SHARE:
                shares = self._values[:, SHARE - MAC]
                return float(shares[index.row()] / max(shares.max(), 1e-9))
        return None

    def _is_selected(self, layer: WeightLayer) -> bool:
        return any(source == self._selected for source, _ in layer.sources)

    def _text(self, layer: WeightLayer, row: int, column: int) -> str:
        if column == 0:
            return layer.id
        if column == READS:
            return _reads(layer)
        value = float(self._values[row, column - MAC])
        if np.isnan(value):
            return UNKNOWN
        if column == SHARE:
            return f"{100 * value:.1f} %"
        return figure(value) if column == RATE else si(round(value))

    def _sort_key(self, layer: WeightLayer, row: int, column: int) -> str | float:
        if column == 0:
            return layer.id
        if column == READS:
            return _reads(layer)
        value = float(self._values[row, column - MAC])
        return -1.0 if np.isnan(value) else value


class LayerView(QTableView):
    """Shows and sorts a `LayerTable`; ``chosen`` gives the layer that was clicked."""

    chosen = Signal(object)

    def __init__(self, layers: LayerTable) -> None:
        super().__init__()
        self._layers = layers
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(layers)
        self._sorted.setSortRole(SORT_ROLE)
        self.setModel(self._sorted)
        self.setItemDelegate(_Cell(self))
        self.setAccessibleName(tr("Operations and energy by layer"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        header.setSortIndicatorClearable(True)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        self.clicked.connect(self._choose)
        self.activated.connect(self._choose)
        theme.manager.changed.connect(self._fit)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        header = self.horizontalHeader()
        others = sum(self._width(column) for column in range(1, len(COLUMNS)))
        room = self.viewport().width() - others
        header.setSectionHidden(READS, room < theme.px(WIDE_NAME))

    def _width(self, column: int) -> int:
        metrics = QFontMetrics(theme.font())
        return metrics.horizontalAdvance(COLUMNS[column].widest) + theme.px(2 * MARGIN)

    @Slot()
    def _fit(self) -> None:
        """Give rows and columns the sizes of the text."""
        for column in range(1, len(COLUMNS)):
            self.horizontalHeader().resizeSection(column, self._width(column))
        height = QFontMetrics(theme.font()).height() + theme.px(8)
        self.verticalHeader().setDefaultSectionSize(height)
        figures = sum(self._width(column) for column in range(MAC, len(COLUMNS)))
        self.setMinimumSize(figures + theme.px(NAME_WIDTH), LEAST_ROWS * height)

    @Slot(QModelIndex)
    def _choose(self, index: QModelIndex) -> None:
        self.chosen.emit(self._layers.layer(self._sorted.mapToSource(index).row()))


class _Cell(QStyledItemDelegate):
    """Text, and a bar behind a share, the largest of all as long as the cell.

    Cells that the style sheet draws take several times as long.
    """

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        fields: Any = option  # the stubs lack its fields
        rect: QRect = fields.rect
        if fields.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, theme.color("selected"))
        share = index.data(SHARE_ROLE)
        if share is not None and np.isfinite(share):
            bar = rect.adjusted(0, 2, round(rect.width() * (share - 1)), -2)
            painter.fillRect(bar, theme.color("accent", 0.2))
        margin = theme.px(MARGIN)
        room = rect.adjusted(margin, 0, -margin, 0)
        text = str(index.data())
        if index.column() == 0:
            left = Qt.TextElideMode.ElideLeft  # the end tells more
            text = painter.fontMetrics().elidedText(text, left, room.width())
        painter.setPen(index.data(Qt.ItemDataRole.ForegroundRole))
        painter.drawText(room, _alignment(index.column()), text)


def si(value: float, unit: str = "") -> str:
    """Return three significant digits with an SI prefix: ``281 µJ``, ``6.48 G``."""
    if not np.isfinite(value):
        return UNKNOWN
    value = float(f"{value:.3g}")
    exponent = 3 * int(np.floor(np.log10(value) / 3 + 1e-12)) if value > 0 else 0
    exponent = min(max(exponent, min(PREFIXES)), max(PREFIXES))
    is_count = not unit and exponent == 0 and value == int(value)
    number = str(int(value)) if is_count else figure(value / 10.0**exponent)
    return f"{number} {PREFIXES[exponent]}{unit}".rstrip()


def _reads(layer: WeightLayer) -> str:
    if layer.is_binary:
        return tr("spikes")
    return tr("mean spikes") if layer.sources else tr("real values")


def _description(layer: WeightLayer) -> str:
    names = ", ".join(source for source, _ in layer.sources)
    return tr("{layer} reads {reads}", layer=layer.id, reads=_reads(layer)) + (
        tr(" of {names}", names=names) if names else ""
    )


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column >= MAC else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter
