"""The recorded input of the selected neuron, with the constants that were in force."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isinf
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spikestudio.app.viewmodels.run import RunModel
from spikestudio.language import tr
from spikestudio.neurons.constants import Constants, constants_at, forced_at

if TYPE_CHECKING:
    from spikestudio.types import LayerInfo


@dataclass(frozen=True, slots=True, eq=False)
class RealNeuron:
    """One neuron of a network in one denoising step: input and spikes of every SNN step, ``[T]``.

    ``step`` counts from 0. Of a step that is not a recording but computed again ``is_recomputed``.
    """

    layer: LayerInfo
    neuron: int
    step: int
    current: NDArray[np.float32]
    spikes: NDArray[np.uint8]
    constants: Constants
    is_recomputed: bool = False

    @property
    def text(self) -> str:
        """Where it comes from, in words."""
        kind = tr(", recomputed") if self.is_recomputed else ""
        where = tr("Neuron {neuron:,} of layer {layer}", neuron=self.neuron, layer=self.layer.id)
        return tr(
            "{where}, denoising step {step:,}{kind}", where=where, step=self.step + 1, kind=kind
        )


def real_neuron(run: RunModel, step: int) -> RealNeuron | str:
    """Return the first selected neuron at a denoising step, or why there is none, as a sentence."""
    known, recorder, selection = run.known, run.recorder, run.selection
    layer = run.layer(selection.layer)
    if known is None or recorder is None or run.step is None:
        return tr("There is no run yet: sample first.")
    if layer is None or not selection.neurons:
        return tr("No neuron is selected: click one in the raster or in the mosaic first.")
    neuron = selection.neurons[0]
    if neuron >= layer.num_neurons:
        return tr(
            "Layer {layer} has no neuron {neuron:,}: select another one.",
            layer=layer.id,
            neuron=neuron,
        )
    found = _recorded(run, layer.id, neuron, step)
    spikes = known.spikes(layer.id, step)
    if found is None or spikes is None:
        why = tr(
            "The input of neuron {neuron:,} was not recorded at denoising step {step:,}",
            neuron=neuron,
            step=step + 1,
        )
        what = run.cannot_recompute or tr("It can be taken once the step is recomputed.")
        return f"{why}. {what}"
    current, threshold = found
    overrides = run.run.request.overrides if run.run else ()
    if isinf(float(forced_at(layer, overrides, step, (neuron,))[0])):
        return tr("A lesion forces neuron {neuron:,}: select one that is free.", neuron=neuron)
    constants = constants_at(layer, overrides, step, threshold)
    return RealNeuron(
        layer=layer,
        neuron=neuron,
        step=step,
        current=np.array(current, np.float32),
        spikes=np.array(spikes[:, neuron], np.uint8),
        constants=replace(constants, v_threshold=threshold),
        is_recomputed=(layer.id, step) in run.recomputed
        and recorder.potentials(layer.id, step) is None,
    )


def _recorded(
    run: RunModel, layer_id: str, neuron: int, step: int
) -> tuple[NDArray[np.float32], float] | None:
    """Input of a neuron and the threshold in force; of the whole layer, or recorded one by one."""
    assert run.known is not None
    assert run.recorder is not None
    potentials = run.known.potentials(layer_id, step)
    if potentials is not None:
        return potentials.current[:, neuron], potentials.threshold
    watched = run.recorder.watched(step)
    if watched is None or (layer_id, neuron) not in watched.neurons:
        return None
    column = watched.neurons.index((layer_id, neuron))
    # It is kept in float32: the decimal number that it was meant to be is the one to compare with.
    return watched.current[:, column], float(str(watched.threshold[column]))
