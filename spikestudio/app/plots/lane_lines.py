"""From the data of watched neurons to the lines and names of their lanes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spikestudio.app import theme
from spikestudio.app.plots.axes import RowLabel
from spikestudio.app.plots.ghost_data import Ghost
from spikestudio.app.plots.lane_plot import LaneLabel
from spikestudio.app.plots.text import figure
from spikestudio.app.plots.traces_data import TracesData
from spikestudio.app.plots.traces_item import Floats, Lanes, Line, Scale, staircase
from spikestudio.app.plots.watch_pens import watch_color
from spikestudio.language import tr

LOW_LANE = 24  # pixels
Ends = tuple[float | None, float | None]  # least and largest potential beyond the scale


def lanes_of(
    data: TracesData, ghost: Ghost | None, first: int, last: int, *, is_overlaid: bool
) -> Lanes:
    """Return the lines of the denoising steps ``first`` to ``last - 1``."""
    constants = [data.constants_of(step) for step in range(first, last)]
    rests = np.array([each.rest for each in constants])
    start = np.float64(first * data.snn_steps)
    numbers = range(len(data.neurons))
    shown = slice(first, last)
    thresholds = np.array([each.v_threshold for each in constants])
    resets = np.array([np.nan if each.v_reset is None else each.v_reset for each in constants])
    ghosts: list[Line] = []
    ghost_spikes: list[Floats] = []
    if ghost is not None:
        ghosts = _lines(ghost.h[:, shown], ghost.v[:, shown], rests, first)
        ghost_spikes = [np.flatnonzero(ghost.spikes[i, shown]) + start for i in numbers]
    return Lanes(
        _lines(data.h[:, shown], data.v[:, shown], rests, first),
        [np.flatnonzero(data.spikes[i, shown]) + start for i in numbers],
        levels(thresholds, first, data.snn_steps),
        levels(resets, first, data.snn_steps),
        ghosts,
        ghost_spikes,
        is_overlaid=is_overlaid,
    )


def _lines(
    h: NDArray[np.floating], v: NDArray[np.floating], rests: Floats, first: int
) -> list[Line]:
    x, y = staircase(h, v, rests, first)
    return [(x, each) for each in y]


def levels(values: Floats, first: int, snn_steps: int) -> Line:
    """Return one level per denoising step as a line with a jump where it changes."""
    before, after = values[:-1], values[1:]
    is_same = (before == after) | (np.isnan(before) & np.isnan(after))
    starts = np.r_[0, np.flatnonzero(~is_same) + 1][: values.size]
    ends = np.r_[starts[1:], values.size][: starts.size]
    x = (np.stack([starts, ends], axis=1).ravel() + first) * float(snn_steps)
    return x, np.repeat(values[starts], 2)


def beyond(data: TracesData, scale: Scale, first: int, last: int) -> list[Ends]:
    """Return how far each neuron goes beyond the scale."""
    return [
        scale.beyond(np.concatenate([h[first:last], v[first:last]]))
        for h, v in zip(data.h, data.v, strict=True)
    ]


def names(
    data: TracesData, ends: list[Ends], *, pixels: float, is_tall: bool, is_overlaid: bool
) -> tuple[LaneLabel, ...]:
    """Return the name of every lane; how far it goes beyond the scale is written beside it.

    ``pixels`` is the height of a lane: in a low one the name stands in the middle.
    """
    at = 0.5 if is_overlaid or pixels < theme.px(LOW_LANE) else 0.1
    labels = []
    for index, (neuron, (least, most)) in enumerate(zip(data.neurons, ends, strict=True)):
        below = "" if least is None or (is_tall and not is_overlaid) else f" ↓{signed(least)}"
        above = "" if most is None else f" ↑{signed(most)}"
        text = f"{neuron:,}{below}{above}"
        labels.append(LaneLabel(index + at, neuron, tr("neuron {the_text}", the_text=text), text))
    return tuple(labels)


def figures(
    data: TracesData, lanes: Lanes, scale: Scale, ends: list[Ends], step: int, *, is_tall: bool
) -> tuple[RowLabel, ...]:
    """Return threshold and reset at a step, and in tall lanes how far a neuron sinks."""
    tokens, constants = theme.tokens(), data.constants_of(step)
    labels = []
    if is_tall and not lanes.is_overlaid:
        for index, (least, _) in enumerate(ends):
            if least is not None:
                color = watch_color(index)
                labels.append(RowLabel(index + 0.96, f"↓{signed(least)}", color, has_tick=True))
    values = [(constants.v_threshold, tokens.threshold)]
    if constants.v_reset is not None:
        values.append((constants.v_reset, tokens.muted))
    for index in range(min(1, lanes.rows) if lanes.is_overlaid else lanes.rows):
        for value, color in values:
            y = float(lanes.height(scale, value, index))
            labels.append(RowLabel(y, f"{value:.3f}", color, has_tick=True))
    return tuple(labels)


def signed(value: float) -> str:
    """Return a figure with a minus sign as long as a plus sign."""
    return figure(value).replace("-", "\N{MINUS SIGN}")
