"""Raster dock: spikes, or potentials before reset, as neurons by SNN steps."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PySide6.QtCore import QPointF, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from spikestudio.app import theme
from spikestudio.app.plots.axes import HatchedSpans, spans_of
from spikestudio.app.plots.palettes import Lut, potential_lut, raster_lut
from spikestudio.app.plots.raster_data import Mode, RasterData, RasterStack
from spikestudio.app.plots.raster_item import RasterItem
from spikestudio.app.plots.raster_plot import RasterPlot
from spikestudio.app.plots.row_choice import RowChoice
from spikestudio.app.plots.row_orders import SIMILAR, Order
from spikestudio.app.plots.traces_item import MAX_LANES
from spikestudio.app.viewmodels.run import Known, RunModel
from spikestudio.app.views.base import View
from spikestudio.app.views.parts import (
    FRAME_SECONDS,
    Caption,
    EmptyStack,
    PotentialsNotice,
    fill,
    image_text,
    line,
    recomputed_text,
    stacked,
    step_text,
    steps_done,
)
from spikestudio.app.views.raster_band import RasterBand
from spikestudio.app.views.raster_controls import RasterControls
from spikestudio.app.views.raster_sorter import RowSorter
from spikestudio.app.views.raster_words import describe, hatched_boxes, row_labels
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.app.jobs import Jobs
    from spikestudio.recording.filters import Filter
    from spikestudio.recording.values import Readable
    from spikestudio.types import LayerInfo

MAX_ROWS = 256


@dataclass(frozen=True, slots=True)
class ShownRows:
    """What the raster shows: layers with their neurons from top to bottom, on a page of some.

    ``total`` counts the neurons of all layers that the rows were chosen from.
    """

    groups: tuple[tuple[LayerInfo, Order], ...]
    total: int
    mode: Mode
    rule: str
    page: int
    pages: int

    @property
    def layer(self) -> LayerInfo:
        """The first layer."""
        return self.groups[0][0]

    @property
    def neurons(self) -> Order:
        """The neurons of all layers, from top to bottom."""
        return np.concatenate([neurons for _, neurons in self.groups])


class RasterView(View):
    """Rows are neurons, chosen by a rule that the count label states; columns are SNN steps.

    ``jobs`` does what takes long; without it the rule for similar spikes is not offered.
    """

    view_id: ClassVar[str] = "raster"
    title: ClassVar[str] = tr("Raster")
    help_text: ClassVar[str] = tr(
        "Each row is a neuron, each column an SNN step; a mark is a spike.\n"
        "Potential: the same neurons before reset; the spike colour means threshold reached.\n"
        "As many neurons as there are pixel rows, chosen by the rule, of this layer or of all.\n"
        "The order stays as it was made; Re-sort applies rule and filter again.\n"
        "Funnel: show only neurons for which a condition holds, such as rate > 0.3.\n"
        "Click: watch that neuron, go to its moment. Ctrl+click: add or remove, up to {max_lanes}.\n"
        "Shift+drag, or drag over the names: mean rate of these neurons below. Escape: remove.\n"
        "Hatched: not recorded. Wheel: zoom time. Drag: look back. Double click: follow again.\n"
        "Point at a row: which neuron it is, its spikes so far and its rate.\n"
        "Keys: arrows go from row to row, Enter watches, Space adds, Shift+arrows mark rows.",
        max_lanes=MAX_LANES,
    )

    sampleRequested = Signal()  # noqa: N815
    seekRequested = Signal(int, int)  # noqa: N815  denoising step and SNN step, both from 0

    def __init__(
        self, run: RunModel, jobs: Jobs | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(run, parent)
        self.controls = RasterControls(has_similar=jobs is not None)
        self.notice = PotentialsNotice(run)
        self.plot = RasterPlot()
        self.plot.setAccessibleName(tr("Raster: neurons by SNN time steps"))
        self.plot.tip_at = self._describe
        self.item, self.hatch = RasterItem(), HatchedSpans()
        self.plot.add(self.item)
        self.plot.add(self.hatch)
        self.caption = Caption()
        self.choice = RowChoice()
        self._sorter = RowSorter(run, self.choice, jobs, self.mark_dirty)
        self.band = RasterBand(self.plot)
        self._rows: RasterStack | None = None
        self._data: RasterData | None = None  # of the selected layer
        self._lut: Lut = raster_lut()
        self._hovered: QPointF | None = None
        controls = self.controls
        self.layers, self.mode, self.rule = controls.layers, controls.mode, controls.rule
        self.back, self.forth = controls.back, controls.forth
        self.resort, self.live = controls.resort, controls.live
        self.count_label, self.scale = controls.count_label, controls.scale
        self.stack = EmptyStack(
            stacked(
                *controls.rows(),
                self.notice,
                self.plot,
                line(self.caption, self.resort, self.live, self.back, self.forth),
                stretch=self.plot,
            ),
            tr("Spikes of every neuron of a layer appear here as they happen."),
        )
        fill(self, self.stack)
        self._connect()

    def _connect(self) -> None:
        self.stack.sampleRequested.connect(self.sampleRequested)
        controls, plot, run = self.controls, self.plot, self.run
        controls.layers.layerChosen.connect(self._on_layer_chosen)
        controls.scope.currentIndexChanged.connect(self._on_scope_changed)
        controls.mode.chosen.connect(self._restyle)
        controls.rule.textActivated.connect(self._on_rule_chosen)
        controls.filter.filterChanged.connect(self._on_filter_changed)
        controls.back.clicked.connect(self._on_back)
        controls.forth.clicked.connect(self._on_forth)
        controls.resort.clicked.connect(self._on_resort)
        controls.live.clicked.connect(plot.follow)
        plot.hovered.connect(self._on_hovered)
        plot.clicked.connect(self._on_clicked)
        plot.bandMarked.connect(self._on_band_marked)
        plot.bandRemoved.connect(self._on_band_removed)
        plot.windowChanged.connect(self._redraw, Qt.ConnectionType.QueuedConnection)
        plot.followingChanged.connect(self._redraw)
        run.started.connect(self._on_started)
        for signal in (run.stepFinished, run.selectionChanged, run.stateChanged):
            signal.connect(self.mark_dirty)
        run.recomputedChanged.connect(self._on_recomputed)
        run.hoverChanged.connect(self._light_up)
        theme.manager.changed.connect(self._restyle)

    def refresh(self) -> None:
        """Read what the recorder has got since the last frame, and draw the rows."""
        run, recorder = self.run, self.run.recorder
        layer = run.layer(run.selection.layer)
        if recorder is None or layer is None:
            return
        self.stack.show_content()
        rows = self._rows_of(recorder, layer)
        done, deadline = steps_done(run), time.perf_counter() + FRAME_SECONDS
        is_complete = True
        if not self.choice.is_made:
            is_complete = rows.count(done, deadline) and self._sorter.order(rows, deadline)
        if self.choice.is_made:
            rows.choose(self.controls.current_mode, self._chosen())
        if rows.size:
            is_complete &= rows.fill(done, deadline)
        is_complete = rows.count(done, deadline) and is_complete
        is_complete &= self.band.fill(done, deadline)
        if not is_complete:
            self.mark_dirty()
        self._draw_plot(recorder, rows, done)
        self._draw_words(recorder, rows, done)

    def shown(self) -> ShownRows | None:
        """Return what the dock shows, or would show if it were not hidden; None before a run."""
        recorder, layer = self.run.recorder, self.run.layer(self.run.selection.layer)
        if recorder is None or layer is None:
            return None
        rows, choice = self._rows_of(recorder, layer), self.choice
        rows.count(steps_done(self.run), math.inf)
        if not choice.is_made and rows.counted and choice.rule != SIMILAR:
            choice.make(rows.fired, rows.counted, math.inf)
        chosen = rows.rows if rows.size else self._chosen()
        groups = [each for each in zip(rows.layers, chosen, strict=False) if each[1].size]
        return ShownRows(
            tuple(groups) or ((layer, np.empty(0, np.intp)),),
            rows.total,
            self.controls.current_mode,
            choice.rule_text(),
            choice.page + 1,
            choice.pages,
        )

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        self.count_label.updateGeometry()

    # the rows -------------------------------------------------------------------------------

    def _rows_of(self, recorder: Readable, layer: LayerInfo) -> RasterStack:
        layers: tuple[LayerInfo, ...] = (layer,)
        if self.controls.is_all:
            recorded = set(recorder.recorded)
            layers = tuple(each for each in self.run.layers if each.id in recorded) or layers
        if self._rows is None or self._rows.layers != layers:
            self._rows = RasterStack(Known(recorder, self.run.recomputed), layers)
            self._forget_order()
        self._data = self._rows.of(layer.id)
        return self._rows

    def _chosen(self) -> list[Order]:
        size = min(MAX_ROWS, self.plot.row_pixels())
        return self.band.rows(size) or self.choice.rows(size)

    def _forget_order(self) -> None:
        self._sorter.forget()
        self.band.remove()

    # drawing --------------------------------------------------------------------------------

    def _draw_plot(self, recorder: Readable, rows: RasterStack, done: int) -> None:
        snn_steps, plot, selection = recorder.snn_steps, self.plot, self.run.selection
        plot.set_time(
            recorder.num_steps,
            snn_steps,
            tr("denoising step, {snn_steps} SNN time steps each", snn_steps=snn_steps),
        )
        plot.show_steps(done)
        plot.set_rows(rows.size)
        first, last = plot.columns_shown()
        picture = rows.window(first, last, selection.layer, selection.neurons)
        self.item.set_picture(picture, self._lut, first)
        is_one = len(rows.parts) == 1
        self.hatch.set_spans(spans_of(rows.parts[0].missing, snn_steps) if is_one else ())
        borders = tuple(start for start in sorted(set(rows.starts)) if 0 < start < rows.size)
        plot.groups.set_groups(borders, () if is_one else hatched_boxes(rows))
        self.band.draw(snn_steps)
        self._light_up()

    @Slot()
    def _light_up(self) -> None:
        """Mark the neuron that is pointed at; reads nothing and leaves the picture as it is."""
        rows, run = self._rows, self.run
        if rows is None:
            return
        is_one = len(rows.parts) == 1
        labels = row_labels(rows, run.selection, run.hovered)
        self.plot.row_axis.set_labels(tr("neurons") if is_one else "", labels)
        neuron = run.hovered
        row = None if neuron is None else rows.row_of(run.selection.layer, neuron)
        self.plot.highlight.set_row(row)

    def _draw_words(self, recorder: Readable, rows: RasterStack, done: int) -> None:
        self.layers.set_layers(self.run.layers)
        self.layers.set_current(self.run.selection.layer)
        if done:
            step = self._step_looked_at()
            self.layers.set_rates(recorder.rates()[:, done - 1 if step is None else step])
        self.controls.draw(rows, self.choice, self._lut, is_following=self.plot.is_following)
        part = rows.parts[0]
        is_missing = bool(part.missing) and part.missing[-1] == part.filled - 1
        self.notice.show_if(is_missing and part.mode == "potential")
        self._show_caption()

    def _step_looked_at(self) -> int | None:
        """Return the denoising step under the line of the moment; None: the newest one."""
        if self._rows is None or not self.plot.moment.isVisible():
            return None
        step = int(self.plot.moment.value()) // self._rows.source.snn_steps
        return step if step < steps_done(self.run) else None

    def _describe(self, where: QPointF) -> str:
        if self._rows is None:
            return ""
        return describe(self._rows, where) or self.band.describe(where)

    def _show_caption(self) -> None:
        text = self._describe(self._hovered) if self._hovered is not None else ""
        if not text:
            step = step_text(self.run, self._step_looked_at())
            text = f"{step}   {image_text(self.run)}{recomputed_text(self.run)}"
        self.caption.set_text(text)
        words = [self.count_label.text, self.band.text, text]
        self.plot.setAccessibleDescription("; ".join(word for word in words if word))

    # what the user and the run do -----------------------------------------------------------

    @Slot()
    def _on_started(self) -> None:
        self._rows = self._data = None
        self.band.remove()
        self.plot.follow()
        self.mark_dirty()

    @Slot()
    def _on_recomputed(self) -> None:
        recorder, rows = self.run.recorder, self._rows
        if rows is not None and recorder is not None:  # the order of the rows stays
            source = Known(recorder, self.run.recomputed)
            self._rows = RasterStack(source, rows.layers)
            self.band.read_again(source)
        self._redraw()

    @Slot(str)
    def _on_layer_chosen(self, layer_id: str) -> None:
        self.run.select(layer=layer_id)
        self._redraw()

    @Slot()
    def _on_scope_changed(self) -> None:
        self.controls.limit_modes()
        self._restyle()

    @Slot(str)
    def _on_rule_chosen(self, text: str) -> None:
        self.choice.rule = self.rule.itemData(self.rule.findText(text))
        self._on_resort()

    @Slot(object)
    def _on_filter_changed(self, chosen: Filter | None) -> None:
        self.choice.filter = chosen
        self._on_resort()

    @Slot()
    def _on_resort(self) -> None:
        self._forget_order()
        self._redraw()

    @Slot()
    def _on_back(self) -> None:
        self._turn(-1)

    @Slot()
    def _on_forth(self) -> None:
        self._turn(1)

    def _turn(self, pages: int) -> None:
        self.choice.page += pages
        self.band.remove()
        self._redraw()

    @Slot(int, int)
    def _on_band_marked(self, first: int, end: int) -> None:
        if self._rows is not None:
            self.band.mark(self._rows, first, end)
            self._redraw()

    @Slot()
    def _on_band_removed(self) -> None:
        self.band.remove()
        self._redraw()

    @Slot(object)
    def _on_hovered(self, where: QPointF | None) -> None:
        self._hovered = where
        found = self._rows.at(int(where.y() // 1)) if where is not None and self._rows else None
        is_selected = found is not None and found[0].layer.id == self.run.selection.layer
        self.run.hover(found[1] if found is not None and is_selected else None)
        self._show_caption()

    @Slot(QPointF, bool)
    def _on_clicked(self, where: QPointF, is_extending: bool) -> None:
        found = self._rows.at(int(where.y() // 1)) if self._rows is not None else None
        if found is None:
            return
        layer, neuron = found[0].layer.id, found[1]
        if layer == self.run.selection.layer:
            self.run.watch(neuron, is_extending=is_extending, most=MAX_LANES)
        else:
            self.run.select(layer=layer, neurons=(neuron,))
        if not is_extending:
            self._announce_moment(where.x())
        self._redraw()

    def _announce_moment(self, column: float) -> None:
        """Ask to look at a moment, unless the newest one is being followed."""
        is_followed = self.run.state.is_active and not self.plot.moment.isVisible()
        is_on_names = column < self.plot.view_box.viewRange()[0][0]
        if self._rows is None or is_followed or is_on_names:
            return
        step, snn_step = divmod(int(column), self._rows.source.snn_steps)
        if step < steps_done(self.run):
            self.seekRequested.emit(step, snn_step)

    @Slot()
    def _redraw(self) -> None:
        self.mark_dirty()
        self.draw_if_needed()

    @Slot()
    def _restyle(self) -> None:
        is_spikes = self.controls.current_mode == "spikes"
        self._lut = raster_lut() if is_spikes else potential_lut()
        self._redraw()
