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
from spikestudio.language import tr
from spikestudio.neurons.constants import Constants, constants_at
from spikestudio.types import LayerInfo

UNKNOWN = "–"
MARK = "●"
NEXT = "→"  # between what is in force in the run and what will be in the next
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
    Column(tr("Layer"), tr("Spiking layer, in order of evaluation"), ""),
    Column(tr("Neuron"), tr("IF integrates its input; LIF leaks too"), tr("Neuron ")),
    Column(tr("Tau"), tr("Time constant of the leak in SNN steps"), f"{MARK} 10.25", "tau"),
    Column(
        tr("Threshold"), tr("Potential from which on a neuron fires"), tr("Threshold "), "threshold"
    ),
    Column(
        tr("Reset"),
        tr("After a spike: back to a potential, or less one threshold"),
        tr("hard 0.25"),
        "reset",
    ),
    Column(tr("Neurons"), tr("Neurons of one image"), tr("Neurons ")),
    Column(tr("Rate"), tr("Spikes per neuron and SNN step in the newest denoising step"), "0.0000"),
    Column(tr("Dead"), tr("Neurons of the recorded image that have never fired so far"), "000.0 k"),
    Column(
        tr("Saturated"),
        tr("Neurons of the recorded image that have always fired so far"),
        tr("Saturated "),
    ),
    Column(
        tr("Operations"),
        tr("Additions that its spikes caused in one evaluation"),
        tr("Operations "),
    ),
)
LAYER, NEURON, TAU, THRESHOLD, RESET, NEURONS, RATE, DEAD, SATURATED, OPERATIONS = range(10)


class LayerTable(QAbstractTableModel):
    """The layers with their constants and their activity in the current run.

    A constant that the next run will have another of is shown as both, the one in force first.
    """

    typed = Signal(int, str, str)  # row, what, text

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.layers: tuple[LayerInfo, ...] = ()
        self._is_editable = False
        self._overrides: Overrides = ()
        self._threshold = 1.0
        self._in_force: tuple[Constants, ...] = ()
        self._own: float = 1.0  # threshold in the run of layers without one of their own
        self._activity: NDArray[np.float64] = np.empty((0, 4))

    def set_layers(self, layers: tuple[LayerInfo, ...], *, is_editable: bool) -> None:
        """Show the layers of another model."""
        self._is_editable = is_editable
        if layers != self.layers:
            self.beginResetModel()
            self.layers = layers
            self._activity = np.full((len(layers), 4), np.nan)
            self.endResetModel()

    def set_constants(
        self,
        overrides: Overrides,
        threshold: float,
        in_force: tuple[Constants, ...] = (),
        own: float = 1.0,
    ) -> None:
        """Show other constants.

        Parameters
        ----------
        overrides, threshold
            Of the next run; the threshold is that of all layers without one of their own.
        in_force
            Those of each layer in the run that is shown; empty without one.
        own
            The threshold in that run of layers without one of their own.
        """
        new = (overrides, threshold, in_force, own)
        if new != (self._overrides, self._threshold, self._in_force, self._own):
            self._overrides, self._threshold, self._in_force, self._own = new
            self._announce(TAU, RESET)

    @property
    def has_changes(self) -> bool:
        """Whether the next run will have other constants than the one shown."""
        cells = (
            self.index(row, column)
            for row in range(len(self.layers))
            for column in (TAU, THRESHOLD, RESET)
        )
        return any(self._is_changing(cell) for cell in cells)

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
        """Whether a cell has an override of its own in the next run."""
        what = COLUMNS[index.column()].edits if index.isValid() else ""
        layer_id = self.layers[index.row()].id if what else ""
        return bool(what) and layer_edits.edit(self._overrides, layer_id, what) is not None

    def is_different(self, index: Index) -> bool:
        """Whether a constant, in force or of the next run, is another than the checkpoint's."""
        is_constant = bool(COLUMNS[index.column()].edits)
        return is_constant and any(differs for _, differs in self._constants(index))

    def _is_changing(self, index: Index) -> bool:
        """Whether the next run will have another constant than the one in force."""
        is_known = bool(self._in_force) and self._is_editable
        return is_known and self._now(index) != self._next(index)

    def _now(self, index: Index) -> str:
        """Return the constant in force in the run that is shown."""
        return _constant(self._in_force[index.row()], COLUMNS[index.column()].edits)

    def _next(self, index: Index) -> str:
        """Return the constant of the next run, whether a cell's or a pattern's override sets it."""
        layer, what = self.layers[index.row()], COLUMNS[index.column()].edits
        lasting = [each for each in self._overrides if each.steps is None]
        return _constant(constants_at(layer, lasting, 0, self._threshold), what)

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
            case Qt.ItemDataRole.ForegroundRole if self.is_different(index):
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
        if COLUMNS[column].edits:
            texts = (
                f"{MARK} {text}" if differs else text for text, differs in self._constants(index)
            )
            return f" {NEXT} ".join(texts)
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

    def _constants(self, index: Index) -> list[tuple[str, bool]]:
        """Return the constant in force, that of the next run if it differs, and which are marked."""
        layer, what = self.layers[index.row()], COLUMNS[index.column()].edits
        found = []
        if self._in_force:
            found.append((self._now(index), self._own))
        if not self._in_force or self._is_changing(index):
            found.append((self._next(index), self._threshold))
        return [
            (_words(value, what), value != layer_edits.own_text((), layer, what, threshold))
            for value, threshold in found
        ]

    def _value(self, index: Index) -> float:
        return float(self._activity[index.row(), index.column() - RATE])

    def _tip(self, index: Index) -> str:
        layer, column = self.layers[index.row()], index.column()
        what = COLUMNS[column].edits
        parts = []
        if what and self._is_changing(index):
            now, then = (_words(each, what) for each in (self._now(index), self._next(index)))
            parts.append(
                tr(
                    "{now} in the run that is shown, {then} from the next one on",
                    now=now,
                    then=then,
                )
            )
        if self.is_edited(index):
            own = layer_edits.own_text((), layer, what, self._threshold)
            parts.append(tr("{own} without the override; Delete reverts it", own=own))
        elif what and self.is_different(index):
            parts.append(tr("set by an override of several layers or of some steps"))
        if parts:
            return ". ".join(parts)
        if what == "tau" and layer.tau is None:
            return tr("{neuron} neurons do not leak: there is no tau", neuron=layer.neuron)
        if column in (DEAD, SATURATED) and not np.isnan(value := self._value(index)):
            return tr(
                "{value:,} of {num_neurons:,} neurons",
                value=round(value),
                num_neurons=layer.num_neurons,
            )
        return tr(
            "{layer}: {num_neurons:,} {neuron} neurons",
            layer=layer.id,
            num_neurons=layer.num_neurons,
            neuron=layer.neuron,
        )

    def _sort_key(self, index: Index) -> str | float:
        layer, column = self.layers[index.row()], index.column()
        if column == LAYER:
            return layer.id
        if column == NEURON:
            return layer.neuron
        if column == NEURONS:
            return layer.num_neurons
        if column < NEURONS:
            text = self._next(index)
            return float(text) if text not in ("", layer_edits.SOFT) else float("-inf")
        value = self._value(index)
        return -1.0 if np.isnan(value) else value


def _constant(constants: Constants, what: str) -> str:
    """Return a constant as it can be typed; empty for the tau of neurons that do not leak."""
    if what == "threshold":
        return f"{constants.v_threshold:g}"
    value = constants.tau if what == "tau" else constants.v_reset
    if value is None:
        return "" if what == "tau" else layer_edits.SOFT
    return f"{value:g}"


def _words(text: str, what: str) -> str:
    is_hard = what == "reset" and text != layer_edits.SOFT
    return tr("hard {the_text}", the_text=text) if is_hard else text or UNKNOWN


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignLeft if column in (LAYER, NEURON) else Qt.AlignmentFlag.AlignRight
    return side | Qt.AlignmentFlag.AlignVCenter
