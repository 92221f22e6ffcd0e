"""Operations of one network evaluation and a theoretical estimate of their energy.

Counted are the multiplications of weight layers (convolutions and linear layers); neurons,
normalisation and gates are element by element and left out, as in the papers. Two accountings stand
beside the same network as an ANN:

- the papers' (arXiv 2306.17046): the first convolution multiplies, every other layer only adds,
  ``rate * T`` times its multiplications;
- the strict one: a layer only adds where its input is binary, otherwise it multiplies.

The strict additions are counted: every spike causes ``Operations.fan_out`` of its place, fewer at a
border. The papers' follow from firing rates.

Rates and additions are those of the spiking layers, ``[spiking layers, ...]`` in the order of
``Operations.spiking``; further axes (denoising steps) pass through. NaN stays NaN. Plain NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from spikestudio.errors import ConfigError
from spikestudio.language import tr

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class WeightLayer:
    """One convolution or linear layer of a network, for one image.

    ``sources`` are the spiking layers whose spikes (or their mean) it reads, with the share of its
    input that each makes up; none if its input is another real value.
    """

    id: str  # module path
    is_convolution: bool
    macs: int  # of one pass, padding included
    synapses: int  # of one pass, padding left out: what a spike can reach
    sources: tuple[tuple[str, float], ...]
    is_binary: bool  # it reads spikes, not their mean or anything else
    is_stepwise: bool  # computed at every SNN step, not once per evaluation


@dataclass(frozen=True, slots=True)
class Operations:
    """Weight layers and spiking layers of one network evaluation, each in order of evaluation."""

    layers: tuple[WeightLayer, ...]
    spiking: tuple[str, ...]
    num_neurons: tuple[int, ...]  # of each spiking layer
    # Additions that one spike of each spiking layer causes, by its place in the layer's map.
    fan_out: tuple[NDArray[np.int64], ...] = field(compare=False)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the network as an ANN: one pass, one image."""
        return sum(layer.macs for layer in self.layers)


@dataclass(frozen=True, slots=True)
class Costs:
    """Energy of one operation in picojoules; the defaults are 32-bit floats in 45 nm.

    Raises
    ------
    ConfigError
        A cost is negative or not finite.
    """

    mac: float = 4.6
    ac: float = 0.9

    def __post_init__(self) -> None:
        for name, value in (("MAC", self.mac), ("AC", self.ac)):
            if not (isfinite(value) and value >= 0):
                raise ConfigError(
                    tr(
                        "The energy of one {name} is {value!r} pJ: it must be 0 or more.",
                        name=name,
                        value=value,
                    ),
                    field=name,
                )


@dataclass(frozen=True, slots=True)
class Count:
    """Operations of one evaluation, float64 ``[weight layers, ...]``."""

    mac: Values
    ac: Values

    def energy(self, costs: Costs) -> Values:
        """Energy of every layer in joules."""
        return np.asarray(1e-12 * (costs.mac * self.mac + costs.ac * self.ac))


def as_ann(operations: Operations) -> Count:
    """Count every layer as one dense pass, ``[weight layers]``."""
    macs = _column(operations, "macs")
    return Count(macs, np.zeros_like(macs))


def as_papers(operations: Operations, rates: NDArray[np.floating], snn_steps: int) -> Count:
    """Count as the papers do: the first convolution multiplies once, all others add.

    A layer whose input has no firing rate, as it is no spikes, takes the mean rate of all neurons.
    """
    inputs = input_rates(operations, rates)
    inputs = np.where(
        _flags(operations, "sources", inputs.ndim), inputs, mean_rate(operations, rates)
    )
    first = next((i for i, layer in enumerate(operations.layers) if layer.is_convolution), 0)
    macs = _column(operations, "macs", inputs.ndim)
    is_first = (np.arange(len(operations.layers)) == first).reshape(macs.shape)
    return Count(
        np.broadcast_to(np.where(is_first, macs, 0.0), inputs.shape),
        np.where(is_first, 0.0, inputs * snn_steps * macs),
    )


def as_strict(operations: Operations, additions: NDArray[np.floating], snn_steps: int) -> Count:
    """Count additions only where the input is binary, one for each spike and synapse.

    ``additions`` are what the spikes of each spiking layer caused in one evaluation. Where several
    layers read the same spikes, each gets the share that its number of synapses makes up.
    """
    ndim = additions.ndim
    is_binary = _flags(operations, "is_binary", ndim)
    passes = np.where(_flags(operations, "is_stepwise", ndim), snn_steps, 1)
    dense = np.where(is_binary, 0.0, passes * _column(operations, "macs", ndim))
    reached = dict.fromkeys(operations.spiking, 0.0)
    for layer in operations.layers:
        for source, share in layer.sources if layer.is_binary else ():
            reached[source] += share * layer.synapses
    rows = dict(zip(operations.spiking, additions, strict=True))
    added = np.zeros((len(operations.layers), *additions.shape[1:]))
    for i, layer in enumerate(operations.layers):
        for source, share in layer.sources if layer.is_binary else ():
            added[i] += share * layer.synapses / reached[source] * rows[source]
    return Count(np.broadcast_to(dense, added.shape), added)


def input_rates(operations: Operations, rates: NDArray[np.floating]) -> Values:
    """Firing rate of what each weight layer reads, ``[weight layers, ...]``; NaN if no spikes."""
    rows = {layer_id: rates[i] for i, layer_id in enumerate(operations.spiking)}
    result = np.full((len(operations.layers), *rates.shape[1:]), np.nan)
    for i, layer in enumerate(operations.layers):
        if layer.sources:
            result[i] = sum(share * rows[source] for source, share in layer.sources)
    return result


def mean_rate(operations: Operations, rates: NDArray[np.floating]) -> Values:
    """Share of all neurons that fire in one SNN step, ``[...]``; activation sparsity is 1 minus it."""
    weights = np.array(operations.num_neurons, np.float64)
    return np.asarray(np.tensordot(weights / weights.sum(), rates, axes=1))


def _column(operations: Operations, name: str, ndim: int = 1) -> Values:
    values = np.array([getattr(layer, name) for layer in operations.layers], np.float64)
    return values.reshape(-1, *[1] * (ndim - 1))


def _flags(operations: Operations, name: str, ndim: int) -> NDArray[np.bool_]:
    values = np.array([bool(getattr(layer, name)) for layer in operations.layers])
    return values.reshape(-1, *[1] * (ndim - 1))
