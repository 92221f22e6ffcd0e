"""Which neurons of a run have never fired, and which always."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from spikestudio.recording.values import Readable


class FiredSoFar:
    """Neurons of a run's recorded image that never fired, or at every SNN step, so far.

    ``dead`` and ``saturated`` hold counts per layer, NaN where no spikes of a layer were recorded.
    """

    def __init__(self, recorder: Readable) -> None:
        self.recorder = recorder
        self._ever = [np.zeros(layer.num_neurons, bool) for layer in recorder.layers]
        self._always = [np.ones(layer.num_neurons, bool) for layer in recorder.layers]
        self._seen = 0  # layers times steps
        self.dead: NDArray[np.float64] = np.full(len(recorder.layers), np.nan)
        self.saturated: NDArray[np.float64] = np.full(len(recorder.layers), np.nan)

    def fill(self, steps_done: int, deadline: float) -> bool:
        """Read on until a time of ``perf_counter``; returns whether all steps done were read."""
        layers = self.recorder.layers
        while self._seen < steps_done * len(layers):
            step, row = divmod(self._seen, len(layers))
            spikes = self.recorder.spikes(layers[row].id, step)
            if spikes is not None:
                self._ever[row] |= spikes.any(axis=0)
                self._always[row] &= spikes.all(axis=0)
                self.dead[row] = np.count_nonzero(~self._ever[row])
                self.saturated[row] = np.count_nonzero(self._always[row])
            self._seen += 1
            if time.perf_counter() > deadline:
                break
        return self._seen >= steps_done * len(layers)
