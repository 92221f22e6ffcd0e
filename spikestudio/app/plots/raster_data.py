"""What the neurons of a layer did, as counts and as a picture of colour indices."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from spikestudio.app import theme
from spikestudio.app.plots.palettes import FIRST_WATCHED, SILENT, SPIKE, potential_indices
from spikestudio.app.plots.row_orders import NEVER, Counts, Fired, Order, spread

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.run import Known
    from spikestudio.types import LayerInfo

__all__ = ["Mode", "RasterData", "RasterStack", "spread"]

Mode = Literal["spikes", "potential"]


class RasterData:
    """What one layer did in one run, for a choice of rows.

    ``picture`` is uint8 ``[rows, steps * T]`` of indices into the mode's colour table, 0 where
    nothing is known; ``counts`` holds the spikes of every neuron in the ``known`` of the
    ``counted`` steps whose spikes were recorded, ``first`` when each fired first.
    """

    def __init__(self, source: Known, layer: LayerInfo) -> None:
        self.layer = layer
        self.mode: Mode = "spikes"
        self.counts: Counts = np.zeros(layer.num_neurons, np.uint16)
        self.first: Counts = np.full(layer.num_neurons, NEVER, np.uint16)
        self.counted = self.known = 0
        self.rows: Order = np.empty(0, np.intp)
        self.missing: list[int] = []  # filled steps of which nothing was recorded in this mode
        self.picture = np.zeros((0, source.num_steps * source.snn_steps), np.uint8)
        self.filled = 0
        self._source = source
        self._newest: tuple[int, NDArray[np.uint8] | None] = (-1, None)

    @property
    def fired(self) -> Fired:
        """What is known by now of every neuron; changes with the counts."""
        return Fired(self.layer, self.counts, self.first, self.known * self._source.snn_steps)

    def count(self, done: int, deadline: float) -> bool:
        """Count spikes of the steps before ``done``; False if the deadline came first."""
        while self.counted < done:
            if (spikes := self._spikes(self.counted)) is not None:
                self._count(spikes, self.counted * self._source.snn_steps)
            self.counted += 1
            if time.perf_counter() > deadline:
                break
        return self.counted >= done

    def _count(self, spikes: NDArray[np.uint8], passed: int) -> None:
        was_silent = self.counts == 0
        self.counts += spikes.sum(axis=0, dtype=np.uint16)
        self.known += 1
        new = np.flatnonzero(was_silent & (self.counts > 0))
        self.first[new] = passed + spikes[:, new].argmax(axis=0)

    def choose(self, mode: Mode, rows: Order) -> None:
        """Show these neurons from top to bottom; empties the picture if anything is new."""
        if mode != self.mode or not np.array_equal(rows, self.rows):
            self.mode, self.rows = mode, rows
            self.picture = np.zeros((rows.size, self.picture.shape[1]), np.uint8)
            self.missing = []
            self.filled = 0

    def fill(self, done: int, deadline: float) -> bool:
        """Draw the steps before ``done``; False if the deadline came first."""
        snn_steps = self._source.snn_steps
        while self.filled < done:
            step = self.filled
            columns = slice(step * snn_steps, (step + 1) * snn_steps)
            values = self._indices(step)
            if values is None:
                self.missing.append(step)
            else:
                self.picture[:, columns] = values.T
            self.filled += 1
            if time.perf_counter() > deadline:
                break
        return self.filled >= done

    def window(self, first: int, last: int, watched: tuple[int, ...]) -> NDArray[np.uint8]:
        """Return a copy of columns first to last - 1, spikes of watched neurons in their index."""
        part = self.picture[:, first:last].copy()
        if self.mode == "spikes":
            colors = len(theme.tokens().watch)
            for place, neuron in enumerate(watched):
                for row in np.flatnonzero(self.rows == neuron):
                    part[row][part[row] == SPIKE] = FIRST_WATCHED + place % colors
        return part

    def _spikes(self, step: int) -> NDArray[np.uint8] | None:
        if self._newest[0] != step:  # counting and drawing read the same step in turn
            self._newest = (step, self._source.spikes(self.layer.id, step))
        return self._newest[1]

    def _indices(self, step: int) -> NDArray[np.uint8] | None:
        """Colour indices ``[T, rows]`` of one step, None if it was not recorded."""
        if self.mode == "spikes":
            spikes = self._spikes(step)
            return None if spikes is None else np.where(spikes[:, self.rows], SPIKE, SILENT)
        potentials = self._source.potentials(self.layer.id, step)
        if potentials is None:
            return None
        return potential_indices(potentials.h[:, self.rows], potentials.threshold)


class RasterStack:
    """Rows of one layer, or of several below each other."""

    def __init__(self, source: Known, layers: Sequence[LayerInfo]) -> None:
        self.source = source
        self.layers = tuple(layers)
        self.parts = tuple(RasterData(source, layer) for layer in layers)
        self.starts: tuple[int, ...] = (0,) * len(self.parts)  # first row of each layer
        self.size = 0

    @property
    def total(self) -> int:
        """Neurons of all the layers."""
        return sum(layer.num_neurons for layer in self.layers)

    @property
    def counted(self) -> int:
        """Denoising steps whose spikes are counted in every layer."""
        return min(part.counted for part in self.parts)

    @property
    def fired(self) -> list[Fired]:
        """What is known of every neuron, by layer."""
        return [part.fired for part in self.parts]

    @property
    def rows(self) -> list[Order]:
        """The neurons shown of each layer, from top to bottom."""
        return [part.rows for part in self.parts]

    def of(self, layer_id: str) -> RasterData | None:
        """Return what is known of a layer."""
        return next((part for part in self.parts if part.layer.id == layer_id), None)

    def count(self, done: int, deadline: float) -> bool:
        """Count spikes of the steps before ``done``; False if the deadline came first."""
        for part in self.parts:
            if part.counted < done:
                part.count(done, deadline)
                if time.perf_counter() > deadline:
                    break
        return self.counted >= done

    def choose(self, mode: Mode, rows: Sequence[Order]) -> None:
        """Show these neurons of each layer."""
        starts, size = [], 0
        for part, chosen in zip(self.parts, rows, strict=True):
            part.choose(mode, chosen)
            starts.append(size)
            size += chosen.size
        self.starts, self.size = tuple(starts), size

    def fill(self, done: int, deadline: float) -> bool:
        """Draw the steps before ``done``; False if the deadline came first."""
        for part in self.parts:
            if part.filled < done:
                part.fill(done, deadline)
                if time.perf_counter() > deadline:
                    break
        return all(part.filled >= done for part in self.parts)

    def window(
        self, first: int, last: int, layer_id: str, watched: tuple[int, ...]
    ) -> NDArray[np.uint8]:
        """Return a copy of columns first to last - 1; watched neurons are those of one layer."""
        parts = [
            part.window(first, last, watched if part.layer.id == layer_id else ())
            for part in self.parts
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def at(self, row: int) -> tuple[RasterData, int] | None:
        """Return the layer and the neuron of a row."""
        if not 0 <= row < self.size:
            return None
        index = int(np.searchsorted(self.starts, row, side="right")) - 1
        part = self.parts[index]
        return part, int(part.rows[row - self.starts[index]])

    def row_of(self, layer_id: str, neuron: int) -> int | None:
        """Return the row of a neuron, None if it is not shown."""
        for part, start in zip(self.parts, self.starts, strict=True):
            if part.layer.id == layer_id:
                found = np.flatnonzero(part.rows == neuron)
                return start + int(found[0]) if found.size else None
        return None
