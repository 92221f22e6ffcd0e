"""The plot of the membrane dock: traces, input currents and gaps, each on its scale."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QWidget

from spikestudio.app import theme
from spikestudio.app.plots.axes import HatchedSpans, spans_of
from spikestudio.app.plots.ghost_data import Ghost
from spikestudio.app.plots.input_axis import InputItem, InputScale
from spikestudio.app.plots.lane_lines import Ends, beyond, figures, lanes_of, names
from spikestudio.app.plots.lane_plot import LanePlot
from spikestudio.app.plots.traces_data import TracesData
from spikestudio.app.plots.traces_item import Lanes, Scale, TracesItem
from spikestudio.language import tr

TALL_LANE = 64  # pixels; such a lane has room for input and for one more figure at its lower edge


class MembranePlot(LanePlot):
    """Draws what is in sight of ``data``; ``beyond`` says how far each neuron leaves the scale."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(tr("Membrane potentials of the watched neurons"))
        self.traces, self.inputs, self.hatch = TracesItem(), InputItem(), HatchedSpans()
        for item in (self.hatch, self.inputs, self.traces):
            self.add(item)
        self.beyond: list[Ends] = []
        self.lanes: Lanes | None = None
        self.scale_shown = Scale.start(1.0)
        self._input_scale = InputScale()
        self._data: TracesData | None = None

    @property
    def is_tall(self) -> bool:
        """Whether the lanes have room for more than a trace."""
        return self._lane_pixels() >= theme.px(TALL_LANE)

    def _lane_pixels(self) -> float:
        return self.row_pixels() / max(1, self._num_rows)

    def set_data(self, data: TracesData, num_steps: int) -> None:
        """Take the time and the lanes over; the scales start anew with other neurons."""
        per_step = data.snn_steps
        self.set_time(
            num_steps,
            per_step,
            tr("denoising step, {per_step} SNN time steps each", per_step=per_step),
        )
        self.set_rows(len(data.neurons))
        if data is not self._data:
            self._data = data
            self.scale_shown = Scale.start(data.constants_of(0).v_threshold)
            self._input_scale = InputScale()

    def draw(
        self,
        data: TracesData,
        ghost: Ghost | None,
        step: int,
        *,
        is_overlaid: bool,
        has_input: bool,
    ) -> None:
        """Draw the steps in sight; figures at the left are those in force at ``step``."""
        left, right = self.columns_shown()
        first, last = left // data.snn_steps, -(-right // data.snn_steps)
        self.lanes = lanes_of(data, ghost, first, last, is_overlaid=is_overlaid)
        self._grow_scale(data, ghost, first, last)
        self.traces.set_lanes(self.lanes, self.scale_shown)
        self._draw_inputs(data, first, last, is_shown=has_input)
        self.hatch.set_spans(spans_of(data.missing, data.snn_steps))
        self.beyond = beyond(data, self.scale_shown, first, last)
        self._label(data, self.lanes, step)

    def _grow_scale(self, data: TracesData, ghost: Ghost | None, first: int, last: int) -> None:
        unit = data.constants_of(0).v_threshold
        shown = [data.h, data.v] if ghost is None else [data.h, data.v, ghost.h, ghost.v]
        scale = self.scale_shown
        for values in shown:
            scale = scale.containing(values[:, first:last], unit)
        assert self.lanes is not None
        self.scale_shown = scale.reaching(self.lanes.thresholds[1])

    def _draw_inputs(self, data: TracesData, first: int, last: int, *, is_shown: bool) -> None:
        if not is_shown:
            self.inputs.clear()
            self.set_edge_scale(None)
            return
        current = data.current[:, first:last]
        unit = data.constants_of(0).v_threshold
        self._input_scale = scale = self._input_scale.containing(current, unit)
        self.inputs.set_currents(current, first, scale)
        self.set_edge_scale(None if scale.is_empty else scale.edge(len(data.neurons)))

    def _label(self, data: TracesData, lanes: Lanes, step: int) -> None:
        threshold, is_tall = data.constants_of(step).v_threshold, self.is_tall
        pixels = self._lane_pixels()
        self.row_axis.set_lanes(
            tr("potential (threshold = {threshold:g})", threshold=threshold),
            names(data, self.beyond, pixels=pixels, is_tall=is_tall, is_overlaid=lanes.is_overlaid),
            figures(data, lanes, self.scale_shown, self.beyond, step, is_tall=is_tall),
            short_title=tr("potential"),
        )

    def index_at(self, where: QPointF) -> int | None:
        """Return the place of a neuron in the watch list; among overlaid ones the nearest."""
        data, lanes, index = self._data, self.lanes, int(where.y() // 1)
        if data is None or not 0 <= index < len(data.neurons):
            return None
        is_pointer = not self.key_cursor.isVisible() and where.x() >= 0
        if lanes is None or not lanes.is_overlaid or not is_pointer:
            return index
        step, snn_step = divmod(int(where.x() // 1), data.snn_steps)
        if not 0 <= step < data.filled:
            return None
        values = (data.h if where.x() % 1 < 0.5 else data.v)[:, step, snn_step]
        away = np.abs(lanes.height(self.scale_shown, values.astype(float), 0) - where.y())
        return None if np.isnan(away).all() else int(np.nanargmin(away))

    def restyle_items(self) -> None:
        """Take over the theme's colours in what is drawn."""
        self.traces.restyle()
        self.inputs.update()
