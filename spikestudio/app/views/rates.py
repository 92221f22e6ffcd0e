"""Rates dock: firing rate of every spiking layer at every denoising step."""

from __future__ import annotations

from math import ceil
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt, Signal, Slot
from PySide6.QtWidgets import QWidget

from spikestudio.app import theme
from spikestudio.app.plots.axes import RowLabel
from spikestudio.app.plots.change_marks import ChangeMarks
from spikestudio.app.plots.palettes import RATE_RANGE, scalar_indices, scalar_lut
from spikestudio.app.plots.raster_item import RasterItem
from spikestudio.app.plots.row_mark import RowMark
from spikestudio.app.plots.scale_bar import ScaleBar
from spikestudio.app.plots.text import figure
from spikestudio.app.plots.time_plot import TimePlot
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.views.base import View
from spikestudio.app.views.parts import (
    Caption,
    Combo,
    EmptyStack,
    fill,
    stacked,
    step_text,
    steps_done,
    tool_row,
)
from spikestudio.language import tr
from spikestudio.recording.values import Activity

HALF, WHOLE, FITTED = tr("0 to 0.5"), tr("0 to 1"), tr("fitted")
SCALES = (HALF, WHOLE, FITTED)


class RatesView(View):
    """Heat map of layers by denoising steps on one scale for all of them."""

    view_id: ClassVar[str] = "rates"
    title: ClassVar[str] = tr("Rates")
    help_text: ClassVar[str] = tr(
        "Share of its neurons that a layer lets fire in one SNN step, for every denoising step.\n"
        "All layers share one scale: locked at 0 to 0.5 and more, or at 0 to 1, or fitted to the\n"
        "highest rate so far. Blank cells are not reached yet.\n"
        "Dashed lines: the threshold or the temperature was changed there.\n"
        "Click a cell: look at that layer and that step in every dock. A name: at the layer.\n"
        "Point at a cell: its layer, step and rate, and how many neurons never fired in it (silent)\n"
        "or at every SNN step (saturated), over all images.\n"
        "Keys: arrows go from cell to cell, Enter is a click."
    )

    sampleRequested = Signal()  # noqa: N815
    seekRequested = Signal(int, int)  # noqa: N815  denoising step and SNN step to look at

    def __init__(self, run: RunModel, parent: QWidget | None = None) -> None:
        super().__init__(run, parent)
        self.plot = TimePlot()
        self.plot.setAccessibleName(tr("Firing rate by layer and denoising step"))
        self.plot.view_box.setMouseEnabled(x=False, y=False)
        self.plot.step_lines.hide()  # every cell is a step
        self.plot.tip_at = self._describe
        self.item = RasterItem()
        self.marks = ChangeMarks()
        self.row_mark = RowMark()
        for item in (self.item, self.marks, self.row_mark):
            self.plot.add(item)
        self.range = Combo(
            tr("Scale of the rates"),
            tr("Lock the scale, or fit it to the highest rate so far"),
            SCALES,
        )
        self.scale = ScaleBar()
        self.caption = Caption()
        self._rates: NDArray[np.float32] = np.empty((0, 0), np.float32)
        self._merged = 1  # denoising steps per cell
        self._hovered: QPointF | None = None
        self._step: int | None = None
        self._activity: tuple[object, int, Activity | None] = (None, 0, None)
        self.stack = EmptyStack(
            stacked(self.plot, self.caption, tool_row(self.range, self.scale), stretch=self.plot),
            tr("Firing rates of every layer, step by step, appear here."),
        )
        fill(self, self.stack)
        self.stack.sampleRequested.connect(self.sampleRequested)
        self.plot.hovered.connect(self._on_hovered)
        self.plot.clicked.connect(self._on_clicked)
        self.range.activated.connect(self._redraw)
        self.plot.windowChanged.connect(self._redraw, Qt.ConnectionType.QueuedConnection)
        for signal in (
            run.started,
            run.stepFinished,
            run.selectionChanged,
            run.parametersChanged,
        ):
            signal.connect(self.mark_dirty)
        theme.manager.changed.connect(self._redraw)

    def refresh(self) -> None:
        """Draw the rates of the steps reached so far."""
        recorder = self.run.recorder
        if recorder is None:
            return
        self.stack.show_content()
        self._rates = recorder.rates()
        layers, steps = self._rates.shape
        self._merged = max(1, -(-steps // max(1, int(self.plot.view_box.width()))))
        cells = merge_columns(self._rates, self._merged)
        unit = tr(", mean of {merged} per cell", merged=self._merged) if self._merged > 1 else ""
        self.plot.set_time(steps, 1 / self._merged, tr("denoising step{unit}", unit=unit))
        self.plot.show_steps(steps)
        self.plot.mark(None if self._step is None else (self._step + 0.5) / self._merged)
        self.plot.set_rows(layers)
        low, high = scale_range(self.range.currentText(), self._rates)
        self.item.set_picture(scalar_indices(cells, low, high), scalar_lut())
        self.marks.set_columns(
            tuple(change.step / self._merged for change in self.run.changes if change.step > 0)
        )
        is_clipped = self.range.currentText() == HALF
        title = tr("rate, fitted") if self.range.currentText() == FITTED else tr("rate")
        top = f"{'≥ ' if is_clipped else ''}{high:g}"
        marks = ((0.0, f"{low:g}"), (0.5, f"{(low + high) / 2:g}"), (1.0, top))
        self.scale.set_scale(title, scalar_lut(), marks)
        self._label_rows()
        self._show_caption()

    def look_at(self, step: int | None) -> None:
        """Mark the step that is looked at."""
        self._step = step
        self.mark_dirty()

    def _label_rows(self) -> None:
        tokens, selected = theme.tokens(), self.run.selection.layer
        labels = [
            RowLabel(row + 0.5, layer.id, tokens.text, marker=tokens.accent)
            if layer.id == selected
            else RowLabel(row + 0.5, layer.id, tokens.muted)
            for row, layer in enumerate(self.run.layers)
        ]
        labels.sort(key=lambda label: not label.marker)  # the selected one is never left out
        self.plot.row_axis.set_labels("", tuple(labels))
        ids = [layer.id for layer in self.run.layers]
        self.row_mark.set_row(ids.index(selected) if selected in ids else None)

    def _cell(self, where: QPointF) -> tuple[int, int] | None:
        row, step = int(where.y() // 1), int(where.x() * self._merged // 1)
        layers, steps = self._rates.shape
        return (row, step) if 0 <= row < layers and step < steps else None

    def _describe(self, where: QPointF) -> str:
        cell = self._cell(where)
        if cell is None:
            return ""
        row, step = cell
        name = self.run.layers[row].id
        if step < 0:  # over the names
            return name
        rate = self._rates[row, step]
        if np.isnan(rate):
            return tr("{name}, step {step:,}: not reached yet", name=name, step=step + 1)
        return tr(
            "{name}, step {step:,}: rate {rate}{shares}",
            name=name,
            step=step + 1,
            rate=figure(float(rate)),
            shares=self._shares(row, step),
        )

    def _shares(self, row: int, step: int) -> str:
        """Say how many neurons of a layer never fired in a step, and how many always did."""
        recorder, done = self.run.recorder, steps_done(self.run)
        if recorder is None:
            return ""
        if self._activity[0] is not recorder or self._activity[1] != done:
            self._activity = recorder, done, recorder.activity()
        activity = self._activity[2]
        if activity is None or not activity.neurons[row, step]:
            return ""
        silent, saturated = (
            100 * float(part[row, step]) / float(activity.neurons[row, step])
            for part in (activity.silent, activity.saturated)
        )
        return tr(
            "; {silent} % silent, {saturated} % saturated",
            silent=figure(silent),
            saturated=figure(saturated),
        )

    @Slot(object)
    def _on_hovered(self, where: QPointF | None) -> None:
        self._hovered = where
        self._show_caption()

    @Slot(QPointF, bool)
    def _on_clicked(self, where: QPointF, _is_extending: bool) -> None:
        if cell := self._cell(where):
            row, step = cell
            self.run.select(layer=self.run.layers[row].id)
            if step >= 0 and not np.isnan(self._rates[row, step]):
                recorder = self.run.recorder
                last = recorder.snn_steps - 1 if recorder is not None else 0
                self.seekRequested.emit(step, last)
            self.draw_if_needed()

    @Slot()
    def _redraw(self) -> None:
        self.mark_dirty()
        self.draw_if_needed()

    def _show_caption(self) -> None:
        text = self._describe(self._hovered) if self._hovered is not None else ""
        if not text:
            is_done = self._step is not None and self._step < steps_done(self.run)
            text = step_text(self.run, self._step if is_done else None)
            if self.run.changes:
                change = self.run.changes[-1]
                text += tr(
                    "   threshold {threshold:g} from step {change_step:,}",
                    threshold=change.threshold,
                    change_step=change.step + 1,
                )
        self.caption.set_text(text)
        self.plot.setAccessibleDescription(text)


def scale_range(scale: str, rates: NDArray[np.float32]) -> tuple[float, float]:
    """Return the rates at both ends of a scale; a fitted one ends above the highest known rate."""
    if scale == WHOLE:
        return 0.0, 1.0
    if scale == HALF or not np.isfinite(rates).any():
        return RATE_RANGE
    highest = float(np.nanmax(rates))
    unit = 20 if highest > 0.05 else 100  # so that it seldom moves while a run goes on
    return 0.0, max(1, ceil(round(highest * unit, 6))) / unit


def merge_columns(rates: NDArray[np.float32], per_cell: int) -> NDArray[np.float32]:
    """Return the mean of every ``per_cell`` columns, NaN where none of them is known."""
    if per_cell == 1:
        return rates
    layers, steps = rates.shape
    padded = np.full((layers, -(-steps // per_cell) * per_cell), np.nan, np.float32)
    padded[:, :steps] = rates
    groups = padded.reshape(layers, -1, per_cell)
    known = np.isfinite(groups).sum(axis=2)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nansum(groups, axis=2) / known, np.float32)
