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
from spikestudio.language import tr


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
    text = tr("Neuron {neuron:,}: {place}", neuron=neuron, place=place(data.layer, neuron))
    step, column = divmod(int(where.x() // 1), data.snn_steps)
    if not 0 <= step < data.filled:
        return text
    text += tr("; step {step:,}, SNN step {column}", step=step + 1, column=column + 1)
    before, after = data.h[index, step, column], data.v[index, step, column]
    if np.isnan(before):
        return tr("{the_text}: not recorded", the_text=text)
    spike = tr(", spike") if data.spikes[index, step, column] else ""
    return tr(
        "{the_text}: before reset {before}, after reset {after}{spike}",
        the_text=text,
        before=figure(before),
        after=figure(after),
        spike=spike,
    )


def layer_text(data: TracesData, step: int) -> str:
    """Return how many neurons of which layer are shown, and what holds for them at a step."""
    layer, constants = data.layer, data.constants_of(step)
    leak = (
        tr(", tau = {tau:g}", tau=constants.tau) if constants.tau is not None else tr(", no leak")
    )
    reset = tr(", soft reset") if constants.v_reset is None else ""
    return tr(
        "{num_neurons} of {num_neurons_2:,} {neuron} neurons of layer {layer}{leak}{reset}",
        num_neurons=len(data.neurons),
        num_neurons_2=layer.num_neurons,
        neuron=layer.neuron,
        layer=layer.id,
        leak=leak,
        reset=reset,
    )


def beyond_texts(neurons: tuple[int, ...], beyond: Iterable[Ends]) -> list[str]:
    """Return how far neurons leave the scale, one sentence each."""
    return [
        tr(
            "neuron {neuron:,} goes {way} to {signed}, off the scale",
            neuron=neuron,
            way=way,
            signed=signed(value),
        )
        for neuron, ends in zip(neurons, beyond, strict=False)
        for value, way in zip(ends, (tr("down"), tr("up")), strict=True)
        if value is not None
    ]
