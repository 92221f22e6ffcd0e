"""How often the neurons of a layer fire, and how evenly a few of them do."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.run import Known
    from spikestudio.types import LayerInfo

LEAST_SNN_STEPS = 8  # from which on intervals within one evaluation say something
MOST_BINS = 40  # between the ends


@dataclass(frozen=True, slots=True, eq=False)
class RateHistogram:
    """Neurons of a layer by firing rate.

    ``edges`` ``[bins + 1]`` are rates in spikes per SNN step and ``counts`` ``[bins]`` neurons. The
    first bin, around 0, holds exactly the silent ones, the last, around 1, the saturated ones.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    mean: float
    steps: int

    @property
    def neurons(self) -> int:
        """Neurons of the layer."""
        return int(self.counts.sum())

    @property
    def silent(self) -> float:
        """Share of neurons that never fired."""
        return float(self.counts[0] / max(1, self.neurons))

    @property
    def saturated(self) -> float:
        """Share of neurons that fired at every SNN step."""
        return float(self.counts[-1] / max(1, self.neurons))


def rate_histogram(spikes: NDArray[np.integer], chances: int, steps: int) -> RateHistogram:
    """Sort neurons by their ``spikes`` ``[N]`` out of ``chances`` SNN steps.

    Every possible rate has a bin of its own where these are few; else each bin between the silent
    and the saturated takes as many of them, but for the last, which may take fewer.
    """
    width = max(1, -(-(chances - 1) // MOST_BINS))  # numbers of spikes in a bin
    inner = -(-(chances - 1) // width)
    bins = np.minimum(1 + (spikes - 1) // width, inner)
    bins = np.where(spikes >= chances, inner + 1, np.where(spikes == 0, 0, bins))
    counts = np.bincount(bins, minlength=inner + 2).astype(np.int64)
    edges = np.minimum(0.5 + width * np.arange(inner + 1), chances - 0.5) / chances
    mean = float(spikes.mean() / chances) if spikes.size else 0.0
    return RateHistogram(np.r_[-edges[0], edges, 2 - edges[-1]], counts, mean, steps)


class LayerCounts:
    """Spikes of every neuron of a layer over the recorded steps, added up as time allows."""

    def __init__(self, source: Known, layer: LayerInfo) -> None:
        self.layer = layer
        self.spikes = np.zeros(layer.num_neurons, np.int64)
        self.read = 0  # steps looked at
        self.steps = 0  # of these that were recorded
        self._source = source

    def fill(self, done: int, deadline: float) -> bool:
        """Count the steps before ``done``; False if the deadline came first."""
        while self.read < done:
            spikes = self._source.spikes(self.layer.id, self.read)
            self.read += 1
            if spikes is not None:
                self.spikes += spikes.sum(axis=0, dtype=np.int64)
                self.steps += 1
            if time.perf_counter() > deadline:
                break
        return self.read >= done

    def all_steps(self) -> RateHistogram | None:
        """Return the histogram over all steps counted; None if none was recorded."""
        if not self.steps:
            return None
        return rate_histogram(self.spikes, self.steps * self._source.snn_steps, self.steps)

    def one_step(self, step: int) -> RateHistogram | None:
        """Return the histogram of one step; None if it was not recorded."""
        spikes = self._source.spikes(self.layer.id, step)
        if spikes is None:
            return None
        return rate_histogram(spikes.sum(axis=0, dtype=np.int64), len(spikes), 1)


@dataclass(frozen=True, slots=True)
class Intervals:
    """Intervals between successive spikes of one neuron; NaN where there are too few."""

    number: int
    mean: float
    cv: float


def intervals(spikes: NDArray[np.bool_]) -> Intervals:
    """Measure a neuron's spikes ``[steps, T]``; no interval reaches from one step into the next."""
    step, column = np.nonzero(spikes)
    gaps = np.diff(column)[np.diff(step) == 0]
    mean = float(gaps.mean()) if gaps.size else float("nan")
    cv = float(gaps.std() / mean) if gaps.size > 1 else float("nan")
    return Intervals(int(gaps.size), mean, cv)
