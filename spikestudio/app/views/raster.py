"""Raster dock: spikes, or potentials before reset, of one layer as neurons by SNN steps."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt, Signal, Slot
from PySide6.QtWidgets import QWidget

from spikestudio.app import theme
from spikestudio.app.plots.axes import HatchedSpans, RowLabel, spans_of
from spikestudio.app.plots.palettes import Lut, potential_lut, raster_lut
from spikestudio.app.plots.raster_data import RULES, Mode, RasterData, RowChoice
from spikestudio.app.plots.raster_item import RasterItem
from spikestudio.app.plots.scale_bar import ScaleBar
from spikestudio.app.plots.text import figure, place
from spikestudio.app.plots.time_plot import TimePlot
from spikestudio.app.plots.traces_item import MAX_LANES
from spikestudio.app.viewmodels.run import Known, RunModel
from spikestudio.app.views.base import View
from spikestudio.app.views.layer_chooser import LayerChooser
from spikestudio.app.views.parts import (
    FRAME_SECONDS,
    Caption,
    Combo,
    EmptyStack,
    PotentialsNotice,
    Segmented,
    chip,
    fill,
    image_text,
    line,
    recomputed_text,
    stacked,
    step_text,
    steps_done,
    tool_row,
)
from spikestudio.app.widgets.icons import IconButton

if TYPE_CHECKING:
    from spikestudio.recording.recorder import Recorder
    from spikestudio.types import LayerInfo

MAX_ROWS = 256
MODES: tuple[Mode, ...] = ("spikes", "potential")


@dataclass(frozen=True, slots=True)
class ShownRows:
    """What the raster shows of a layer: ``neurons`` from top to bottom, on a page of some."""

    layer: LayerInfo
    neurons: NDArray[np.intp]
    mode: Mode
    rule: str
    page: int
    pages: int


class RasterView(View):
    """Rows are neurons, chosen by a rule that the count label states; columns are SNN steps."""

    view_id: ClassVar[str] = "raster"
    title: ClassVar[str] = "Raster"
    help_text: ClassVar[str] = (
        "Each row is a neuron, each column an SNN step; a mark is a spike.\n"
        "Potential: the same neurons before reset; the spike colour means threshold reached.\n"
        "Large layers show as many neurons as there are pixel rows, chosen by the rule.\n"
        "The order stays as it was when the rows were chosen; Re-sort applies the rule again.\n"
        "Click a row: watch that neuron. Ctrl+click: add it or take it away, up to eight.\n"
        "Hatched: not recorded. Wheel: zoom time. Drag: look back. Double click: follow again.\n"
        "Point at a row: which neuron it is, its spikes so far and its rate.\n"
        "Keys: arrows go from row to row, Enter watches, Space adds or takes away."
    )

    sampleRequested = Signal()  # noqa: N815

    def __init__(self, run: RunModel, parent: QWidget | None = None) -> None:
        super().__init__(run, parent)
        self.layers = LayerChooser()
        self.mode = Segmented(
            "Show",
            (
                ("Spikes", "Show which neurons fired in each SNN step"),
                ("Potential", "Show the potential before reset in each SNN step"),
            ),
        )
        self.rule = Combo("Rule", "Which neurons are shown, and in which order", tuple(RULES))
        self.back = IconButton("mdi6.chevron-up", "Neurons before these")
        self.forth = IconButton("mdi6.chevron-down", "Neurons after these")
        self.resort = chip("Re-sort", "Sort the rows anew")
        self.live = chip("Follow run", "Show the newest steps again (double click)")
        self.count_label = Caption(is_whole=True)
        self.scale = ScaleBar()
        self.notice = PotentialsNotice(run)
        self.plot = TimePlot()
        self.plot.setAccessibleName("Raster: neurons by SNN time steps")
        self.plot.tip_at = self._describe
        self.item = RasterItem()
        self.hatch = HatchedSpans()
        self.plot.add(self.item)
        self.plot.add(self.hatch)
        self.caption = Caption()
        self._data: RasterData | None = None
        self.choice = RowChoice()
        self._lut: Lut = raster_lut()
        self._hovered: QPointF | None = None
        self.stack = EmptyStack(
            stacked(
                tool_row(self.layers, self.mode, self.resort, self.live, self.scale),
                tool_row(self.count_label, self.rule),
                self.notice,
                self.plot,
                line(self.caption, self.back, self.forth),
                stretch=self.plot,
            ),
            "Spikes of every neuron of a layer appear here as they happen.",
        )
        fill(self, self.stack)
        self._connect()

    def _connect(self) -> None:
        self.stack.sampleRequested.connect(self.sampleRequested)
        self.layers.layerChosen.connect(self._on_layer_chosen)
        self.mode.chosen.connect(self._on_mode_chosen)
        self.rule.textActivated.connect(self._on_rule_chosen)
        self.back.clicked.connect(self._on_back)
        self.forth.clicked.connect(self._on_forth)
        self.resort.clicked.connect(self._on_resort)
        self.live.clicked.connect(self.plot.follow)
        self.plot.hovered.connect(self._on_hovered)
        self.plot.clicked.connect(self._on_clicked)
        self.plot.windowChanged.connect(self._redraw, Qt.ConnectionType.QueuedConnection)
        self.plot.followingChanged.connect(self._redraw)
        run = self.run
        run.started.connect(self._on_started)
        for signal in (run.stepFinished, run.selectionChanged, run.stateChanged):
            signal.connect(self.mark_dirty)
        run.recomputedChanged.connect(self._on_recomputed)
        theme.manager.changed.connect(self._restyle)

    @Slot()
    def _on_recomputed(self) -> None:
        recorder = self.run.recorder
        if self._data is not None and recorder is not None:  # the order of the rows stays
            self._data = RasterData(Known(recorder, self.run.recomputed), self._data.layer)
        self._redraw()

    def refresh(self) -> None:
        """Read what the recorder has got since the last frame, and draw the rows."""
        run, recorder = self.run, self.run.recorder
        layer = run.layer(run.selection.layer)
        if recorder is None or layer is None:
            return
        self.stack.show_content()
        data = self._data_of(recorder, layer)
        done, deadline = steps_done(run), time.perf_counter() + FRAME_SECONDS
        is_complete = data.count(done, deadline)
        if is_complete and data.counted and self.choice.order is None:
            self.choice.make(data.counts, data.counted)
        if self.choice.order is not None:
            data.choose(MODES[self.mode.current], self.choice.rows(self._page_size()))
            is_complete &= data.fill(done, deadline)
        if not is_complete:
            self.mark_dirty()
        self._draw_plot(recorder, data, done)
        self._draw_controls(recorder, data)

    def shown(self) -> ShownRows | None:
        """Return what the dock shows, or would show if it were not hidden; None before a run."""
        recorder, layer = self.run.recorder, self.run.layer(self.run.selection.layer)
        if recorder is None or layer is None:
            return None
        data, choice = self._data_of(recorder, layer), self.choice
        data.count(steps_done(self.run), math.inf)
        if choice.order is None and data.counted:
            choice.make(data.counts, data.counted)
        neurons = data.rows if data.rows.size else choice.rows(self._page_size())
        return ShownRows(
            layer,
            neurons,
            MODES[self.mode.current],
            choice.rule_text(),
            choice.page + 1,
            choice.pages,
        )

    def _page_size(self) -> int:
        return min(MAX_ROWS, self.plot.row_pixels())

    def _data_of(self, recorder: Recorder, layer: LayerInfo) -> RasterData:
        if self._data is None or self._data.layer != layer:
            self._data = RasterData(Known(recorder, self.run.recomputed), layer)
            self.choice.reset()
        return self._data

    def _draw_plot(self, recorder: Recorder, data: RasterData, done: int) -> None:
        snn_steps = recorder.snn_steps
        self.plot.set_time(
            recorder.num_steps, snn_steps, f"denoising step, {snn_steps} SNN time steps each"
        )
        self.plot.show_steps(done)
        self.plot.set_rows(data.rows.size)
        first, last = self.plot.columns_shown()
        self.item.set_picture(
            data.window(first, last, self.run.selection.neurons), self._lut, first
        )
        self.hatch.set_spans(spans_of(data.missing, snn_steps))
        watch = theme.tokens().watch
        self.plot.row_axis.set_labels(
            "neurons",
            tuple(
                RowLabel(row + 0.5, f"{neuron:,}", color, marker=color)
                for neuron, color in zip(self.run.selection.neurons, watch, strict=False)
                for row in np.flatnonzero(data.rows == neuron).tolist()
            ),
        )

    def _draw_controls(self, recorder: Recorder, data: RasterData) -> None:
        self.layers.set_layers(self.run.layers)
        self.layers.set_current(data.layer.id)
        if done := steps_done(self.run):
            self.layers.set_rates(recorder.rates()[:, done - 1])
        self.scale.setVisible(data.mode == "potential")
        if data.mode == "potential":
            self.scale.set_scale(
                "potential ÷ threshold",
                self._lut,
                ((0, "≤ −1"), (1 / 3, "0"), (2 / 3, "threshold"), (1, "≥ 2")),
            )
        choice = self.choice
        self.count_label.set_text(choice.text(data.rows.size, data.layer.num_neurons))
        self.back.setVisible(choice.pages > 1)
        self.forth.setVisible(choice.pages > 1)
        self.back.setEnabled(choice.page > 0)
        self.forth.setEnabled(choice.page < choice.pages - 1)
        self.resort.setToolTip(f"Sorted by the rates up to step {choice.made_at:,}; sort anew")
        self.resort.setVisible(choice.is_stale(data.counts, data.counted))
        self.live.setVisible(not self.plot.is_following)
        is_missing = bool(data.missing) and data.missing[-1] == data.filled - 1
        self.notice.show_if(is_missing and data.mode == "potential")
        self._show_caption()

    def _describe(self, where: QPointF) -> str:
        data, row = self._data, int(where.y() // 1)
        if data is None or not 0 <= row < data.rows.size:
            return ""
        neuron = int(data.rows[row])
        spikes = int(data.counts[neuron])
        snn_steps = self.run.recorder.snn_steps if self.run.recorder else 1
        rate = figure(spikes / max(1, data.known * snn_steps))
        text = f"Neuron {neuron:,}: {place(data.layer, neuron)}; {spikes:,} spikes, rate {rate}"
        step, column = divmod(int(where.x() // 1), snn_steps)
        if 0 <= step < data.counted:
            text += f"; step {step + 1:,}, SNN step {column + 1}"
        return text

    def _show_caption(self) -> None:
        text = self._describe(self._hovered) if self._hovered is not None else ""
        if not text:
            text = f"{step_text(self.run)}   {image_text(self.run)}{recomputed_text(self.run)}"
        self.caption.set_text(text)
        self.plot.setAccessibleDescription(f"{self.count_label.text}; {text}")

    @Slot()
    def _on_started(self) -> None:
        self._data = None
        self.plot.follow()
        self.mark_dirty()

    @Slot(str)
    def _on_layer_chosen(self, layer_id: str) -> None:
        self.run.select(layer=layer_id)
        self._redraw()

    @Slot(int)
    def _on_mode_chosen(self, _index: int) -> None:
        self._restyle()

    @Slot(str)
    def _on_rule_chosen(self, rule: str) -> None:
        self.choice.rule = rule
        self._on_resort()

    @Slot()
    def _on_resort(self) -> None:
        self.choice.reset()
        self._redraw()

    @Slot()
    def _on_back(self) -> None:
        self.choice.page -= 1
        self._redraw()

    @Slot()
    def _on_forth(self) -> None:
        self.choice.page += 1
        self._redraw()

    @Slot(object)
    def _on_hovered(self, where: QPointF | None) -> None:
        self._hovered = where
        self._show_caption()

    @Slot(QPointF, bool)
    def _on_clicked(self, where: QPointF, is_extending: bool) -> None:
        row = int(where.y() // 1)
        if self._data is None or not 0 <= row < self._data.rows.size:
            return
        neuron = int(self._data.rows[row])
        self.run.watch(neuron, is_extending=is_extending, most=MAX_LANES)
        self._redraw()

    @Slot()
    def _redraw(self) -> None:
        self.mark_dirty()
        self.draw_if_needed()

    @Slot()
    def _restyle(self) -> None:
        self._lut = raster_lut() if MODES[self.mode.current] == "spikes" else potential_lut()
        self._redraw()
