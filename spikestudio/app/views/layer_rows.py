"""The spiking layers as rows of a table, with cells to edit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtWidgets import QWidget

from spikestudio.app import theme
from spikestudio.app.plots.text import figure
from spikestudio.app.viewmodels import layer_edits
from spikestudio.app.viewmodels.facts import count
from spikestudio.app.viewmodels.layer_edits import Overrides
from spikestudio.types import LayerInfo

UNKNOWN = "–"
MARK = "●"
NO_INDEX = QModelIndex()
Index = QModelIndex | QPersistentModelIndex
SORT_ROLE = Qt.ItemDataRole.UserRole


class Column(NamedTuple):
    """One column; ``widest`` is a text that must fit, ``edits`` what its cells edit."""

    title: str
    tip: str
    widest: str
    edits: str = ""


COLUMNS = (
    Column("Layer", "Spiking layer, in order of evaluation", ""),
    Column("Neuron", "IF integrates its input; LIF leaks too", "Neuron "),
    Column("Tau", "Time constant of the leak in SNN steps", f"{MARK} 10.25", "tau"),
    Column("Threshold", "Potential from which on a neuron fires", "Threshold ", "threshold"),
    Column(
        "Reset", "After a spike: back to a potential, or less one threshold", "hard 0.25", "reset"
    ),
    Column("Neurons", "Neurons of one image", "Neurons "),
    Column("Rate", "Spikes per neuron and SNN step in the newest denoising step", "0.0000"),
    Column("Dead", "Neurons of the recorded image that have never fired so far", "000.0 k"),
    Column(
        "Saturated", "Neurons of the recorded image that have always fired so far", "Saturated "
    ),
    Column("Operations", "Additions that its spikes caused in one evaluation", "Operations "),
)
LAYER, NEURON, TAU, THRESHOLD, RESET, NEURONS, RATE, DEAD, SATURATED, OPERATIONS = range(10)


class LayerTable(QAbstractTableModel):
    """The layers with their constants for the next run and their activity in the current one."""

    typed = Signal(int, str, str)  # row, what, text

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.layers: tuple[LayerInfo, ...] = ()
        self._is_editable = False
        self._overrides: Overrides = ()
        self._threshold = 1.0
        self._activity: NDArray[np.float64] = np.empty((0, 4))

    def set_layers(self, layers: tuple[LayerInfo, ...], *, is_editable: bool) -> None:
        """Show the layers of another model."""
        self._is_editable = is_editable
        if layers != self.layers:
            self.beginResetModel()
            self.layers = layers
            self._activity = np.full((len(layers), 4), np.nan)
            self.endResetModel()

    def set_constants(self, overrides: Overrides, threshold: float) -> None:
        """Show other constants; ``threshold`` is that of all layers without one of their own."""
        if (overrides, threshold) != (self._overrides, self._threshold):
            self._overrides, self._threshold = overrides, threshold
            self._announce(TAU, RESET)

    def set_activity(self, values: NDArray[np.float64]) -> None:
        """Show rate, dead, saturated and operations, ``[layers, 4]``; NaN where unknown."""
        if not np.array_equal(values, self._activity, equal_nan=True):
            self._activity = values
            self._announce(RATE, OPERATIONS)  # not the cells that may be being edited

    def _announce(self, first: int, last: int) -> None:
        self.dataChanged.emit(self.index(0, first), self.index(len(self.layers) - 1, last))

    def row(self, layer_id: str) -> int:
        """Return the row of a layer, -1 if there is none."""
        return next((i for i, layer in enumerate(self.layers) if layer.id == layer_id), -1)

    def is_edited(self, index: Index) -> bool:
        """Whether a cell differs from the checkpoint."""
        what = COLUMNS[index.column()].edits if index.isValid() else ""
        layer_id = self.layers[index.row()].id if what else ""
        return bool(what) and layer_edits.edit(self._overrides, layer_id, what) is not None

    def rowCount(self, parent: Index = NO_INDEX) -> int:  # noqa: N802  Qt override
        return 0 if parent.isValid() else len(self.layers)

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

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = super().flags(index)
        what = COLUMNS[index.column()].edits
        if self._is_editable and what and self._text(index):
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    def setData(  # noqa: N802  Qt override
        self, index: Index, value: object, role: int = Qt.ItemDataRole.EditRole
    ) -> bool:
        if role != Qt.ItemDataRole.EditRole or str(value) == self._text(index):
            return False
        self.typed.emit(index.row(), COLUMNS[index.column()].edits, str(value))
        return True

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.AccessibleTextRole:
                return self._shown(index)
            case Qt.ItemDataRole.EditRole if COLUMNS[index.column()].edits:
                return self._text(index)
            case Qt.ItemDataRole.TextAlignmentRole:
                return _alignment(index.column())
            case Qt.ItemDataRole.ForegroundRole if self.is_edited(index):
                return theme.color("accent")
            case Qt.ItemDataRole.ToolTipRole:
                return self._tip(index)
            case role if role == SORT_ROLE:
                return self._sort_key(index)
        return None

    def _text(self, index: Index) -> str:
        layer, what = self.layers[index.row()], COLUMNS[index.column()].edits
        return layer_edits.text(self._overrides, layer, what, self._threshold)

    def _shown(self, index: Index) -> str:
        layer, column = self.layers[index.row()], index.column()
        if what := COLUMNS[column].edits:
            text = self._text(index) or UNKNOWN
            if what == "reset" and text != layer_edits.SOFT:
                text = f"hard {text}"
            return f"{MARK} {text}" if self.is_edited(index) else text
        if column == LAYER:
            return layer.id
        if column == NEURON:
            return layer.neuron
        if column == NEURONS:
            return count(layer.num_neurons)
        value = self._value(index)
        if np.isnan(value):
            return UNKNOWN
        return figure(value) if column == RATE else count(round(value))

    def _value(self, index: Index) -> float:
        return float(self._activity[index.row(), index.column() - RATE])

    def _tip(self, index: Index) -> str:
        layer, column = self.layers[index.row()], index.column()
        what = COLUMNS[column].edits
        if self.is_edited(index):
            own = layer_edits.own_text(layer, what, self._threshold)
            return f"{own} without the override; Delete reverts it"
        if what == "tau" and layer.tau is None:
            return f"{layer.neuron} neurons do not leak: there is no tau"
        if column in (DEAD, SATURATED) and not np.isnan(value := self._value(index)):
            return f"{round(value):,} of {layer.num_neurons:,} neurons"
        return f"{layer.id}: {layer.num_neurons:,} {layer.neuron} neurons"

    def _sort_key(self, index: Index) -> str | float:
        layer, column = self.layers[index.row()], index.column()
        if column == LAYER:
            return layer.id
        if column == NEURON:
            return layer.neuron
        if column == NEURONS:
            return layer.num_neurons
        if column < NEURONS:
            text = self._text(index)
            return float(text) if text not in ("", layer_edits.SOFT) else float("-inf")
        value = self._value(index)
        return -1.0 if np.isnan(value) else value


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignLeft if column in (LAYER, NEURON) else Qt.AlignmentFlag.AlignRight
    return side | Qt.AlignmentFlag.AlignVCenter
