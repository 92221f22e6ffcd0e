"""What the membrane dock says about a neuron, a moment, the layer."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF

from spikestudio.app.plots.lane_lines import Ends, signed
from spikestudio.app.plots.raster_data import spread
from spikestudio.app.plots.text import figure, place
from spikestudio.app.plots.traces_data import TracesData


def worth_watching(spikes: NDArray[np.uint8], number: int) -> tuple[int, ...]:
    """Return neurons that fire at some SNN steps of ``[T, N]`` and not at all, where there are any.

    A saturated one shows little, a silent one less.
    """
    counts = spikes.sum(axis=0, dtype=np.uint16)
    order = spread(counts)
    dull = np.where(counts[order] == 0, 2, counts[order] == len(spikes))
    first = order[np.argsort(dull, kind="stable")][:number]
    return tuple(int(neuron) for neuron in first)


def describe(data: TracesData, index: int, where: QPointF) -> str:
    """Return which neuron it is, and its potentials at a column of the run."""
    neuron = data.neurons[index]
    text = f"Neuron {neuron:,}: {place(data.layer, neuron)}"
    step, column = divmod(int(where.x() // 1), data.snn_steps)
    if not 0 <= step < data.filled:
        return text
    text += f"; step {step + 1:,}, SNN step {column + 1}"
    before, after = data.h[index, step, column], data.v[index, step, column]
    if np.isnan(before):
        return f"{text}: not recorded"
    spike = ", spike" if data.spikes[index, step, column] else ""
    return f"{text}: before reset {figure(before)}, after reset {figure(after)}{spike}"


def layer_text(data: TracesData, step: int) -> str:
    """Return how many neurons of which layer are shown, and what holds for them at a step."""
    layer, constants = data.layer, data.constants_of(step)
    leak = f", tau = {constants.tau:g}" if constants.tau is not None else ", no leak"
    reset = ", soft reset" if constants.v_reset is None else ""
    return (
        f"{len(data.neurons)} of {layer.num_neurons:,} {layer.neuron} neurons of layer "
        f"{layer.id}{leak}{reset}"
    )


def beyond_texts(neurons: tuple[int, ...], beyond: Iterable[Ends]) -> list[str]:
    """Return how far neurons leave the scale, one sentence each."""
    return [
        f"neuron {neuron:,} goes {way} to {signed(value)}, off the scale"
        for neuron, ends in zip(neurons, beyond, strict=False)
        for value, way in zip(ends, ("down", "up"), strict=True)
        if value is not None
    ]
