"""Rasters of the compare dock: what they show, what they say, what a click on them does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPointF, Signal, Slot

from spikestudio.app.plots.compare_raster_data import RasterPair, layer_of
from spikestudio.app.plots.text import place
from spikestudio.app.plots.traces_item import MAX_LANES
from spikestudio.app.viewmodels.comparison import ComparisonModel, Pair, Side
from spikestudio.app.viewmodels.history import Entry
from spikestudio.app.views.compare_controls import DIFFERENCE, CompareControls
from spikestudio.app.views.compare_rasters import SIDES, CompareRasters, Shown
from spikestudio.app.views.compare_steps import RECORDING_LET_GO
from spikestudio.app.views.compare_words import side_title
from spikestudio.language import tr
from spikestudio.metrics.comparison import nearest_step

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.run import RunModel
    from spikestudio.app.viewmodels.timeline import TimelineModel

OTHER_LAYERS = tr(
    "A and B do not both have this layer with the same neurons: choose another layer."
)
OTHER_COLUMNS = tr("The runs have no moments in common: only side by side.")
NO_NEURONS = tr("No layer is selected.")


class RasterComparison(QObject):
    """Keeps what was read of the selected layer of both runs, and draws it into ``rasters``."""

    captionChanged = Signal()  # noqa: N815  another cell is pointed at

    def __init__(
        self,
        run: RunModel,
        timeline: TimelineModel,
        comparison: ComparisonModel,
        controls: CompareControls,
        rasters: CompareRasters,
    ) -> None:
        super().__init__(rasters)
        self._run, self._timeline, self._comparison = run, timeline, comparison
        self._controls, self.rasters = controls, rasters
        self._pointed: tuple[Side, QPointF] | None = None
        self.pair: RasterPair | None = None
        rasters.clicked.connect(self._on_clicked)
        rasters.hovered.connect(self._on_hovered)
        run.hoverChanged.connect(self._light_up)

    def show(self, a: Entry, b: Entry | None, steps: Pair) -> bool:
        """Draw what there is of both; False if spikes are still to be read."""
        entries: dict[Side, Entry] = {"a": a} if b is None else {"a": a, "b": b}
        selection = self._run.selection
        layers = [layer_of(entry, selection.layer) for entry in entries.values()]
        layer = layers[0]
        if layer is None or any(each is None or each.shape != layer.shape for each in layers):
            self.pair = None
            self.rasters.show_sentence(OTHER_LAYERS if selection.layer else NO_NEURONS)
            return True
        pair = self.pair
        key = {side: (entry, entry.ended) for side, entry in entries.items()}
        if pair is None or pair.layer.id != layer.id or pair.key != key:
            self.pair = pair = RasterPair(layer, entries)
            self.rasters.forget_window()
        is_difference = self._controls.mode.current == DIFFERENCE and pair.can_overlay
        headings = {
            side: side_title(side.upper(), entry, "" if entry.recorder else RECORDING_LET_GO)
            for side, entry in entries.items()
        }
        if is_difference:
            headings["a"] = f"{headings['a']}   {headings['b']}"
        cursor = {side: self._column(side, steps) for side in SIDES}
        hovered = self._run.hovered
        return self.rasters.show_pair(
            Shown(pair, headings, cursor, selection, hovered, is_difference)
        )

    def caption(self) -> str:
        """Return what is pointed at, else which neurons are shown, of which images."""
        pair = self.pair
        if pair is None:
            return ""
        if self._pointed is not None and (text := self._describe(pair, *self._pointed)):
            return text
        total = pair.layer.num_neurons
        if not pair.rows.size:
            return f"{pair.layer.id}   {RECORDING_LET_GO}"
        parts = [
            tr(
                "{layer}   {rows_size:,} of {total:,} neurons, evenly spaced",
                layer=pair.layer.id,
                rows_size=pair.rows.size,
                total=total,
            ),
            self._images(pair),
        ]
        hidden = set(self._run.selection.neurons) - set(pair.rows.tolist())
        if hidden:
            parts.append(
                tr(
                    "{num_hidden} of {num_neurons} watched not shown",
                    num_hidden=len(hidden),
                    num_neurons=len(self._run.selection.neurons),
                )
            )
        is_wanted = self._controls.mode.current == DIFFERENCE and "b" in pair.entries
        if is_wanted and not pair.can_overlay:
            parts.append(OTHER_COLUMNS if len(pair.stacks) == 2 else "")
        return "   ".join(filter(None, parts))

    def _images(self, pair: RasterPair) -> str:
        images = {
            side: entry.recorder.image + 1
            for side, entry in pair.entries.items()
            if entry.recorder is not None
        }
        if len(set(images.values())) < 2:
            return "".join(tr("of image {image:,}", image=image) for image in set(images.values()))
        return tr("of image ") + ", ".join(
            tr("{image:,} in {s}", image=image, s=s.upper()) for s, image in images.items()
        )

    def _describe(self, pair: RasterPair, side: Side, where: QPointF) -> str:
        row, column = int(where.y() // 1), int(where.x() // 1)
        stack = pair.stacks.get(side)
        found = stack.at(row) if stack else None
        if stack is None or found is None:
            return ""
        step, snn_step = divmod(column, stack.source.snn_steps)
        words = {1: tr("spike"), 0: tr("silent"), None: tr("not known")}
        sides = SIDES if pair.can_overlay else (side,)
        states = ", ".join(f"{s.upper()} {words[pair.at(s, row, column)]}" for s in sides)
        neuron = tr("Neuron {found:,}: {place}", found=found[1], place=place(pair.layer, found[1]))
        return tr(
            "{neuron}; step {step:,}, SNN step {snn_step}: {states}",
            neuron=neuron,
            step=step + 1,
            snn_step=snn_step + 1,
            states=states,
        )

    def _column(self, side: Side, steps: Pair) -> int | None:
        """Return the column that the timeline looks at in a run."""
        stack = self.pair.stacks.get(side) if self.pair else None
        step = steps.a if side == "a" else steps.b
        if stack is None or step is None:
            return None
        snn_steps = stack.source.snn_steps
        within = self._timeline.cursor.snn_step * snn_steps // self._timeline.snn_steps
        return step * snn_steps + min(within, snn_steps - 1)

    # what the user does -----------------------------------------------------------------------

    @Slot(str, int, QPointF, bool)
    def _on_clicked(self, side: Side, neuron: int, where: QPointF, is_extending: bool) -> None:
        pair, layer = self.pair, self._run.layer(self._run.selection.layer)
        if pair is None:
            return
        plot = self.rasters.panels[side].plot
        if not is_extending and where.x() >= plot.view_box.viewRange()[0][0]:  # not on the names
            self._seek(pair, side, int(where.x()))
        if layer is not None and neuron < layer.num_neurons:
            self._run.watch(neuron, is_extending=is_extending, most=MAX_LANES)

    def _seek(self, pair: RasterPair, side: Side, column: int) -> None:
        """Look at a moment of A or B: at the nearest diffusion time of the run that is shown."""
        snn_steps, shown = pair.stacks[side].source.snn_steps, self._run.run
        step, snn_step = divmod(column, snn_steps)
        times = pair.entries[side].timesteps
        if shown is None or not 0 <= step < pair.done(side):
            return
        if shown.timesteps != times:
            nearest = nearest_step(shown.timesteps, times[step], self._timeline.steps_done)
            if nearest is None:
                return
            step = nearest
        self._timeline.seek(step, snn_step * self._timeline.snn_steps // snn_steps)

    @Slot(str, object)
    def _on_hovered(self, side: Side, where: QPointF | None) -> None:
        self._pointed = None if where is None else (side, where)
        stack = self.pair.stacks.get(side) if self.pair else None
        found = stack.at(int(where.y() // 1)) if stack and where is not None else None
        self._run.hover(None if found is None else found[1])
        self.captionChanged.emit()

    @Slot()
    def _light_up(self) -> None:
        if self.rasters.isVisible():
            self.rasters.light_up(self._run.selection, self._run.hovered)
