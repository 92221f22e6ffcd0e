"""Membrane dock: potentials of the watched neurons, before and after reset."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PySide6.QtCore import QPointF, Qt, Signal, Slot
from PySide6.QtWidgets import QWidget

from spikestudio.app import theme
from spikestudio.app.plots.axes import HatchedSpans, RowLabel, spans_of
from spikestudio.app.plots.raster_data import spread
from spikestudio.app.plots.text import figure, place
from spikestudio.app.plots.time_plot import TimePlot
from spikestudio.app.plots.traces_data import TracesData
from spikestudio.app.plots.traces_item import MAX_LANES, Line, Scale, TracesItem, staircase
from spikestudio.app.viewmodels.run import Known, RunModel
from spikestudio.app.views.base import View
from spikestudio.app.views.parts import (
    FRAME_SECONDS,
    Caption,
    Combo,
    EmptyStack,
    PotentialsNotice,
    chip,
    fill,
    image_text,
    line,
    recomputed_text,
    stacked,
    step_text,
    steps_done,
    threshold_at,
)

if TYPE_CHECKING:
    from spikestudio.recording.recorder import Recorder
    from spikestudio.types import LayerInfo

Ends = tuple[float | None, float | None]  # least and largest potential beyond the scale
TALL_LANE = 64  # pixels; such a lane has room for one more figure at its lower edge
SHORT_WINDOW = 8  # denoising steps
DEFAULT_NEURONS = 3


class MembraneView(View):
    """One lane per watched neuron; the same scale in all lanes."""

    view_id: ClassVar[str] = "membrane"
    title: ClassVar[str] = "Membrane"
    help_text: ClassVar[str] = (
        "One lane per watched neuron: its potential in every SNN step.\n"
        "Each SNN step first shows the potential before reset, then the one after it,\n"
        "so a spike touches the dashed threshold and falls to the dotted reset value.\n"
        "Ticks above a lane: spikes. Lines are broken at each denoising step: the state starts anew.\n"
        "Triangle at an edge: the potential is beyond the scale; the figure beside it says how far.\n"
        "Hatched: potentials of that step were not recorded.\n"
        "Ctrl+click a lane, or Space where the arrow keys lead: stop watching that neuron.\n"
        "Wheel: zoom time. Drag: look back. Double click: follow the run again."
    )

    sampleRequested = Signal()  # noqa: N815

    def __init__(self, run: RunModel, parent: QWidget | None = None) -> None:
        super().__init__(run, parent)
        self.window_choice = Combo(
            "Time shown",
            "How much of the run is shown while it is followed",
            (f"Last {SHORT_WINDOW} steps", "Whole run"),
        )
        self.live = chip("Follow run", "Show the newest steps again (double click)")
        self.notice = PotentialsNotice(run)
        self.plot = TimePlot()
        self.plot.setAccessibleName("Membrane potentials of the watched neurons")
        self.plot.tip_at = self._describe
        self.traces = TracesItem()
        self.hatch = HatchedSpans()
        self.plot.add(self.hatch)
        self.plot.add(self.traces)
        self.layer_label = Caption()
        self.caption = Caption()
        self._data: TracesData | None = None
        self._scale = Scale.start(1.0)
        self._beyond: list[Ends] = []  # of each lane
        self._hovered: QPointF | None = None
        self.stack = EmptyStack(
            stacked(
                line(self.layer_label, self.live, self.window_choice),
                self.notice,
                self.plot,
                self.caption,
                stretch=self.plot,
            ),
            "Membrane potentials of the watched neurons appear here.",
        )
        fill(self, self.stack)
        self.stack.sampleRequested.connect(self.sampleRequested)
        self.window_choice.activated.connect(self._on_window_chosen)
        self.live.clicked.connect(self.plot.follow)
        self.plot.hovered.connect(self._on_hovered)
        self.plot.clicked.connect(self._on_clicked)
        self.plot.windowChanged.connect(self._redraw, Qt.ConnectionType.QueuedConnection)
        self.plot.followingChanged.connect(self._redraw)
        run.started.connect(self._on_started)
        for signal in (run.stepFinished, run.selectionChanged, run.stateChanged):
            signal.connect(self.mark_dirty)
        run.recomputedChanged.connect(self._on_recomputed)
        theme.manager.changed.connect(self._restyle)

    @Slot()
    def _on_recomputed(self) -> None:
        self._data = None  # read anew, with the steps that were computed again
        self._redraw()

    def refresh(self) -> None:
        """Read what the recorder has got since the last frame, and draw the lanes."""
        run, recorder = self.run, self.run.recorder
        layer = run.layer(run.selection.layer)
        if recorder is None or layer is None:
            return
        self.stack.show_content()
        done = steps_done(run)
        if done and not any(neuron < layer.num_neurons for neuron in run.selection.neurons):
            self._watch_some(recorder, layer, done - 1)
        data = self._data_of(recorder, layer)
        if not data.fill(done, time.perf_counter() + FRAME_SECONDS):
            self.mark_dirty()
        self._draw_plot(recorder, data, done)
        self._draw_words(data)

    def _watch_some(self, recorder: Recorder, layer: LayerInfo, step: int) -> None:
        """Watch neurons that fire at some SNN steps and not at all: a saturated one shows little."""
        spikes = recorder.spikes(layer.id, step)
        if spikes is not None:
            counts = spikes.sum(axis=0, dtype=np.uint16)
            order = spread(counts)
            dull = np.where(counts[order] == 0, 2, counts[order] == len(spikes))
            first = order[np.argsort(dull, kind="stable")][:DEFAULT_NEURONS]
            self.run.select(neurons=tuple(int(neuron) for neuron in first))

    def _data_of(self, recorder: Recorder, layer: LayerInfo) -> TracesData:
        watched = self.run.selection.neurons[:MAX_LANES]
        neurons = tuple(neuron for neuron in watched if neuron < layer.num_neurons)
        if self._data is None or (self._data.layer, self._data.neurons) != (layer, neurons):
            self._data = TracesData(Known(recorder, self.run.recomputed), layer, neurons)
            self._scale = Scale.start(threshold_at(self.run, 0))
        return self._data

    def _draw_plot(self, recorder: Recorder, data: TracesData, done: int) -> None:
        snn_steps, lanes = recorder.snn_steps, len(data.neurons)
        self.plot.set_time(
            recorder.num_steps, snn_steps, f"denoising step, {snn_steps} SNN time steps each"
        )
        is_short = self.window_choice.currentIndex() == 0
        self.plot.show_steps(done, SHORT_WINDOW if is_short else None)
        self.plot.set_rows(lanes)
        left, right = self.plot.columns_shown()
        first, last = left // snn_steps, -(-right // snn_steps)  # only what is in sight is drawn
        h, v, spikes = (each[:, first:last] for each in (data.h, data.v, data.spikes))
        unit = threshold_at(self.run, 0)
        thresholds = self._threshold_line(first, last, snn_steps)
        for values in (h, v):
            self._scale = self._scale.containing(values, unit)
        self._scale = self._scale.reaching(thresholds[1])
        self.traces.set_traces(
            [staircase(h[lane], v[lane], data.layer.v_reset, first) for lane in range(lanes)],
            [np.flatnonzero(each) + np.float64(first * snn_steps) for each in spikes],
            thresholds,
            data.layer.v_reset,
            self._scale,
        )
        self.hatch.set_spans(spans_of(data.missing, snn_steps))
        self._beyond = [
            self._scale.beyond(np.concatenate([h[lane], v[lane]])) for lane in range(lanes)
        ]
        self._label_lanes(data, threshold_at(self.run, done))

    def _threshold_line(self, first: int, last: int, snn_steps: int) -> Line:
        """Return x and threshold of a span of steps, with a jump where it was changed."""
        changes = {change.step for change in self.run.changes if first < change.step < last}
        starts = sorted({first, *changes})
        ends = [*starts[1:], last]
        x = [edge * snn_steps for pair in zip(starts, ends, strict=True) for edge in pair]
        return np.array(x, float), np.repeat([threshold_at(self.run, step) for step in starts], 2)

    def _label_lanes(self, data: TracesData, threshold: float) -> None:
        tokens = theme.tokens()
        labels = []
        is_tall = self.plot.row_pixels() >= theme.px(TALL_LANE) * len(data.neurons)
        for lane, (neuron, color) in enumerate(zip(data.neurons, tokens.watch, strict=False)):
            least, most = self._beyond[lane]
            below = "" if least is None else f"↓{_signed(least)}"
            above = "" if most is None else f" ↑{_signed(most)}"
            text = f"{neuron:,}{above}" if is_tall or not below else f"{neuron:,} {below}{above}"
            labels.append(RowLabel(lane + 0.1, f"neuron {text}", color, short=text))
            if is_tall and below:
                labels.append(RowLabel(lane + 0.96, below, color, has_tick=True))
        for lane in range(len(data.neurons)):
            for value, color in ((threshold, tokens.threshold), (data.layer.v_reset, tokens.muted)):
                y = float(self._scale.height(value, lane))
                labels.append(RowLabel(y, f"{value:.3f}", color, has_tick=True))
        title = f"potential (threshold = {threshold:g})"
        self.plot.row_axis.set_labels(title, tuple(labels), short_title="potential")

    def _draw_words(self, data: TracesData) -> None:
        layer = data.layer
        leak = f", tau = {layer.tau:g}" if layer.tau is not None else ", no leak"
        self.layer_label.set_text(
            f"{len(data.neurons)} of {layer.num_neurons:,} {layer.neuron} neurons of layer "
            f"{layer.id}{leak}",
        )
        self.live.setVisible(not self.plot.is_following)
        self.notice.show_if(bool(data.missing) and data.missing[-1] == data.filled - 1)
        self._show_caption()

    def _describe(self, where: QPointF) -> str:
        data, lane = self._data, int(where.y() // 1)
        if data is None or not 0 <= lane < len(data.neurons):
            return ""
        neuron = data.neurons[lane]
        text = f"Neuron {neuron:,}: {place(data.layer, neuron)}"
        step, column = divmod(int(where.x() // 1), data.h.shape[2])
        if not 0 <= step < data.filled:
            return text
        text += f"; step {step + 1:,}, SNN step {column + 1}"
        before, after = data.h[lane, step, column], data.v[lane, step, column]
        if np.isnan(before):
            return f"{text}: not recorded"
        spike = ", spike" if data.spikes[lane, step, column] else ""
        return f"{text}: before reset {figure(before)}, after reset {figure(after)}{spike}"

    def _show_caption(self) -> None:
        text = self._describe(self._hovered) if self._hovered is not None else ""
        where = f"{step_text(self.run)}   {image_text(self.run)}{recomputed_text(self.run)}"
        self.caption.set_text(text or where)
        words = [self.layer_label.text, self.caption.text]
        neurons = self._data.neurons if self._data else ()
        for neuron, ends in zip(neurons, self._beyond, strict=False):
            for value, way in zip(ends, ("down", "up"), strict=True):
                if value is not None:
                    words.append(f"neuron {neuron:,} goes {way} to {_signed(value)}, off the scale")
        self.plot.setAccessibleDescription("; ".join(words))

    @Slot()
    def _on_started(self) -> None:
        self._data = None
        self.plot.follow()
        self.mark_dirty()

    @Slot()
    def _on_window_chosen(self) -> None:
        self.plot.follow()
        self._redraw()

    @Slot(object)
    def _on_hovered(self, where: QPointF | None) -> None:
        self._hovered = where
        self._show_caption()

    @Slot(QPointF, bool)
    def _on_clicked(self, where: QPointF, is_extending: bool) -> None:
        lane = int(where.y() // 1)
        if is_extending and self._data and 0 <= lane < len(self._data.neurons):
            gone = self._data.neurons[lane]
            kept = tuple(other for other in self.run.selection.neurons if other != gone)
            self.run.select(neurons=kept)
            self._redraw()

    @Slot()
    def _redraw(self) -> None:
        self.mark_dirty()
        self.draw_if_needed()

    @Slot()
    def _restyle(self) -> None:
        self.traces.restyle()
        self._redraw()


def _signed(value: float) -> str:
    return figure(value).replace("-", "\N{MINUS SIGN}")
