"""Potentials and spikes of a few neurons over a run, read from the recorder step by step."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from spikestudio.neurons.constants import Constants, forced_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spikestudio.app.viewmodels.run import Known
    from spikestudio.neurons.overrides import Override
    from spikestudio.recording.values import Potentials, Watched
    from spikestudio.types import LayerInfo

InForce = Callable[[int], Constants]


class TracesData:
    """What the watched neurons of one layer did in one run.

    ``h``, ``v`` and ``current`` are float32 ``[neurons, steps, T]``, NaN where nothing was recorded;
    ``spikes`` is boolean of the same shape. ``missing`` lists the steps without any potentials; what
    the recorder kept of single neurons (``watched``) is read where it has none of the whole layer;
    ``constants`` of every step read are those that were in force. ``forced`` float32
    ``[neurons, steps]`` is infinite where a neuron was silenced, minus infinite where it was clamped.
    """

    def __init__(
        self,
        source: Known,
        layer: LayerInfo,
        neurons: tuple[int, ...],
        in_force: InForce,
        overrides: tuple[Override, ...] = (),
        watched: Callable[[int], Watched | None] | None = None,
    ) -> None:
        self.layer = layer
        self.neurons = neurons
        self._in_force = in_force
        self.constants: list[Constants] = []
        shape = (len(neurons), source.num_steps, source.snn_steps)
        self.h = np.full(shape, np.nan, np.float32)
        self.v = np.full(shape, np.nan, np.float32)
        self.current = np.full(shape, np.nan, np.float32)
        self.spikes = np.zeros(shape, bool)
        self.forced = np.zeros(shape[:2], np.float32)
        self.missing: list[int] = []
        self._overrides, self._watched = overrides, watched
        self._source = source

    @property
    def filled(self) -> int:
        """Denoising steps read so far."""
        return len(self.constants)

    @property
    def snn_steps(self) -> int:
        """SNN steps in each denoising step."""
        return self.h.shape[2]

    def known_steps(self) -> NDArray[np.intp]:
        """Return the steps read that have potentials."""
        return np.setdiff1d(np.arange(self.filled), self.missing).astype(np.intp)

    def constants_of(self, step: int) -> Constants:
        """Return what was, or will be, in force at a step of the run."""
        return self.constants[step] if step < self.filled else self._in_force(step)

    def fill(self, done: int, deadline: float) -> bool:
        """Read the steps before ``done``; False if the deadline came first."""
        ids = np.asarray(self.neurons, np.intp)
        while self.filled < done:
            step = self.filled
            constants = self._in_force(step)
            potentials = self._source.potentials(self.layer.id, step)
            if potentials is not None:
                self._put(step, slice(None), potentials, ids)
                constants = replace(constants, v_threshold=potentials.threshold)
            elif (threshold := self._fill_from_watched(step)) is not None:
                constants = replace(constants, v_threshold=threshold)
            else:
                self.missing.append(step)
            if (spikes := self._source.spikes(self.layer.id, step)) is not None:
                self.spikes[:, step] = spikes[:, ids].T
            if self._overrides:
                self.forced[:, step] = forced_at(self.layer, self._overrides, step, self.neurons)
            self.constants.append(constants)
            if time.perf_counter() > deadline:
                break
        return self.filled >= done

    def _fill_from_watched(self, step: int) -> float | None:
        """Read the neurons that were recorded one by one; return their threshold, None without any."""
        watched = self._watched(step) if self._watched is not None else None
        if watched is None:
            return None
        columns = {
            neuron: i for i, (name, neuron) in enumerate(watched.neurons) if name == self.layer.id
        }
        lanes = [lane for lane, neuron in enumerate(self.neurons) if neuron in columns]
        if not lanes:
            return None
        found = np.array([columns[self.neurons[lane]] for lane in lanes], np.intp)
        self._put(step, lanes, watched, found)
        # It is kept in float32: the decimal number that it was meant to be is the one to compare with.
        return float(str(watched.threshold[found[0]]))

    def _put(
        self,
        step: int,
        lanes: slice | list[int],
        source: Potentials | Watched,
        columns: NDArray[np.intp],
    ) -> None:
        self.h[lanes, step] = source.h[:, columns].T
        self.v[lanes, step] = source.v[:, columns].T
        self.current[lanes, step] = source.current[:, columns].T
