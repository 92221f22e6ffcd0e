"""Layers dock: every spiking layer with its constants, which can be edited, and what it does now."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QModelIndex, QSortFilterProxyModel, Qt, Signal, Slot
from PySide6.QtGui import QAction, QFontMetrics, QKeySequence, QResizeEvent
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
from spikestudio.app.views.layer_rows import COLUMNS, LAYER, MARK, NEXT, SORT_ROLE, LayerTable
from spikestudio.app.views.parts import (
    FRAME_SECONDS,
    Caption,
    EmptyStack,
    fill,
    line,
    stacked,
    steps_done,
    threshold_at,
)
from spikestudio.errors import ConfigError
from spikestudio.language import tr, tr_n
from spikestudio.neurons.constants import Constants, constants_at
from spikestudio.types import LayerInfo

LEAST_NAMES = 190  # pixels for the layers' names, if they need it: the table scrolls instead


class LayerTableView(View):
    """Sortable table of the layers; edited constants hold from the next run on."""

    view_id: ClassVar[str] = "layers"
    title: ClassVar[str] = tr("Layers")
    help_text: ClassVar[str] = tr(
        "Every spiking layer of the model, and what its neurons do in the current run.\n"
        "Double click a tau, threshold or reset (or F2): give that layer another one for the next "
        "run.\n{mark} marks what differs from the checkpoint; 1 {next} 0.5: in the run 1, then 0.5.\n"
        "A reset is a potential to go back to (hard), or the word soft: less one threshold.\n"
        "Delete: back to the checkpoint's value.\n"
        "Dead, saturated: neurons of the recorded image that never or always fired so far.\n"
        "Click a heading: sort; a third click brings back the order of evaluation.\n"
        "Click a row: look at that layer in the other docks.",
        mark=MARK,
        next=NEXT,
    )

    sampleRequested = Signal()  # noqa: N815

    def __init__(self, run: RunModel, sampler: SamplerModel, parent: QWidget | None = None) -> None:
        super().__init__(run, parent)
        self._sampler = sampler
        self._fired: FiredSoFar | None = None
        self._has_wide_cells = False  # with two constants
        self.model = LayerTable(self)
        self.sorted = QSortFilterProxyModel(self)
        self.sorted.setDynamicSortFilter(False)  # rows that move while one reads them are no help
        self.sorted.setSourceModel(self.model)
        self.sorted.setSortRole(SORT_ROLE)
        self.table = _table(self.sorted)
        self.revert = _button(
            tr("Revert"), tr("Back to the checkpoint's value in this cell (Delete)")
        )
        self.revert_all = _button(
            tr("Revert all"), tr("Back to the checkpoint's values in every cell")
        )
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
            tr("The layers of a model appear here once it is loaded."),
        )
        self.stack.show_empty(self.stack.sentence, has_button=False)
        fill(self, self.stack)
        self.stack.sampleRequested.connect(self.sampleRequested)
        self._delete = QAction(tr("Revert"), self.table)
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

    def refresh(self) -> None:
        """Show the constants of the next run, and the newest step of the current one."""
        model, request = self._sampler.model, self._sampler.request
        layers = model.layers if model else self.run.layers
        if not layers:
            return
        self.stack.show_content()
        are_others = layers != self.model.layers
        self.model.set_layers(layers, is_editable=model is not None)
        if are_others:
            self._fit_names()
        in_force, own = self._in_force(layers)
        self.model.set_constants(request.overrides, request.threshold, in_force, own)
        if self.model.has_changes or self._has_wide_cells:
            self._fit()
        self.model.set_activity(self._activity(layers))
        self._show_selected()
        self._show_words()

    def _in_force(self, layers: tuple[LayerInfo, ...]) -> tuple[tuple[Constants, ...], float]:
        """Constants of each layer in the newest step of the run, and the threshold of all of them."""
        run = self.run.run
        if run is None or run.layers != layers:
            return (), 1.0
        step = max(0, steps_done(self.run) - 1)
        threshold = threshold_at(self.run, step)
        overrides = run.request.overrides
        found = tuple(constants_at(layer, overrides, step, threshold) for layer in layers)
        return found, threshold

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
        additions = recorder.activity().additions_of_one([layer.num_neurons for layer in layers])
        values[:, 3] = additions[:, done - 1]
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
        text = tr_n(
            "{number} difference from the checkpoint",
            "{number} differences from the checkpoint",
            number,
            number=number or tr("No"),
        )
        if others:
            text += tr_n(
                ", {others} lesion or other override",
                ", {others} lesions or other override",
                others,
                others=others,
            )
        run = self.run.run
        if run is not None and self.run.state.is_active and run.request.overrides != overrides:
            text += tr(", from the next run on")
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

    def _cells(self, column: int) -> list[QModelIndex]:
        return [self.model.index(row, column) for row in range(self.model.rowCount())]

    @Slot()
    def _fit(self) -> None:
        """Give rows and columns the sizes of the text."""
        self._has_wide_cells = self.model.has_changes
        metrics = QFontMetrics(theme.font())
        header = self.table.horizontalHeader()
        for number, column in enumerate(COLUMNS):
            if number:
                texts = [column.title, column.widest]
                if column.edits and self._has_wide_cells:
                    texts.extend(str(cell.data()) for cell in self._cells(number))
                width = max(metrics.horizontalAdvance(text) for text in texts)
                header.resizeSection(number, width + theme.px(20))
        self.table.verticalHeader().setDefaultSectionSize(metrics.height() + theme.px(8))
        self._fit_names()

    def _fit_names(self) -> None:
        """Give the names what the other columns leave, and never too little to tell them apart."""
        header, metrics = self.table.horizontalHeader(), QFontMetrics(theme.font())
        others = sum(header.sectionSize(number) for number in range(1, len(COLUMNS)))
        widest = max(
            (metrics.horizontalAdvance(layer.id) for layer in self.model.layers), default=0
        )
        least = min(widest + theme.px(20), theme.px(LEAST_NAMES))
        header.resizeSection(LAYER, max(least, self.table.viewport().width() - others))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        self._fit_names()


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    theme.set_role(button, "outline")
    return button


def _table(model: QSortFilterProxyModel) -> QTableView:
    table = QTableView()
    table.setModel(model)
    table.setAccessibleName(tr("Spiking layers, their constants and their activity"))
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
    header.setHighlightSections(False)
    header.setSortIndicatorClearable(True)
    header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
    table.setSortingEnabled(True)
    return table
