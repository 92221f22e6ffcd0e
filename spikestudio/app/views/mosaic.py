"""Mosaic dock: every neuron of the selected layer, channel by channel, at the timeline's cursor."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

from spikestudio.app import theme
from spikestudio.app.plots.mosaic_data import (
    SATURATED_RATE,
    Arrangement,
    Mode,
    arrange,
    group_name,
    group_rates,
    group_rect,
    indices_of,
    lut_of,
)
from spikestudio.app.plots.mosaic_item import GUTTER, MosaicMap, MosaicPicture, WatchFrame
from spikestudio.app.plots.palettes import Lut
from spikestudio.app.plots.raster_data import RasterData
from spikestudio.app.plots.scale_bar import Mark, ScaleBar
from spikestudio.app.plots.text import figure, place
from spikestudio.app.plots.traces_item import MAX_LANES
from spikestudio.app.plots.watch_pens import is_dashed, watch_color
from spikestudio.app.viewmodels.run import Known, RunModel
from spikestudio.app.viewmodels.timeline import TimelineModel
from spikestudio.app.views.base import View
from spikestudio.app.views.layer_chooser import LayerChooser
from spikestudio.app.views.parts import (
    FRAME_SECONDS,
    Caption,
    EmptyStack,
    PotentialsNotice,
    Segmented,
    fill,
    image_text,
    line,
    stacked,
    tool_row,
)
from spikestudio.app.widgets.groups_button import GroupsButton
from spikestudio.app.widgets.icons import IconButton
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.recording.values import Potentials, Readable
    from spikestudio.types import LayerInfo

MODES: tuple[Mode, ...] = ("spike", "count", "age", "potential")


class MosaicView(View):
    """One small map per channel; tokens by features are one map."""

    view_id: ClassVar[str] = "mosaic"
    title: ClassVar[str] = tr("Mosaic")
    help_text: ClassVar[str] = tr(
        "Every neuron of the layer at the moment that the timeline shows, one map per channel.\n"
        "Spike: fires in this SNN step. Count: spikes in this denoising step.\n"
        "Age: SNN steps since the last spike in this denoising step. Potential: before reset.\n"
        "Hatched channels did not fire at all in the steps recorded so far; outlined ones are\n"
        "saturated: their neurons fire in {saturated_rate:.0%} of all SNN steps or more.\n"
        "In a transformer rows are tokens, columns are features.\n"
        "Click: watch that neuron. Ctrl+click: add it or take it away, up to {max_lanes}.\n"
        "Page up, Page down: channels before or after these.",
        saturated_rate=SATURATED_RATE,
        max_lanes=MAX_LANES,
    )

    sampleRequested = Signal()  # noqa: N815

    def __init__(
        self, run: RunModel, timeline: TimelineModel, parent: QWidget | None = None
    ) -> None:
        super().__init__(run, parent)
        self.timeline = timeline
        self.layers = LayerChooser()
        self.mode = Segmented(
            tr("Show"),
            (
                (tr("Spike"), tr("Show which neurons fire in this SNN step")),
                (tr("Count"), tr("Show the spikes of every neuron in this denoising step")),
                (tr("Age"), tr("Show how long ago every neuron fired in this denoising step")),
                (tr("Potential"), tr("Show the potential before reset in this SNN step")),
            ),
        )
        self.scale = ScaleBar()
        policy = self.scale.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # another mode does not move the maps
        self.scale.setSizePolicy(policy)
        self.count_label = Caption(is_whole=True)
        self.dead = GroupsButton(tr("dead"), tr("Channels that have not fired at all so far"))
        self.saturated = GroupsButton(
            tr("saturated"), tr("Channels that fire in almost every SNN step")
        )
        self.back = IconButton("mdi6.chevron-left", tr("Channels before these (Page up)"))
        self.forth = IconButton("mdi6.chevron-right", tr("Channels after these (Page down)"))
        self.notice = PotentialsNotice(run)
        self.map = MosaicMap()
        self.map.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.map.setAccessibleName(tr("Maps of the layer's channels"))
        self.caption = Caption()
        self.page = 0
        self.arrangement: Arrangement | None = None
        self._history: RasterData | None = None
        self._step: tuple[int, NDArray[np.uint8] | None, Potentials | None] = (-1, None, None)
        self._indices: NDArray[np.uint8] = np.empty(0, np.uint8)
        self._hovered: NDArray[np.intp] | None = None
        self._lut: Lut = lut_of("spike")
        self.stack = EmptyStack(
            stacked(
                tool_row(self.layers, self.mode),
                tool_row(self.count_label, self.dead, self.saturated, self.back, self.forth),
                self.notice,
                self.map,
                line(self.caption, self.scale),
                stretch=self.map,
            ),
            tr("All channels of a layer, neuron by neuron, appear here."),
        )
        fill(self, self.stack)
        self._connect()

    def _connect(self) -> None:
        self.stack.sampleRequested.connect(self.sampleRequested)
        self.layers.layerChosen.connect(self._on_layer_chosen)
        self.mode.chosen.connect(self._restyle)
        self.back.clicked.connect(self._on_back)
        self.forth.clicked.connect(self._on_forth)
        for button in (self.dead, self.saturated):
            button.groupChosen.connect(self._on_group_chosen)
        self.map.hovered.connect(self._on_hovered)
        self.map.clicked.connect(self._on_clicked)
        self.map.resized.connect(self._redraw, Qt.ConnectionType.QueuedConnection)
        self.timeline.cursorChanged.connect(self._redraw)
        run = self.run
        run.started.connect(self._on_started)
        run.hoverChanged.connect(self._point)
        for signal in (run.stepFinished, run.selectionChanged, run.stateChanged):
            signal.connect(self.mark_dirty)
        theme.manager.changed.connect(self._restyle)

    def refresh(self) -> None:
        """Draw the layer at the timeline's cursor."""
        recorder, layer = self.run.recorder, self.run.layer(self.run.selection.layer)
        if recorder is None or layer is None:
            return
        self.stack.show_content()
        history = self._history_of(recorder, layer)
        done = self.timeline.steps_done
        if not history.count(done, time.perf_counter() + FRAME_SECONDS):
            self.mark_dirty()
        self._read(recorder, layer)
        self.arrangement = arrange(layer, self.map.space, theme.px(GUTTER))
        self.page = min(self.page, self.arrangement.pages - 1)
        dead, saturated = self._groups(layer, history)
        self._draw_map(layer, self.arrangement, dead, saturated)
        self._draw_controls(recorder, layer, self.arrangement)
        self._draw_groups(layer, history, dead, saturated)
        self._point()

    def _history_of(self, recorder: Readable, layer: LayerInfo) -> RasterData:
        if self._history is None or self._history.layer != layer:
            self._history = RasterData(Known(recorder, self.run.recomputed), layer)
            self._step = (-1, None, None)
            self._hovered = None
            self.page = 0
        return self._history

    def _read(self, recorder: Readable, layer: LayerInfo) -> None:
        """Take the spikes and potentials of the cursor's denoising step, and what to show of them."""
        mode, cursor = MODES[self.mode.current], self.timeline.cursor
        _, spikes, potentials = self._step
        if self.timeline.steps_done:
            if self._step[0] != cursor.step or spikes is None:
                spikes = recorder.spikes(layer.id, cursor.step)
            potentials = recorder.potentials(layer.id, cursor.step)
            self._step = (cursor.step, spikes, potentials)
        if spikes is None:
            self._indices = np.zeros(layer.num_neurons, np.uint8)
        else:
            self._indices = indices_of(mode, spikes, cursor.snn_step, potentials)

    def _draw_map(
        self, layer: LayerInfo, at: Arrangement, dead: list[int], saturated: list[int]
    ) -> None:
        maps = at.maps(self.page)
        is_map = len(layer.shape) == 3
        hatched, outlined = (
            tuple(group_rect(layer, at, group) for group in groups if not is_map or group in maps)
            for groups in (dead, saturated)
        )
        per_map = layer.num_neurons // at.shape[0]
        watched = tuple(
            WatchFrame(at.neuron_rect(neuron), watch_color(i), is_dashed(i))
            for i, neuron in enumerate(self.run.selection.neurons)
            if neuron // per_map in maps
        )
        self.map.set_picture(
            MosaicPicture(
                arrangement=at,
                page=self.page,
                pixels=at.compose(self._indices, self.page),
                lut=self._lut,
                hatched=hatched,
                outlined=outlined,
                watched=watched,
                is_missing=self.timeline.steps_done > 0 and not self._indices.any(),
            )
        )

    def _groups(self, layer: LayerInfo, history: RasterData) -> tuple[list[int], list[int]]:
        """Return the dead and the saturated channels, or features, of the steps counted so far."""
        if not history.known:
            return [], []
        snn_steps = self.timeline.snn_steps * history.known
        rates = group_rates(layer, history.counts, snn_steps)
        return (
            np.flatnonzero(rates == 0).tolist(),
            np.flatnonzero(rates >= SATURATED_RATE).tolist(),
        )

    def _draw_controls(self, recorder: Readable, layer: LayerInfo, at: Arrangement) -> None:
        self.layers.set_layers(self.run.layers)
        self.layers.set_current(layer.id)
        if done := self.timeline.steps_done:
            self.layers.set_rates(recorder.rates()[:, self.timeline.cursor.step])
        self._draw_scale()
        self.count_label.set_text(_count_text(layer, at, self.page))
        for button, is_there in (
            (self.back, self.page > 0),
            (self.forth, self.page < at.pages - 1),
        ):
            button.setVisible(at.pages > 1)
            button.setEnabled(is_there)
        is_potential = MODES[self.mode.current] == "potential"
        newest = self.timeline.newest.step
        has_newest = recorder.potentials(layer.id, newest) is not None
        self.notice.show_if(bool(is_potential and done and not has_newest))

    def _draw_groups(
        self, layer: LayerInfo, history: RasterData, dead: list[int], saturated: list[int]
    ) -> None:
        name = group_name(layer)
        over = tr("in the {known:,} recorded steps so far", known=history.known)
        self.dead.set_groups(
            dead, name, tr("{plural} that did not fire {over}", plural=_plural(layer), over=over)
        )
        self.saturated.set_groups(
            saturated,
            name,
            tr(
                "{plural} with a rate from {saturated_rate} on {over}",
                plural=_plural(layer),
                saturated_rate=SATURATED_RATE,
                over=over,
            ),
        )

    def _draw_scale(self) -> None:
        snn_steps = self.timeline.snn_steps
        marks: dict[Mode, tuple[str, tuple[Mark, ...]]] = {
            "spike": ("", ()),
            "count": (tr("spikes"), ((0, "0"), (1, f"{snn_steps}"))),
            "age": (tr("SNN steps ago"), ((0, f"{snn_steps - 1}"), (1, tr("now")))),
            "potential": (
                tr("potential ÷ threshold"),
                ((0, "≤ −1"), (1 / 3, "0"), (2 / 3, tr("threshold")), (1, "≥ 2")),
            ),
        }
        title, labels = marks[MODES[self.mode.current]]
        self.scale.setVisible(bool(labels))
        if labels:
            self.scale.set_scale(title, self._lut, labels)

    # words ----------------------------------------------------------------------------------

    def _neuron_at(self, neurons: NDArray[np.intp]) -> int:
        """Return the strongest of the neurons behind a pixel, the one whose colour is seen."""
        return int(neurons[self._indices[neurons].argmax()])

    def _describe(self, neurons: NDArray[np.intp]) -> str:
        history, cursor = self._history, self.timeline.cursor
        if history is None or neurons[-1] >= self._indices.size:
            return ""
        neuron = self._neuron_at(neurons)
        text = tr("Neuron {neuron:,}: {place}", neuron=neuron, place=place(history.layer, neuron))
        if neurons.size > 1:
            text += tr(" (strongest of {neurons_size} here)", neurons_size=neurons.size)
        _, spikes, potentials = self._step
        if spikes is not None:
            fires = tr("fires") if spikes[cursor.snn_step, neuron] else tr("silent")
            text += tr(
                "; {fires} now, {sum} spikes in this step",
                fires=fires,
                sum=int(spikes[:, neuron].sum()),
            )
        if potentials is not None:
            text += tr("; potential {h}", h=figure(float(potentials.h[cursor.snn_step, neuron])))
        if history.known:
            rate = int(history.counts[neuron]) / (history.known * self.timeline.snn_steps)
            text += tr("; rate {rate}", rate=figure(rate))
        return text

    def _show_caption(self) -> None:
        pointed, text = self._hovered, ""
        if pointed is None and self.run.hovered is not None:  # by another dock
            pointed = np.array([self.run.hovered])
        if pointed is not None:
            text = self._describe(pointed)
        if not text:
            text = self._moment()
        self.caption.set_text(text)
        self.map.setAccessibleDescription(f"{self.count_label.text}; {text}")

    def _moment(self) -> str:
        timeline = self.timeline
        if not timeline.steps_done:
            return tr("waiting for step 1")
        at = timeline.cursor
        text = tr(
            "step {at_step:,} of {num_steps:,}   SNN step {snn_step} of {snn_steps}   {image}",
            at_step=at.step + 1,
            num_steps=timeline.num_steps,
            snn_step=at.snn_step + 1,
            snn_steps=timeline.snn_steps,
            image=image_text(self.run),
        )
        if self._step[1] is None and self.run.recorder is not None:
            reason = self.run.recorder.missing(self.run.selection.layer, at.step)
            return tr("{the_text}   spikes not recorded: {reason}", the_text=text, reason=reason)
        if self._step[2] is None and MODES[self.mode.current] == "potential":
            return tr(
                "{the_text}   potentials of this layer are not recorded in this step", the_text=text
            )
        return text

    # input ----------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt override
        if event.key() == Qt.Key.Key_PageUp:
            self._on_back()
        elif event.key() == Qt.Key.Key_PageDown:
            self._on_forth()
        else:
            super().keyPressEvent(event)

    @Slot()
    def _on_started(self) -> None:
        self._history = None
        self.mark_dirty()

    @Slot(str)
    def _on_layer_chosen(self, layer_id: str) -> None:
        self.run.select(layer=layer_id)
        self._redraw()

    @Slot()
    def _on_back(self) -> None:
        self.page = max(0, self.page - 1)
        self._redraw()

    @Slot()
    def _on_forth(self) -> None:
        self.page += 1  # refresh keeps it to the pages that there are
        self._redraw()

    @Slot(int)
    def _on_group_chosen(self, group: int) -> None:
        """Show a channel and watch the neuron of it that fired most, a middle one if none did."""
        history = self._history
        if history is None or self.arrangement is None:
            return
        ids = np.arange(history.layer.num_neurons).reshape(history.layer.shape)
        ids = (ids[group] if ids.ndim == 3 else ids[:, group]).ravel()
        counts = history.counts[ids]
        best = int(counts.argmax()) if counts.any() else ids.size // 2
        if len(history.layer.shape) == 3:
            self.page = group // self.arrangement.per_page
        self.run.select(neurons=(int(ids[best]),))
        self._redraw()

    @Slot(object)
    def _on_hovered(self, neurons: NDArray[np.intp] | None) -> None:
        self._hovered = neurons
        is_known = neurons is not None and neurons[-1] < self._indices.size
        self.run.hover(self._neuron_at(neurons) if neurons is not None and is_known else None)
        self._show_caption()

    @Slot()
    def _point(self) -> None:
        """Frame the neuron that is pointed at in any dock."""
        self.map.point_at(self.run.hovered)
        self._show_caption()

    @Slot(object, bool)
    def _on_clicked(self, neurons: NDArray[np.intp], is_extending: bool) -> None:
        self.run.watch(self._neuron_at(neurons), is_extending=is_extending, most=MAX_LANES)
        self._redraw()

    @Slot()
    def _redraw(self) -> None:
        self.mark_dirty()
        self.draw_if_needed()

    @Slot()
    def _restyle(self) -> None:
        self._lut = lut_of(MODES[self.mode.current])
        self._redraw()


def _plural(layer: LayerInfo) -> str:
    return tr("Channels") if len(layer.shape) == 3 else tr("Features")


def _count_text(layer: LayerInfo, at: Arrangement, page: int) -> str:
    """Say how much of the layer is shown, and how it is shrunk where it is."""
    if len(layer.shape) == 3:
        maps = at.maps(page)
        total = at.shape[0]
        text = tr(
            "{total:,} channels of {at_shape} × {at_shape_2}",
            total=total,
            at_shape=at.shape[1],
            at_shape_2=at.shape[2],
        )
        if at.pages > 1:
            text = tr(
                "channels {start:,} to {stop:,} of {total:,}",
                start=maps.start,
                stop=maps.stop - 1,
                total=total,
            )
            text += tr(", page {page:,} of {pages:,}", page=page + 1, pages=at.pages)
    else:
        text = tr(
            "{layer_shape:,} tokens × {layer_shape_2:,} features",
            layer_shape=layer.shape[0],
            layer_shape_2=layer.shape[1],
        )
    if at.block > 1:
        text += tr(", each pixel the strongest of {block} × {block} neurons", block=at.block)
    return text
