"""Efficiency dock: operations and theoretical energy of every layer, live, in three accountings."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetrics, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from spikestudio.app import theme
from spikestudio.app.plots.text import figure
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.views.base import View
from spikestudio.app.views.efficiency_table import UNKNOWN, LayerTable, LayerView, si
from spikestudio.app.views.parts import (
    Caption,
    EmptyStack,
    Segmented,
    chip,
    fill,
    step_text,
    steps_done,
    tool_row,
)
from spikestudio.language import mark, tr
from spikestudio.metrics.operations import (
    Costs,
    Count,
    Operations,
    WeightLayer,
    as_ann,
    as_papers,
    as_strict,
    input_rates,
    mean_rate,
)

ACCOUNTINGS = (
    (tr("As an ANN"), tr("The same network without spikes: every layer multiplies, in one pass")),
    (
        tr("Papers' count"),
        tr(
            "The first convolution multiplies; every other layer only adds, rate × T times its MAC. "
            "Where a layer reads no spikes, the mean rate stands in"
        ),
    ),
    (
        tr("Strict count"),
        tr("A layer only adds where it reads spikes; where it reads other values it multiplies"),
    ),
)
STRICT = 2
BESIDE_WIDTH, LOW_HEIGHT = 760, 440


class EfficiencyView(View):
    """Totals beside each other for the three accountings, and a table of the weight layers."""

    view_id: ClassVar[str] = "efficiency"
    title: ClassVar[str] = tr("Efficiency")
    help_text: ClassVar[str] = tr(
        "Operations of one network evaluation for one image, and what they would cost in energy.\n"
        "MAC: multiply and accumulate. AC: only accumulate, as a spike needs. The energies are "
        "theoretical: operations times the constants, without memory or neurons.\n"
        "Papers' count: all layers but the first convolution only add. "
        "Strict count: a layer only adds where it reads spikes. "
        "Its additions are counted, spike by spike; those of the papers follow from firing rates.\n"
        "Activation sparsity: share of neurons that stay silent in an SNN step.\n"
        "A token model's decoder runs once per image and is not counted.\n"
        "Click a heading: sort; a third click brings back the order of evaluation.\n"
        "Click a layer: look in the other docks at the neurons that it reads."
    )

    sampleRequested = Signal()  # noqa: N815

    def __init__(self, run: RunModel, parent: QWidget | None = None) -> None:
        super().__init__(run, parent)
        self._of_model: Operations | None = None
        self._of_run: Operations | None = None
        self._step: int | None = None  # that is looked at; None: the newest
        self.totals = Totals()
        self.mac_cost = CostBox(tr("Energy of one MAC"), Costs().mac)
        self.ac_cost = CostBox(tr("Energy of one AC"), Costs().ac)
        self.reset = chip(tr("45 nm"), tr("Back to 4.6 and 0.9 pJ: 32-bit floats in 45 nm"))
        self.choice = Segmented(tr("Count in the table"), ACCOUNTINGS)
        self.choice.button(STRICT).setChecked(True)
        self.model = LayerTable()
        self.table = LayerView(self.model)
        self.caption = Caption()
        self.stack = EmptyStack(
            _Pages(
                (
                    self.totals,
                    self.caption,
                    tool_row(
                        *(_name("MAC"), self.mac_cost, _name("AC"), self.ac_cost, self.reset),
                        self.choice,
                    ),
                ),
                self.table,
            ),
            tr("Operations and theoretical energy, step by step, appear here."),
        )
        fill(self, self.stack)
        self.stack.sampleRequested.connect(self.sampleRequested)
        self.mac_cost.valueChanged.connect(self._redraw)
        self.ac_cost.valueChanged.connect(self._redraw)
        self.reset.clicked.connect(self._reset_costs)
        self.choice.chosen.connect(self._redraw)
        self.table.chosen.connect(self._on_chosen)
        run.started.connect(self._on_started)
        for signal in (run.started, run.stepFinished, run.selectionChanged):
            signal.connect(self.mark_dirty)
        theme.manager.changed.connect(self._redraw)

    def set_operations(self, operations: Operations | None, *, is_of_run: bool = False) -> None:
        """Take the counts of the model in use; a run keeps those of the model that it began with.

        ``is_of_run``: that model made what is shown, such as a recording that was there before it.
        """
        self._of_model = operations
        if is_of_run:
            self._of_run = operations
            self.mark_dirty()

    def look_at(self, step: int | None) -> None:
        """Count an earlier step; None: the newest."""
        self._step = step
        self.mark_dirty()

    @property
    def costs(self) -> Costs:
        """The constants in force."""
        return Costs(self.mac_cost.value(), self.ac_cost.value())

    def refresh(self) -> None:
        """Count the step that is looked at, and all steps up to it."""
        operations, recorder = self._of_run, self.run.recorder
        if recorder is None:
            return
        ids = [layer.id for layer in recorder.layers]
        if operations is None or not set(operations.spiking) <= set(ids):
            self.stack.show_empty(
                tr("The operations of this model are not known."), has_button=False
            )
            return
        self.stack.show_content()
        done = max(steps_done(self.run), 1)  # before the first step all rates are NaN
        if self._step is not None:
            done = min(done, self._step + 1)
        rows = [ids.index(layer_id) for layer_id in operations.spiking]
        activity = recorder.activity()
        rates = activity.rates[rows, :done].astype(np.float64)
        additions = activity.additions_of_one([layer.num_neurons for layer in recorder.layers])
        counts = (
            as_ann(operations),
            as_papers(operations, rates, recorder.snn_steps),
            as_strict(operations, additions[rows, :done], recorder.snn_steps),
        )
        sparsity = 1 - float(mean_rate(operations, rates)[-1])
        self.totals.show_counts(counts, self.costs, sparsity)
        chosen = _newest(counts[self.choice.current])
        self.model.show_count(
            operations,
            chosen,
            chosen.energy(self.costs),
            input_rates(operations, rates[:, -1]),
            self.run.selection.layer,
        )
        self.reset.setVisible(self.costs != Costs())
        spiking = sum(layer.is_binary for layer in operations.layers)
        text = tr(
            "{step}, T = {snn_steps}; {spiking} of {num_layers} weight layers read spikes",
            step=step_text(self.run, self._step),
            snn_steps=recorder.snn_steps,
            spiking=spiking,
            num_layers=len(operations.layers),
        )
        self.caption.set_text(text)
        self.table.setAccessibleDescription(text)

    @Slot()
    def _on_started(self) -> None:
        self._of_run = self._of_model

    @Slot()
    def _redraw(self) -> None:
        self.mark_dirty()
        self.draw_if_needed()

    @Slot()
    def _reset_costs(self) -> None:
        self.mac_cost.setValue(Costs().mac)
        self.ac_cost.setValue(Costs().ac)

    @Slot(object)
    def _on_chosen(self, layer: WeightLayer) -> None:
        if layer.sources:
            self.run.select(layer=layer.sources[0][0])
            self.draw_if_needed()


class _Pages(QScrollArea):
    """Figures above the table, or beside it where the dock is wide and low; scrolls if it must."""

    def __init__(self, figures: tuple[QWidget, ...], table: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for widget in figures:
            column.addWidget(widget)
        column.addStretch(1)
        content = QWidget()
        self._box = QBoxLayout(QBoxLayout.Direction.TopToBottom, content)
        self._box.setContentsMargins(12, 8, 12, 8)
        self._box.setSpacing(8)
        self._box.addWidget(left)
        self._box.addWidget(table, 1)
        self.setWidget(content)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        size = self.viewport().size()
        is_beside = size.width() >= theme.px(BESIDE_WIDTH) and size.height() < theme.px(LOW_HEIGHT)
        direction = QBoxLayout.Direction
        self._box.setDirection(direction.LeftToRight if is_beside else direction.TopToBottom)
        super().resizeEvent(event)


class Totals(QWidget):
    """Grid of figures: one column per accounting."""

    ROWS = (mark("Energy"), mark("Mean so far"), mark("Of the ANN"), "MAC", "AC")

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 4)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(3)
        head = _text(tr("Theoretical estimate: one evaluation, one image"), "group")
        head.setWordWrap(True)
        self._grid.addWidget(head, 0, 0, 1, 4)
        self._values: dict[tuple[str, int], QLabel] = {}
        for column, (name, tip) in enumerate(ACCOUNTINGS, start=1):
            label = _text(name, "caption")
            label.setToolTip(tip)
            label.setAlignment(Qt.AlignmentFlag.AlignRight)
            self._grid.addWidget(label, 1, column)
            self._grid.setColumnStretch(column, 1)
        for row, name in enumerate(self.ROWS, start=2):
            self._grid.addWidget(_text(tr(name), "muted"), row, 0)
            for column in range(len(ACCOUNTINGS)):
                label = self._values[name, column] = _value(name == "Energy")
                self._grid.addWidget(label, row, column + 1)
        row = self._grid.rowCount()
        self._grid.addWidget(_text(tr("Activation sparsity"), "muted"), row, 0, 1, 3)
        self.sparsity = _value(is_figure=False)
        self._grid.addWidget(self.sparsity, row, 3)
        theme.manager.changed.connect(self._fit)
        self._fit()

    @Slot()
    def _fit(self) -> None:
        """Keep room for the widest energy, so that no figure is ever cut."""
        width = QFontMetrics(theme.font("figure")).horizontalAdvance(tr("00.0 mJ"))
        for column in range(1, len(ACCOUNTINGS) + 1):
            self._grid.setColumnMinimumWidth(column, width)

    def show_counts(self, counts: tuple[Count, ...], costs: Costs, sparsity: float) -> None:
        """Show one count per accounting, ``[layers]`` or ``[layers, steps]``; the last step is new."""
        ann = float(counts[0].energy(costs).sum())
        for column, count in enumerate(counts):
            energies = np.atleast_1d(count.energy(costs).sum(axis=0))
            newest = _newest(count)
            energy = float(energies[-1])
            for name, text in (
                ("Energy", si(energy, "J")),
                ("Mean so far", si(float(energies.mean()), "J")),
                ("Of the ANN", _percent(energy / ann) if ann else UNKNOWN),
                ("MAC", si(float(newest.mac.sum()))),
                ("AC", si(float(newest.ac.sum()))),
            ):
                label = self._values[name, column]
                label.setText(text)
                label.setAccessibleName(f"{tr(name)}, {ACCOUNTINGS[column][0]}: {text}")
        text = _percent(sparsity)
        self.sparsity.setText(text)
        self.sparsity.setAccessibleName(tr("Activation sparsity: {the_text}", the_text=text))

    def label(self, row: str, column: int) -> QLabel:
        """Return the label of a row, for the accounting of that number."""
        return self._values[row, column]

    def text(self, row: str, column: int) -> str:
        """Return what it shows."""
        return self.label(row, column).text()


class CostBox(QDoubleSpinBox):
    """Energy of one operation in picojoules; the wheel changes it only while it has the focus."""

    def __init__(self, name: str, value: float) -> None:
        super().__init__()
        self.setRange(0, 1000)
        self.setDecimals(2)
        self.setSingleStep(0.1)
        self.setSuffix(tr(" pJ"))
        self.setValue(value)
        self.setKeyboardTracking(False)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(tr("{name} in picojoules", name=name))
        self.setToolTip(tr("{name} in picojoules", name=name))

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(84), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt override
        return self.sizeHint()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802  Qt override
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


def _newest(count: Count) -> Count:
    """Count of the last step of ``[layers, steps]``; one without steps stays as it is."""
    return count if count.mac.ndim == 1 else Count(count.mac[:, -1], count.ac[:, -1])


def _percent(value: float) -> str:
    return f"{figure(100 * value)} %" if np.isfinite(value) else UNKNOWN


def _name(text: str) -> Caption:
    """Name of a control, as high as it."""
    caption = Caption(is_whole=True)
    caption.set_text(text)
    return caption


def _text(text: str, role: str = "muted") -> QLabel:
    label = QLabel(text)
    theme.set_role(label, role)
    return label


def _value(is_figure: bool) -> QLabel:
    """Label of a figure that changes at every step, without asking for a layout."""
    label = QLabel(UNKNOWN)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    if is_figure:
        theme.set_role(label, "figure")
    return label
