"""Layers dock: every spiking layer with its constants, which can be edited, and what it does now."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QModelIndex, QSortFilterProxyModel, Qt, Signal, Slot
from PySide6.QtGui import QAction, QFontMetrics, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableView,
    QWidget,
)

from spikestudio.app import theme
from spikestudio.app.viewmodels import layer_edits
from spikestudio.app.viewmodels.fired import FiredSoFar
from spikestudio.app.viewmodels.layer_edits import Overrides
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.sampler import SamplerModel
from spikestudio.app.views.base import View
from spikestudio.app.views.layer_rows import COLUMNS, LAYER, MARK, SORT_ROLE, LayerTable
from spikestudio.app.views.parts import (
    FRAME_SECONDS,
    Caption,
    EmptyStack,
    fill,
    line,
    stacked,
    steps_done,
)
from spikestudio.errors import ConfigError
from spikestudio.metrics.operations import Operations
from spikestudio.types import LayerInfo


class LayerTableView(View):
    """Sortable table of the layers; edited constants hold from the next run on."""

    view_id: ClassVar[str] = "layers"
    title: ClassVar[str] = "Layers"
    help_text: ClassVar[str] = (
        "Every spiking layer of the model, and what its neurons do in the current run.\n"
        "Double click a tau, threshold or reset (or F2): give that layer another one for the next "
        f"run. {MARK} marks what differs from the checkpoint.\n"
        "A reset is a potential to go back to (hard), or the word soft: less one threshold.\n"
        "Delete: back to the checkpoint's value.\n"
        "Dead, saturated: neurons of the recorded image that never or always fired so far.\n"
        "Click a heading: sort; a third click brings back the order of evaluation.\n"
        "Click a row: look at that layer in the other docks."
    )

    sampleRequested = Signal()  # noqa: N815

    def __init__(self, run: RunModel, sampler: SamplerModel, parent: QWidget | None = None) -> None:
        super().__init__(run, parent)
        self._sampler = sampler
        self._operations: Operations | None = None
        self._fired: FiredSoFar | None = None
        self.model = LayerTable(self)
        self.sorted = QSortFilterProxyModel(self)
        self.sorted.setDynamicSortFilter(False)  # rows that move while one reads them are no help
        self.sorted.setSourceModel(self.model)
        self.sorted.setSortRole(SORT_ROLE)
        self.table = _table(self.sorted)
        self.revert = _button("Revert", "Back to the checkpoint's value in this cell (Delete)")
        self.revert_all = _button("Revert all", "Back to the checkpoint's values in every cell")
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        theme.set_role(self.problem, "error")
        self.problem.hide()
        self.caption = Caption()
        self.stack = EmptyStack(
            stacked(
                self.table,
                self.problem,
                line(self.caption, self.revert, self.revert_all),
                stretch=self.table,
            ),
            "The layers of a model appear here once it is loaded.",
        )
        self.stack.show_empty(self.stack.sentence, has_button=False)
        fill(self, self.stack)
        self.stack.sampleRequested.connect(self.sampleRequested)
        self._delete = QAction("Revert", self.table)
        self._delete.setShortcut(QKeySequence(Qt.Key.Key_Delete))
        self._delete.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        self.table.addAction(self._delete)
        self._delete.triggered.connect(self.revert_current)
        self.revert.clicked.connect(self.revert_current)
        self.revert_all.clicked.connect(self.revert_everything)
        self.model.typed.connect(self._on_typed)
        # Taking the focus makes a cell current, but selects nothing.
        self.table.selectionModel().selectionChanged.connect(self._on_selected)
        self.table.selectionModel().currentChanged.connect(self._show_words)
        for signal in (run.started, run.stepFinished, run.selectionChanged, run.stateChanged):
            signal.connect(self.mark_dirty)
        sampler.requestChanged.connect(self.mark_dirty)
        sampler.modelChanged.connect(self.mark_dirty)
        theme.manager.changed.connect(self._fit)
        self._fit()

    def set_operations(self, operations: Operations | None) -> None:
        """Take the counts of the model in use, from which operations are told."""
        self._operations = operations
        self.mark_dirty()

    def refresh(self) -> None:
        """Show the constants of the next run, and the newest step of the current one."""
        model, request = self._sampler.model, self._sampler.request
        layers = model.layers if model else self.run.layers
        if not layers:
            return
        self.stack.show_content()
        self.model.set_layers(layers, is_editable=model is not None)
        self.model.set_constants(request.overrides, request.threshold)
        self.model.set_activity(self._activity(layers))
        self._show_selected()
        self._show_words()

    def _activity(self, layers: tuple[LayerInfo, ...]) -> NDArray[np.float64]:
        """Rate, dead, saturated and operations of each layer, ``[layers, 4]``; NaN: unknown."""
        values = np.full((len(layers), 4), np.nan)
        recorder, done = self.run.recorder, steps_done(self.run)
        if recorder is None or not done or recorder.layers != layers:
            return values
        if self._fired is None or self._fired.recorder is not recorder:
            self._fired = FiredSoFar(recorder)
        if not self._fired.fill(done, time.perf_counter() + FRAME_SECONDS):
            self.mark_dirty()
        rates = recorder.rates()[:, done - 1]
        values[:, 0], values[:, 1], values[:, 2] = rates, self._fired.dead, self._fired.saturated
        if self._operations is not None:
            synapses = reached(self._operations, layers)
            values[:, 3] = rates * recorder.snn_steps * synapses
        return values

    def _show_selected(self) -> None:
        row = self.model.row(self.run.selection.layer)
        index = self.sorted.mapFromSource(self.model.index(row, LAYER))
        if row >= 0 and self.table.selectionModel().selectedRows() != [index]:
            column = max(self.table.currentIndex().column(), LAYER)
            self.table.setCurrentIndex(index.siblingAtColumn(column))

    @Slot()
    def _show_words(self) -> None:
        overrides = self._sampler.request.overrides
        number, others = layer_edits.edits(overrides), len(layer_edits.others(overrides))
        text = f"{number or 'No'} difference{'' if number == 1 else 's'} from the checkpoint"
        if others:
            text += f", {others} lesion{'' if others == 1 else 's'} or other override"
        run = self.run.run
        if run is not None and self.run.state.is_active and run.request.overrides != overrides:
            text += ", from the next run on"
        self.caption.set_text(text)
        self.table.setAccessibleDescription(text)
        self.revert.setEnabled(self.model.is_edited(self._current()))
        self.revert_all.setEnabled(number > 0)

    def _current(self) -> QModelIndex:
        return self.sorted.mapToSource(self.table.currentIndex())

    @Slot()
    def _on_selected(self) -> None:
        for index in self.table.selectionModel().selectedRows():
            layer_id = self.model.layers[self.sorted.mapToSource(index).row()].id
            if not self.run.layers or self.run.layer(layer_id):  # the run may be another model's
                self.run.select(layer=layer_id)

    @Slot(int, str, str)
    def _on_typed(self, row: int, what: str, entry: str) -> None:
        request, layer = self._sampler.request, self.model.layers[row]
        try:
            overrides = layer_edits.typed(request.overrides, layer, what, entry, request.threshold)
        except ConfigError as error:
            self.problem.setText(str(error))
            self.problem.show()
        else:
            self._put(overrides)

    @Slot()
    def revert_current(self) -> None:
        """Take the override off the current cell."""
        index = self._current()
        if self.model.is_edited(index):
            layer, what = self.model.layers[index.row()], COLUMNS[index.column()].edits
            self._put(layer_edits.reverted(self._sampler.request.overrides, layer.id, what))

    @Slot()
    def revert_everything(self) -> None:
        """Take the overrides off all cells; lesions stay."""
        self._put(layer_edits.others(self._sampler.request.overrides))

    def _put(self, overrides: Overrides) -> None:
        self.problem.hide()
        changes: dict[str, Any] = {"overrides": overrides}
        self._sampler.set(**changes)
        self.mark_dirty()
        self.draw_if_needed()

    @Slot()
    def _fit(self) -> None:
        """Give rows and columns the sizes of the text."""
        metrics = QFontMetrics(theme.font())
        header = self.table.horizontalHeader()
        for number, column in enumerate(COLUMNS):
            if number:
                width = metrics.horizontalAdvance(max(column.widest, column.title, key=len))
                header.resizeSection(number, width + theme.px(20))
        self.table.verticalHeader().setDefaultSectionSize(metrics.height() + theme.px(8))


def reached(operations: Operations, layers: tuple[LayerInfo, ...]) -> NDArray[np.float64]:
    """Synapses that one spike of every neuron of a layer reaches, ``[layers]``; NaN: not counted."""
    synapses = dict.fromkeys(operations.spiking, 0.0)
    for weights in operations.layers:
        for source, share in weights.sources if weights.is_binary else ():
            synapses[source] += share * weights.synapses
    return np.array([synapses.get(layer.id, np.nan) for layer in layers])


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    theme.set_role(button, "outline")
    return button


def _table(model: QSortFilterProxyModel) -> QTableView:
    table = QTableView()
    table.setModel(model)
    table.setAccessibleName("Spiking layers, their constants and their activity")
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setEditTriggers(
        QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed
    )
    table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.setTabKeyNavigation(False)
    table.verticalHeader().hide()
    header = table.horizontalHeader()
    header.setMinimumSectionSize(theme.px(40))
    header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    header.setSectionResizeMode(LAYER, QHeaderView.ResizeMode.Stretch)
    header.setHighlightSections(False)
    header.setSortIndicatorClearable(True)
    header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
    table.setSortingEnabled(True)
    return table
