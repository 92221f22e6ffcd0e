"""Potentials and spikes of a few neurons over a run, read from the recorder step by step."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.run import Known
    from spikestudio.types import LayerInfo


class TracesData:
    """What the watched neurons of one layer did in one run.

    ``h`` and ``v`` are float32 ``[neurons, steps, T]``, NaN where nothing was recorded; ``spikes``
    is boolean of the same shape. ``missing`` lists the steps without potentials.
    """

    def __init__(self, source: Known, layer: LayerInfo, neurons: tuple[int, ...]) -> None:
        self.layer = layer
        self.neurons = neurons
        shape = (len(neurons), source.num_steps, source.snn_steps)
        self.h = np.full(shape, np.nan, np.float32)
        self.v = np.full(shape, np.nan, np.float32)
        self.spikes = np.zeros(shape, bool)
        self.missing: list[int] = []
        self.filled = 0
        self._source = source

    def fill(self, done: int, deadline: float) -> bool:
        """Read the steps before ``done``; False if the deadline came first."""
        ids = np.asarray(self.neurons, np.intp)
        while self.filled < done:
            step = self.filled
            potentials = self._source.potentials(self.layer.id, step)
            if potentials is None:
                self.missing.append(step)
            else:
                self.h[:, step] = potentials.h[:, ids].T
                self.v[:, step] = potentials.v[:, ids].T
            if (spikes := self._source.spikes(self.layer.id, step)) is not None:
                self.spikes[:, step] = spikes[:, ids].T
            self.filled += 1
            if time.perf_counter() > deadline:
                break
        return self.filled >= done
