"""Membrane dock: potentials of the watched neurons, before and after reset."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QPointF, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from spikestudio.app import theme
from spikestudio.app.plots.ghost_data import Ghost, replay
from spikestudio.app.plots.histogram_data import LayerCounts
from spikestudio.app.plots.membrane_plot import MembranePlot
from spikestudio.app.plots.traces_data import TracesData
from spikestudio.app.plots.traces_item import MAX_LANES, Scale
from spikestudio.app.viewmodels.run import Known, RunModel
from spikestudio.app.viewmodels.timeline import Cursor, TimelineModel
from spikestudio.app.views.base import View
from spikestudio.app.views.membrane_tools import MembraneTools
from spikestudio.app.views.membrane_words import (
    beyond_texts,
    describe,
    layer_text,
    worth_watching,
)
from spikestudio.app.views.neuron_card import Moment, NeuronCard, moment_of
from spikestudio.app.views.parts import (
    FRAME_SECONDS,
    Caption,
    EmptyStack,
    PotentialsNotice,
    fill,
    image_text,
    recomputed_text,
    stacked,
    step_text,
    steps_done,
    threshold_at,
)
from spikestudio.app.views.statistics import StatisticsPanel
from spikestudio.app.views.what_if import WhatIfRow
from spikestudio.language import tr
from spikestudio.neurons.constants import Constants, constants_at

if TYPE_CHECKING:
    from spikestudio.recording.values import Readable
    from spikestudio.types import LayerInfo

SHORT_WINDOW = 8  # denoising steps
DEFAULT_NEURONS = 3
ROOM_FOR_BOTH = 380  # pixels of the dock's height from which statistics stand below the plot
ROOM_FOR_CARD = 180
NO_LIMIT = 16_777_215  # Qt's largest height


class MembraneView(View):
    """One lane per watched neuron; the same scale in all lanes."""

    view_id: ClassVar[str] = "membrane"
    title: ClassVar[str] = tr("Membrane")
    help_text: ClassVar[str] = tr(
        "One lane per watched neuron (up to 16, the second eight dashed), or all overlaid.\n"
        "Each SNN step shows the potential before reset, then after it: a spike (tick above) touches\n"
        "the dashed threshold. Lines break at each denoising step: the state starts anew.\n"
        "Triangle at an edge: beyond the scale, the figure says how far. Hatched: not recorded.\n"
        "Input: currents as bars from zero, one scale at the right edge for all lanes.\n"
        "The line below has the update rule with the numbers of the SNN step pointed at.\n"
        "What if: replays the recorded input with other constants; the network stays as it was.\n"
        "Statistics: firing rates of the layer, and intervals between spikes from T = 8 on.\n"
        "Click: go to that moment of a run that is not followed. Ctrl+click or Space: stop watching.\n"
        "Wheel: zoom time. Drag: look back. Double click: follow the run again."
    )

    sampleRequested = Signal()  # noqa: N815
    seekRequested = Signal(int, int)  # noqa: N815  step and SNN step, from 0 on

    def __init__(
        self,
        run: RunModel,
        timeline: TimelineModel | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(run, parent)
        self._timeline = timeline
        self.tools = MembraneTools(SHORT_WINDOW)
        self.window_choice, self.live = self.tools.window_choice, self.tools.live
        self.layer_label = self.tools.label
        self.notice = PotentialsNotice(run)
        self.what_if = WhatIfRow()
        self.plot = MembranePlot()
        self.plot.tip_at = self._describe
        self.traces, self.inputs, self.hatch = self.plot.traces, self.plot.inputs, self.plot.hatch
        self.statistics = StatisticsPanel()
        self.card = NeuronCard()
        self.caption = Caption()
        self.ghost: Ghost | None = None
        self._data: TracesData | None = None
        self._counts: LayerCounts | None = None
        self._replayed: tuple[object, ...] = ()  # what the ghost was made of
        self._hovered: QPointF | None = None
        self.stack = EmptyStack(
            stacked(
                self.tools,
                self.what_if,
                self.notice,
                self.plot,
                self.statistics,
                self.card,
                self.caption,
                stretch=self.plot,
            ),
            tr("Membrane potentials of the watched neurons appear here."),
        )
        fill(self, self.stack)
        self._fit()
        self._connect()

    def _connect(self) -> None:
        run = self.run
        self.stack.sampleRequested.connect(self.sampleRequested)
        self.tools.changed.connect(self._on_tools)
        self.window_choice.activated.connect(self._on_window_chosen)
        self.live.clicked.connect(self.plot.follow)
        self.what_if.changed.connect(self._redraw)
        self.statistics.changed.connect(self._redraw)
        self.plot.hovered.connect(self._on_hovered)
        self.plot.clicked.connect(self._on_clicked)
        self.plot.windowChanged.connect(self._redraw, Qt.ConnectionType.QueuedConnection)
        self.plot.followingChanged.connect(self._redraw)
        run.started.connect(self._on_started)
        for signal in (run.stepFinished, run.selectionChanged, run.stateChanged):
            signal.connect(self.mark_dirty)
        run.recomputedChanged.connect(self._on_recomputed)
        run.hoverChanged.connect(self._on_hover_changed)
        if self._timeline is not None:
            self._timeline.cursorChanged.connect(self.mark_dirty)
            self._timeline.liveChanged.connect(self.mark_dirty)
        theme.manager.changed.connect(self._restyle)

    @property
    def looked_at(self) -> Cursor:
        """The moment at the timeline's cursor, else the newest one."""
        recorder, done = self.run.recorder, steps_done(self.run)
        if recorder is None or not done:
            return Cursor()
        if self._timeline is None or self._timeline.is_live:
            return Cursor(done - 1, recorder.snn_steps - 1)
        cursor = self._timeline.cursor
        return Cursor(min(cursor.step, done - 1), min(cursor.snn_step, recorder.snn_steps - 1))

    @Slot()
    def _on_recomputed(self) -> None:
        self._data = self._counts = None  # read anew, with the steps that were computed again
        self._redraw()

    def refresh(self) -> None:
        """Read what the recorder has got since the last frame, and draw the lanes."""
        run, recorder = self.run, self.run.recorder
        layer = run.layer(run.selection.layer)
        if recorder is None or layer is None:
            return
        self.stack.show_content()
        done = steps_done(run)
        deadline = time.perf_counter() + FRAME_SECONDS
        if done and not any(neuron < layer.num_neurons for neuron in run.selection.neurons):
            spikes = recorder.spikes(layer.id, done - 1)
            if spikes is not None:
                run.select(neurons=worth_watching(spikes, DEFAULT_NEURONS))
        data = self._data_of(recorder, layer)
        if not data.fill(done, deadline):
            self.mark_dirty()
        self._replay(data)
        self._draw_plot(recorder, data, done)
        self._draw_words(data)
        if self.tools.statistics.isChecked():
            self._draw_statistics(recorder, data, done, deadline)

    def _data_of(self, recorder: Readable, layer: LayerInfo) -> TracesData:
        watched = self.run.selection.neurons[:MAX_LANES]
        neurons = tuple(neuron for neuron in watched if neuron < layer.num_neurons)
        if self._data is None or (self._data.layer, self._data.neurons) != (layer, neurons):
            overrides = self.run.run.request.overrides if self.run.run else ()

            def in_force(step: int) -> Constants:
                return constants_at(layer, overrides, step, threshold_at(self.run, step))

            if self._data is not None and self._data.layer != layer:
                self.what_if.forget()
            source = Known(recorder, self.run.recomputed)
            self._data = TracesData(source, layer, neurons, in_force, overrides, recorder.watched)
        return self._data

    def _replay(self, data: TracesData) -> None:
        """Make the ghost anew where the row is open and something changed."""
        if not self.tools.what_if.isChecked():
            self.ghost, self._replayed = None, ()
            return
        self.what_if.show_actual(data.constants_of(self.looked_at.step))
        asked = self.what_if.asked
        if (made_of := (data, data.filled, asked)) != self._replayed:
            is_leaky = data.layer.tau is not None
            self.ghost = replay(data, asked if is_leaky else replace(asked, tau=None))
            self._replayed = made_of
            self.what_if.show_outcome(self.ghost, data.neurons)

    def _draw_plot(self, recorder: Readable, data: TracesData, done: int) -> None:
        plot, number = self.plot, len(data.neurons)
        plot.set_data(data, recorder.num_steps)
        is_short = self.window_choice.currentIndex() == 0
        plot.show_steps(done, SHORT_WINDOW if is_short else None)
        plot.draw(
            data,
            self.ghost,
            self.looked_at.step,
            is_overlaid=self.tools.is_overlaid(number),
            has_input=self.tools.is_input_shown(number, is_tall=plot.is_tall),
        )

    def _draw_words(self, data: TracesData) -> None:
        self.layer_label.set_text(layer_text(data, self.looked_at.step))
        self.live.setVisible(not self.plot.is_following)
        self.notice.show_if(bool(data.missing) and data.missing[-1] == data.filled - 1)
        self._show_caption()
        self._light_up()

    def _draw_statistics(
        self, recorder: Readable, data: TracesData, done: int, deadline: float
    ) -> None:
        if self._counts is None or self._counts.layer != data.layer:
            self._counts = LayerCounts(Known(recorder, self.run.recomputed), data.layer)
        if not self.statistics.is_of_one_step and not self._counts.fill(done, deadline):
            self.mark_dirty()
        self.statistics.show_statistics(self._counts, data, self.looked_at.step)

    @property
    def _scale(self) -> Scale:
        return self.plot.scale_shown

    # what is pointed at ---------------------------------------------------------------------

    def _moment(self) -> Moment | None:
        """Return what the equation is of: the SNN step pointed at, else the one looked at."""
        data = self._data
        if data is None or not data.neurons:
            return None
        if self._hovered is not None and (index := self.plot.index_at(self._hovered)) is not None:
            step, snn_step = divmod(int(self._hovered.x() // 1), data.snn_steps)
            return moment_of(data, index, step, snn_step)
        hovered, at = self.run.hovered, self.looked_at
        index = data.neurons.index(hovered) if hovered in data.neurons else 0
        return moment_of(data, index, at.step, at.snn_step)

    def _describe(self, where: QPointF) -> str:
        data, index = self._data, self.plot.index_at(where)
        return "" if data is None or index is None else describe(data, index, where)

    def _show_caption(self) -> None:
        text = self._describe(self._hovered) if self._hovered is not None else ""
        where = f"{step_text(self.run)}   {image_text(self.run)}{recomputed_text(self.run)}"
        self.caption.set_text(text or where)
        moment = self._moment()
        self.card.set_moment(moment, "" if moment else tr("no potentials recorded at this step"))
        words = [self.layer_label.text, self.caption.text, self.card.text]
        words += beyond_texts(self._data.neurons if self._data else (), self.plot.beyond)
        self.plot.setAccessibleDescription("; ".join(words))

    def _light_up(self) -> None:
        neurons, hovered = self._data.neurons if self._data else (), self.run.hovered
        index = neurons.index(hovered) if hovered in neurons else None
        self.plot.row_axis.set_hovered(index)

    # signals --------------------------------------------------------------------------------

    @Slot()
    def _on_started(self) -> None:
        self._data = self._counts = None
        self.plot.follow()
        self.mark_dirty()

    @Slot()
    def _on_window_chosen(self) -> None:
        self.plot.follow()
        self._redraw()

    @Slot(object)
    def _on_hovered(self, where: QPointF | None) -> None:
        self._hovered = where
        data, index = self._data, None if where is None else self.plot.index_at(where)
        before = self.run.hovered
        self.run.hover(None if data is None or index is None else data.neurons[index])
        if self.run.hovered == before:  # else the signal has done it
            self._show_caption()

    @Slot()
    def _on_hover_changed(self) -> None:
        self._light_up()
        if self.isVisible():
            self._show_caption()

    @Slot(QPointF, bool)
    def _on_clicked(self, where: QPointF, is_extending: bool) -> None:
        data, index = self._data, self.plot.index_at(where)
        if data is None:
            return
        if is_extending and index is not None:
            gone = data.neurons[index]
            kept = tuple(other for other in self.run.selection.neurons if other != gone)
            self.run.select(neurons=kept)
            self._redraw()
        elif not is_extending and not self._is_followed:
            step, snn_step = divmod(int(where.x() // 1), data.snn_steps)
            if 0 <= step < steps_done(self.run):
                self.seekRequested.emit(step, snn_step)

    @property
    def _is_followed(self) -> bool:
        """Whether the newest step of a run in progress is looked at."""
        is_live = self._timeline is None or self._timeline.is_live
        return self.run.state.is_active and is_live

    @Slot()
    def _on_tools(self) -> None:
        self._fit()
        self._redraw()

    def _fit(self) -> None:
        """Let the statistics take the plot's place where there is no room for both."""
        has_statistics = self.tools.statistics.isChecked()
        is_high = self.height() >= theme.px(ROOM_FOR_BOTH)
        has_plot = is_high or not has_statistics
        self.statistics.setMaximumHeight(theme.px(150) if is_high else NO_LIMIT)
        wanted: dict[QWidget, bool] = {
            self.plot: has_plot,
            self.what_if: has_plot and self.tools.what_if.isChecked(),
            self.card: has_plot and self.height() >= theme.px(ROOM_FOR_CARD),
            self.statistics: has_statistics,
        }
        # First what goes: the dock would grow to hold both.
        for widget, is_wanted in sorted(wanted.items(), key=lambda item: item[1]):
            widget.setVisible(is_wanted)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        self._fit()

    @Slot()
    def _redraw(self) -> None:
        self.mark_dirty()
        self.draw_if_needed()

    @Slot()
    def _restyle(self) -> None:
        self.plot.restyle_items()
        self._fit()
        self._redraw()
